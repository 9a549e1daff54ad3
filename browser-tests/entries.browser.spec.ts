import { readFileSync } from 'node:fs'
import { bundle } from './bundle.js'

const manifest = (name: string): { exports: object } =>
  JSON.parse(readFileSync(new URL(`../packages/${name}/package.json`, import.meta.url), 'utf8')) as { exports: object }
/** What is made for Node alone. */
const forNode = ['./tcp', './tls', './ws', './duplex']
const entries = ['core', 'transports'].flatMap((name) =>
  Object.keys(manifest(name).exports)
    .filter((subpath) => !subpath.endsWith('.json') && !forNode.includes(subpath))
    .map((subpath) => `@rxmqtt/${name}${subpath.slice(1)}`),
)

test('these entries are for browsers', () => {
  expect(entries).toEqual(
    expect.arrayContaining(['@rxmqtt/core', '@rxmqtt/core/testing', '@rxmqtt/transports/websocket']),
  )
})

test.each(entries)('%s has nothing of Node, and mqtt-packet only as it was prepared', async (entry) => {
  const { foreign, inputs } = await bundle(`export * from '${entry}'`, { external: ['classic-level'] })
  expect(foreign.filter((name) => name !== 'classic-level')).toEqual([])
  expect(Object.keys(inputs).filter((path) => /^node_modules\/(?!rxjs\/|tslib\/)/.test(path))).toEqual([])
})

test('an entry for Node is told from these', async () => {
  await expect(bundle(`export * from '@rxmqtt/transports/tcp'`)).rejects.toThrow('node:net')
  const { foreign } = await bundle(`export const bytes = Buffer.from(process.argv[0])`)
  expect(foreign).toEqual(['Buffer', 'process'])
})
