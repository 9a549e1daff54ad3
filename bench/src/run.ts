import { cpus, loadavg } from 'node:os'
import { whole, short } from './measure.js'
import { isMissed, type Row, tableOf } from './row.js'
import { brokerRows } from './rows/broker.js'
import { codecRows } from './rows/codec.js'
import { firstPacketRows } from './rows/first-packet.js'
import { floodRows } from './rows/floods.js'
import { growthRows } from './rows/growth.js'
import { idleRows } from './rows/idle.js'
import { receiveRows } from './rows/receive.js'
import { roundTripRows } from './rows/round-trips.js'
import { withScene } from './rows/scene.js'
import { sendRows } from './rows/send.js'
import { servedRows } from './rows/served.js'
import { serverAckRows } from './rows/server-acks.js'
import { slowHandlerRows } from './rows/slow-handler.js'
import { topicRows } from './rows/topics.js'

/**
 * `npm run bench`: every row of the table. `-- --short` measures a little of each and only reports; `-- receive send`
 * measures these groups alone. The exit code is 1 when a floor is missed in a whole run.
 */
const args = process.argv.slice(2)
const isShort = args.includes('--short')
const effort = isShort ? short : whole

const groups: Readonly<Record<string, () => Promise<Row[]>>> = {
  receive: () => withScene(effort, receiveRows),
  send: () => withScene(effort, sendRows),
  codec: () => codecRows(effort),
  idle: () => idleRows(effort),
  first: () => withScene(effort, firstPacketRows),
  growth: () => withScene(effort, growthRows),
  trips: () => roundTripRows(effort),
  floods: () => floodRows(effort),
  acks: () => serverAckRows(effort),
  served: () => servedRows(effort),
  slow: () => withScene(effort, slowHandlerRows),
  topics: () => topicRows(effort),
  broker: () => brokerRows(effort),
}

const wanted = args.filter((arg) => !arg.startsWith('--'))
const unknown = wanted.find((name) => groups[name] === undefined)
if (unknown !== undefined) throw new Error(`${unknown} is none of ${Object.keys(groups).join(', ')}`)

const began = Date.now()
const rows: Row[] = []
for (const name of wanted.length > 0 ? wanted : Object.keys(groups)) {
  console.error(`measuring ${name} …`)
  rows.push(...(await groups[name]!()))
}

const [cpu] = cpus()
console.log(tableOf(rows))
console.log()
console.log(
  [
    `${cpus().length} × ${cpu?.model.trim()}`,
    `Node ${process.version}`,
    new Date().toISOString().slice(0, 16).replace('T', ' ') + ' UTC',
    `load ${loadavg()[0]!.toFixed(2)}`,
    `${Math.round((Date.now() - began) / 1_000)} s${isShort ? ', short: figures are rough' : ''}`,
  ].join(' · '),
)

const missed = rows.filter(isMissed).length
console.log(missed === 0 ? 'every floor is met' : `${missed} of ${rows.length} rows miss their floor`)
if (missed > 0 && !isShort) process.exitCode = 1
