import { dialIdle } from './idle-dials.js'

/** A process of idle clients, led by its parent: it ends when the parent says so or is gone. */
const [port, count] = process.argv.slice(2).map(Number)
const dials = await dialIdle(port!, count!)
process.on('message', (order) => {
  if (order === 'sweep') void dials.sweep().then((waits) => process.send?.(waits))
  if (order === 'close') void dials.close().then(() => process.disconnect())
})
process.on('disconnect', () => process.exit())
process.send?.(dials.seconds)
