// API reports: one a public entry, checked in under packages/*/etc. `--update` rewrites them, otherwise a change fails.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor'

const root = fileURLToPath(new URL('..', import.meta.url))
const update = process.argv.includes('--update')
const temp = `${root}temp/api`
let failed = false

const entriesOf = (folder) => {
  const { exports } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'))
  return Object.entries(exports)
    .filter(([, target]) => typeof target === 'object')
    .map(([subpath, target]) => ({
      name: subpath === '.' ? 'index' : subpath.slice(2).replaceAll('/', '-'),
      types: target.import.types,
    }))
}

/** What a package's main entry exports, from its report; its other entries may name it. */
const exportedNames = (folder) => {
  if (!existsSync(`${folder}/etc/index.api.md`)) return new Set()
  const report = readFileSync(`${folder}/etc/index.api.md`, 'utf8')
  return new Set(
    [...report.matchAll(/^export (?:(?:abstract |)class|interface|type|const|function) (\w+)/gm)].map(
      ([, name]) => name,
    ),
  )
}

rmSync(temp, { recursive: true, force: true })
for (const name of ['core', 'transports']) {
  const folder = `${root}packages/${name}`
  mkdirSync(`${folder}/etc`, { recursive: true })
  for (const entry of entriesOf(folder)) {
    const config = ExtractorConfig.prepare({
      packageJsonFullPath: `${folder}/package.json`,
      configObjectFullPath: undefined,
      configObject: {
        projectFolder: folder,
        mainEntryPointFilePath: `${folder}/${entry.types}`,
        newlineKind: 'lf',
        compiler: {
          overrideTsconfig: {
            compilerOptions: {
              target: 'ES2022',
              lib: ['ES2022'],
              module: 'NodeNext',
              moduleResolution: 'NodeNext',
              types: ['node'],
              strict: true,
              skipLibCheck: true,
            },
            files: [`${folder}/${entry.types}`],
          },
        },
        apiReport: {
          enabled: true,
          reportFileName: `${entry.name}.api.md`,
          reportFolder: `${folder}/etc`,
          reportTempFolder: `${temp}/${name}`,
        },
        docModel: { enabled: false },
        dtsRollup: { enabled: false },
        tsdocMetadata: { enabled: false },
        messages: {
          compilerMessageReporting: { default: { logLevel: 'error' } },
          extractorMessageReporting: {
            default: { logLevel: 'error' },
            // No release tags: what an entry exports is public.
            'ae-undocumented': { logLevel: 'none' },
            'ae-missing-release-tag': { logLevel: 'none' },
            'ae-unresolved-link': { logLevel: 'none' },
          },
          tsdocMessageReporting: { default: { logLevel: 'none' } },
        },
      },
    })
    const result = Extractor.invoke(config, {
      localBuild: update,
      messageCallback: (message) => {
        const quiet = [ExtractorLogLevel.Verbose, ExtractorLogLevel.Info, ExtractorLogLevel.None]
        if (quiet.includes(message.logLevel) || message.messageId.startsWith('console-compiler-version')) {
          message.handled = true
        }
        const forgotten = message.messageId === 'ae-forgotten-export' && /"(\w+)"/.exec(message.text)?.[1]
        if (entry.name !== 'index' && exportedNames(folder).has(forgotten)) message.logLevel = ExtractorLogLevel.None
      },
    })
    const stale = result.apiReportChanged && !update
    if (stale || !result.succeeded) failed = true
    const verdict = stale ? 'CHANGED: run `npm run api` and commit the report' : result.succeeded ? 'ok' : 'FAILED'
    console.log(`packages/${name}/etc/${entry.name}.api.md ${verdict}`)
  }
}
process.exitCode = failed ? 1 : 0
