import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const roots = { core: 'packages/core/src', transports: 'packages/transports/src' } as const

/** Sources as JavaScript, for processes that start often: a spec run has no build. */
export interface Compiled {
  /** The file of a source, such as `core/spec-support/session-process.ts`. */
  file(source: string): string
  remove(): Promise<void>
}

/** Compiles the sources of both packages, each file by itself, into a folder of their own. */
export async function compileSources(): Promise<Compiled> {
  const folder = await mkdtemp(join(tmpdir(), 'rxmqtt-compiled-'))
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  for (const [name, path] of Object.entries(roots)) {
    const from = join(root, path)
    for (const file of await readdir(from, { recursive: true })) {
      if (!file.endsWith('.ts') || file.endsWith('.spec.ts')) continue
      const to = join(folder, name, file.replace(/ts$/, 'js'))
      await mkdir(dirname(to), { recursive: true })
      await writeFile(to, compile(await readFile(join(from, file), 'utf8'), relative(dirname(to), folder)))
    }
  }
  return {
    file: (source) => join(folder, source.replace(/ts$/, 'js')),
    remove: () => rm(folder, { recursive: true }),
  }
}

function compile(source: string, up: string): string {
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 }
  return ts
    .transpileModule(source, { compilerOptions })
    .outputText.replaceAll(/(from )'@rxmqtt\/core'/g, `$1'${up}/core/index.js'`)
    .replaceAll(/(from )'@rxmqtt\/transports\/(\w+)'/g, `$1'${up}/transports/$2.js'`)
}
