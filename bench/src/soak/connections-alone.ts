import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Findings, type ToldFindings } from './findings.js'
import type { WholeConnectionsOptions } from './whole-connections.js'

/** Whole connections in a process of their own, which other scenarios have not filled: there its size counts too. */
export async function connectionsAlone(options: WholeConnectionsOptions): Promise<Findings> {
  const findings = new Findings()
  const child = fork(fileURLToPath(new URL('connections-child.js', import.meta.url)), [JSON.stringify(options)])
  let told = false
  child.on('message', (found) => {
    told = true
    findings.add(found as ToldFindings)
  })
  const code = await new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)))
  findings.require(told && code === 0, () => `the process of whole connections ended with ${String(code)}`)
  return findings
}
