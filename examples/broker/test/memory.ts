import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes of live objects after a collection. */
export function memoryInUse(): number {
  collect()
  return process.memoryUsage().heapUsed
}
