// Bundles the one file of core that imports mqtt-packet with it, for browsers: package.json's `browser` map gives it to their
// bundlers in place of the other. What mqtt-packet wants of Node and npm is packages/core/browser, and what core never
// calls is left out: core reads and writes properties and most packets itself.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, parse } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import ts from 'typescript'

const root = fileURLToPath(new URL('..', import.meta.url))
const core = join(root, 'packages/core')
const theirs = dirname(createRequire(join(core, 'package.json')).resolve('mqtt-packet/package.json'))
const { version } = JSON.parse(readFileSync(join(theirs, 'package.json'), 'utf8'))
const licence = readFileSync(join(theirs, 'LICENSE.md'), 'utf8').trim()
const ours = ['bl.cjs', 'buffer.ts', 'events.ts', 'process-nextick-args.ts']

/** Functions, methods and constants of mqtt-packet that core never reaches, by file. */
const unused = {
  'constants.js': [
    'EMPTY',
    'PUBLISH_HEADER',
    'properties',
    'propertiesTypes',
    'MQTT5_PUBACK_PUBREC_CODES',
    'MQTT5_PUBREL_PUBCOMP_CODES',
    'MQTT5_DISCONNECT_CODES',
    'MQTT5_AUTH_CODES',
  ],
  'parser.js': [
    '_parsePublish',
    '_parseConfirmation',
    '_parseDisconnect',
    '_parseAuth',
    '_parseByType',
    '_parseStringPair',
    '_parse4ByteNum',
  ],
  'writeToStream.js': [
    'publish',
    'confirmation',
    'emptyPacket',
    'disconnect',
    'auth',
    'getLengthProperty',
    'writeProperty',
    'writeStringPair',
    'write4ByteNumber',
  ],
}

/** What a statement or a member declares, where it does: the name of a function, a method, a `protocol.constant`. */
function declared(node) {
  if (ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node)) return node.name.getText()
  const assignment = ts.isExpressionStatement(node) && ts.isBinaryExpression(node.expression) && node.expression
  return assignment && ts.isPropertyAccessExpression(assignment.left) ? assignment.left.name.text : undefined
}

/** Whether a statement is about `debug`, which says nothing in a browser. */
function debugs(node) {
  if (ts.isVariableStatement(node)) return node.declarationList.declarations[0].name.getText() === 'debug'
  return (
    ts.isExpressionStatement(node) &&
    ts.isCallExpression(node.expression) &&
    node.expression.expression.getText() === 'debug'
  )
}

/** The source without what is unused, and without calls of `debug`. A name that is not there is an error. */
function trim(path, source, names) {
  const missing = new Set(names)
  const cuts = []
  const visit = (node) => {
    if (missing.delete(declared(node)) || debugs(node)) cuts.push(node)
    else ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(path, source, ts.ScriptTarget.ES2022, true, ts.ScriptKind.JS))
  if (missing.size > 0) throw new Error(`${path} has no ${[...missing].join(', ')}`)
  return cuts.reduceRight((text, node) => text.slice(0, node.getFullStart()) + text.slice(node.end), source)
}

const trimmed = {
  name: 'trimmed',
  setup: ({ onLoad }) =>
    onLoad({ filter: /mqtt-packet[\\/]\w+\.js$/ }, ({ path }) => {
      const source = readFileSync(path, 'utf8')
      return { contents: trim(path, source, unused[basename(path)] ?? []), loader: 'js' }
    }),
}

for (const format of ['esm', 'cjs']) {
  await build({
    entryPoints: [join(core, 'dist', format, 'codec/mqtt-packet.js')],
    outfile: join(core, 'dist', format, 'codec/mqtt-packet.browser.js'),
    absWorkingDir: root,
    alias: Object.fromEntries(ours.map((file) => [parse(file).name, join(core, 'browser', file)])),
    plugins: [trimmed],
    bundle: true,
    format,
    platform: 'browser',
    target: 'es2022',
    banner: { js: `/*! Has parts of mqtt-packet ${version}:\n\n${licence}\n*/` },
    logLevel: 'warning',
  })
}
