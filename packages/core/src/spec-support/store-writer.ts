import { writeSync } from 'node:fs'
import { levelSessionStore } from '../level/level-session-store.js'
import { writtenIn } from './store-steps.js'

// Writes step after step into a database, and says the number of each that is written. With a last step it kills itself in the
// turn in which that is; otherwise it goes on until it is killed.
const [folder = '', sync, last] = process.argv.slice(2)
const store = levelSessionStore(folder, { sync: sync === 'sync' })
for (let step = 0; ; step++) {
  await store.write('c', writtenIn(step))
  if (step === Number(last)) process.kill(process.pid, 'SIGKILL')
  writeSync(1, `${step}\n`)
}
