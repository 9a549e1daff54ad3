// What an application's bundle grows by, with rxjs, minified and gzipped, without the text of licences.
const core = 'packages/core/dist/esm/index.js'
const websocket = 'packages/transports/dist/esm/websocket.js'
const client = '{ Connection, handshake, keepAlive, backoff, Session }'

const part = (name, imports, limit) => ({
  name,
  path: Object.keys(imports)[0],
  import: imports,
  limit,
  gzip: true,
  modifyEsbuildConfig: (config) => ({ ...config, platform: 'browser', format: 'esm', legalComments: 'none' }),
})

export default [
  part('codec: parse, generate', { [core]: '{ parse, generate }' }, '25.5 kB'),
  part('core: codec, operators, Connection', { [core]: '{ Connection }' }, '30 kB'),
  part('core with flows and Session', { [core]: client }, '45 kB'),
  part('connectWebSocket alone', { [websocket]: '{ connectWebSocket }' }, '10 kB'),
  part(
    'a client: core with flows and Session, connectWebSocket',
    { [core]: client, [websocket]: '{ connectWebSocket }' },
    '47 kB',
  ),
  part('everything that core exports', { [core]: '*' }, '53 kB'),
]
