// `node --import ./scripts/typescript-hooks.mjs file.ts` runs the sources as they are, for specs that need another process.
import { readFile } from 'node:fs/promises'
import { register } from 'node:module'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'

// Node loads this file again in a thread of its own, for the two functions below.
if (isMainThread) register(import.meta.url)
const { default: ts } = isMainThread ? {} : await import('typescript')

const sources = [
  [/^@rxmqtt\/example-broker$/, 'examples/broker/src/index.ts'],
  [/^@rxmqtt\/transports\/(.+)$/, 'packages/transports/src/$1.ts'],
  [/^@rxmqtt\/core\/(.+)$/, 'packages/core/src/$1/index.ts'],
  [/^@rxmqtt\/core$/, 'packages/core/src/index.ts'],
]

export const resolve = (specifier, context, next) => {
  const [pattern, source] = sources.find(([pattern]) => pattern.test(specifier)) ?? []
  if (pattern) return next(new URL(`../${specifier.replace(pattern, source)}`, import.meta.url).href, context)
  const isOurs = specifier.startsWith('.') && specifier.endsWith('.js') && context.parentURL?.endsWith('.ts')
  return next(isOurs ? specifier.replace(/js$/, 'ts') : specifier, context)
}

export const load = async (url, context, next) => {
  if (!url.endsWith('.ts')) return next(url, context)
  const source = await readFile(fileURLToPath(url), 'utf8')
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 }
  return { format: 'module', shortCircuit: true, source: ts.transpileModule(source, { compilerOptions }).outputText }
}
