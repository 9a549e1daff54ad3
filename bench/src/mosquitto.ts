import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { host } from './peers/peer.js'

/** A mosquitto of our own, on a free port of the loopback address. */
export interface Mosquitto {
  readonly port: number
  /** Seconds of processor time that it has used; NaN where the system does not tell. */
  cpu(): number
  stop(): Promise<void>
}

/** Starts mosquitto with no limit on what is in flight or waits. Rejects where it isn't installed. */
export async function startMosquitto(): Promise<Mosquitto> {
  const port = await freePort()
  const directory = mkdtempSync(join(tmpdir(), 'rxmqtt-bench-'))
  const config = join(directory, 'mosquitto.conf')
  const settings = ['allow_anonymous true', 'persistence false', 'max_inflight_messages 0', 'max_queued_messages 0']
  writeFileSync(config, [...settings, 'set_tcp_nodelay true', `listener ${port} ${host}`, ''].join('\n'))
  const broker = spawn('mosquitto', ['-c', config], { stdio: 'ignore' })
  const ended = new Promise<void>((resolve, reject) => {
    broker.once('error', () => reject(new Error('mosquitto is needed, Debian has it as mosquitto')))
    broker.once('exit', () => resolve())
  })
  const stop = async (): Promise<void> => {
    broker.kill()
    await ended
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    await Promise.race([reachable(port), ended.then(() => Promise.reject(new Error('mosquitto ended at its start')))])
  } catch (error) {
    rmSync(directory, { recursive: true, force: true })
    throw error
  }
  return { port, cpu: () => cpuSecondsOf(broker.pid!), stop }
}

/** Of another process, in the hundredths of a second that Linux counts. */
function cpuSecondsOf(pid: number): number {
  const file = `/proc/${pid}/stat`
  if (!existsSync(file)) return Number.NaN
  // The name, in brackets, may have blanks in it.
  const fields = readFileSync(file, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function reachable(port: number): Promise<void> {
  for (let tries = 0; tries < 250; tries++) {
    const socket = connect({ host, port })
    const isOpen = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false)
    socket.destroy()
    if (isOpen) return
    await delay(20)
  }
  throw new Error(`mosquitto does not listen on port ${port}`)
}
