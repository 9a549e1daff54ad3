import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { run } from './programs.js'

const root = fileURLToPath(new URL('..', import.meta.url))

/** How npm lays packages out: all in one folder, or each one seeing only what it asked for. */
export type Layout = 'hoisted' | 'linked'

/** A project somewhere else, in which our packages are installed as if they came from the registry. */
export interface Project {
  readonly folder: string
  remove(): Promise<void>
}

let packed: Promise<string> | undefined

/** A folder with `core.tgz` and `transports.tgz`, as they would be published; made once. */
function pack(): Promise<string> {
  packed ??= (async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rxmqtt-packed-'))
    await run(
      'npm',
      [
        'pack',
        '--silent',
        '--ignore-scripts',
        '--pack-destination',
        folder,
        '-w',
        'packages/core',
        '-w',
        'packages/transports',
      ],
      root,
    )
    for (const name of ['core', 'transports']) {
      const file = (await readdir(folder)).find((each) => each.startsWith(`rxmqtt-${name}-`))
      await rename(join(folder, file as string), join(folder, `${name}.tgz`))
    }
    return folder
  })()
  return packed
}

/** Removes what {@link install} packed. */
export async function removePacked(): Promise<void> {
  if (packed !== undefined) await rm(await packed, { recursive: true })
  packed = undefined
}

/** Installs a fixture with our packages in a fresh folder, and puts the page into it: as it is, and as JavaScript. */
export async function install(fixture: 'bundlers' | 'angular', layout: Layout): Promise<Project> {
  const tarballs = await pack()
  const folder = await mkdtemp(join(tmpdir(), `rxmqtt-${fixture}-${layout}-`))
  await cp(join(root, 'browser-tests/fixtures', fixture), folder, { recursive: true })
  await cp(tarballs, folder, { recursive: true })
  const page = await readFile(join(root, 'browser-tests/page.ts'), 'utf8')
  if (fixture === 'angular') await writeFile(join(folder, 'src/page.ts'), page)
  else await writeFile(join(folder, 'page.js'), toJavaScript(page))
  const quick = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--no-package-lock']
  await run('npm', ['install', `--install-strategy=${layout}`, ...quick], folder)
  return { folder, remove: () => rm(folder, { recursive: true }) }
}

function toJavaScript(source: string): string {
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 }
  return ts.transpileModule(source, { compilerOptions }).outputText
}
