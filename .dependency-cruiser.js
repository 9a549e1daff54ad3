/** The layers of core, lowest first: a layer imports from itself and from what stands before it. */
const layers = ['errors', 'packet', 'codec', 'topics', 'operators', 'connection', 'session', 'flows']

const core = 'packages/core/src'
const pathOf = (names) => `^${core}/(${names.join('|')})(/|\\.ts$)`
const specs = '\\.spec\\.ts$|/test/|/src/spec-support/'
/** Names that are published; they resolve to these files. */
const coreEntry = `^${core}/((testing|level)/)?index\\.ts$`
const transportEntries = '^packages/transports/src/(tcp|tls|ws|duplex|memory|websocket|web-streams|message-port)\\.ts$'
/** What runs in browsers: the entries and what they consist of. */
const browserFiles =
  '^packages/transports/src/(websocket|websocket-transport|web-streams|streams|message-port|port|port-transport|port-bridge|chunks|dial|memory|options|state)\\.ts$'
/** The transport contract is a leaf: the errors, the packets and the codec have no business with it. */
const seesTransport = (layer) => layers.indexOf(layer) >= layers.indexOf('operators')

const layerRules = layers.map((layer, index) => ({
  name: `layer-${layer}`,
  comment: `${layer} imports only from ${layers.slice(0, index + 1).join(', ')}`,
  severity: 'error',
  from: { path: pathOf([layer]), pathNot: specs },
  to: {
    path: `^packages/`,
    pathNot: pathOf([...layers.slice(0, index + 1), ...(seesTransport(layer) ? ['transport'] : [])]),
  },
}))

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...layerRules,
    {
      name: 'core-file-without-layer',
      comment: 'Every source file of core belongs to a layer',
      severity: 'error',
      from: { path: `^${core}/`, pathNot: `${pathOf([...layers, 'transport', 'index', 'level', 'testing'])}|${specs}` },
      to: {},
    },
    {
      name: 'testing-beside-the-layers',
      comment: 'The testing kit knows packets, the codec and the transport contract; it works with any test runner',
      severity: 'error',
      from: { path: `^${core}/testing/`, pathNot: specs },
      to: { path: '^packages/', pathNot: pathOf(['errors', 'packet', 'codec', 'transport', 'testing']) },
    },
    {
      name: 'nobody-imports-testing',
      comment: 'What runs in production has no business with the testing kit',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/', pathNot: `^${core}/testing/|${specs}` },
      to: { path: `^${core}/testing/` },
    },
    {
      name: 'transport-is-a-leaf',
      comment: 'The transport contract imports nothing but rxjs',
      severity: 'error',
      from: { path: `^${core}/transport\\.ts$` },
      to: { pathNot: '^node_modules/rxjs/' },
    },
    {
      name: 'core-without-node',
      comment: 'Core imports nothing from Node; only the file around mqtt-packet needs its Buffer',
      severity: 'error',
      from: { path: `^${core}/`, pathNot: `^${core}/codec/mqtt-packet\\.ts$|${specs}` },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'only-buffer-from-node',
      severity: 'error',
      from: { path: `^${core}/codec/mqtt-packet\\.ts$` },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?buffer$' },
    },
    {
      name: 'mqtt-packet-in-one-file',
      comment: 'codec/mqtt-packet.ts is the only file that imports mqtt-packet',
      severity: 'error',
      from: { path: `^${core}/`, pathNot: `^${core}/codec/mqtt-packet\\.ts$|${specs}` },
      to: { path: '^node_modules/mqtt-packet/' },
    },
    {
      name: 'only-level-imports-level',
      comment: 'Nobody else reaches the store that needs a database',
      severity: 'error',
      from: { path: `^${core}/`, pathNot: `^${core}/level/|${specs}` },
      to: { path: `^${core}/level/` },
    },
    {
      name: 'core-dependencies',
      comment: 'Core depends on rxjs and mqtt-packet alone, its level entry on classic-level too',
      severity: 'error',
      from: { path: `^${core}/`, pathNot: `^${core}/level/|${specs}` },
      to: { path: '^node_modules/', pathNot: '^node_modules/(rxjs|mqtt-packet)/' },
    },
    {
      name: 'core-knows-no-adapter',
      severity: 'error',
      from: { path: `^${core}/`, pathNot: specs },
      to: { path: '^(packages/transports|examples|bench)/' },
    },
    {
      name: 'transports-see-the-entry',
      comment: 'Transports import from core only what its entry exports (the linter limits the names)',
      severity: 'error',
      from: { path: '^packages/transports/src/' },
      to: { path: '^(packages/core|examples|bench)/', pathNot: coreEntry },
    },
    {
      name: 'browser-entries-without-node',
      comment: 'What a page imports of the transports reaches nothing but core and rxjs: no Node, no ws',
      severity: 'error',
      from: { path: browserFiles },
      to: { pathNot: `${browserFiles}|^${core}/index\\.ts$|^node_modules/rxjs/` },
    },
    {
      name: 'published-names-only',
      comment: 'Examples and benchmarks import the packages by their published names',
      severity: 'error',
      from: { path: '^(examples|bench)/' },
      to: { path: '^packages/', pathNot: `${coreEntry}|${transportEntries}` },
    },
    {
      name: 'no-spec-in-source',
      severity: 'error',
      from: { path: '^(packages/[^/]+|examples(/broker)?|bench)/src/', pathNot: specs },
      to: { path: '\\.spec\\.ts$' },
    },
    {
      name: 'no-testing-in-source',
      comment: 'The helpers of specs are not part of the packages',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/', pathNot: specs },
      to: { path: '/src/spec-support/|/test/' },
    },
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphans',
      comment: 'A file that nothing imports and that imports nothing is dead',
      severity: 'error',
      from: {
        orphan: true,
        pathNot: `\\.d\\.ts$|^packages/core/browser/|\\.spec\\.ts$|${coreEntry}|${transportEntries}|^(examples(/broker)?|bench)/src/`,
      },
      to: {},
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: {
      path: '/dist/|^examples/angular-dashboard/(src/([^/]+|app/[^/]+)$|node_modules/)|^(packages/[^/]+|examples|bench)/[^/]+\\.(js|mjs|cjs)$',
    },
    tsConfig: { fileName: 'tsconfig.test.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'node', 'default'] },
  },
}
