import { fileURLToPath } from 'node:url'
import { build, type BuildOptions } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))

/** What Node has and browsers have not. A free use of one stands in a bundle under another name, which can be found. */
const nodeGlobals = ['Buffer', 'process', 'global', 'require', 'module', '__dirname', '__filename', 'setImmediate']

export interface Bundle {
  readonly text: string
  /** The bytes of each input in the bundle, by its path from the root. */
  readonly inputs: Readonly<Record<string, number>>
  /** What it has from outside: globals of Node that nothing declares, and imports that are left. */
  readonly foreign: readonly string[]
}

/** Bundles a module's source for browsers, as esbuild does without any setting. */
export async function bundle(contents: string, options: BuildOptions = {}): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: `${root}examples` },
    absWorkingDir: root,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    legalComments: 'none',
    logLevel: 'silent',
    // Without the paths to the sources that ours has: what is built is bundled.
    tsconfigRaw: {},
    ...options,
    define: Object.fromEntries(nodeGlobals.map((name) => [name, `__free_${name}`])),
    metafile: true,
    write: false,
  })
  const text = outputFiles[0]?.text ?? ''
  const free = [...text.matchAll(/__free_(\w+)/g)].map(([, name = '']) => name)
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports.map(({ path }) => path))
  const inputs = Object.values(metafile.outputs).flatMap((output) =>
    Object.entries(output.inputs).map(([path, { bytesInOutput }]) => [path, bytesInOutput] as const),
  )
  return { text, inputs: Object.fromEntries(inputs), foreign: [...new Set([...free, ...imports])] }
}
