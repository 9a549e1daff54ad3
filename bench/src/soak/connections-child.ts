import { type Findings, type ToldFindings } from './findings.js'
import { wholeConnections, type WholeConnectionsOptions } from './whole-connections.js'

/** A process for whole connections alone: its memory is theirs. Takes the options as JSON, sends what it found. */
let uncaught = 0
const surprises: string[] = []
const surprise = (error: unknown): void => {
  uncaught += 1
  if (uncaught <= 10) surprises.push(`uncaught: ${error instanceof Error ? error.stack : String(error)}`)
}
process.on('uncaughtException', surprise).on('unhandledRejection', surprise)
process.on('disconnect', () => process.exit())
const findings: Findings = await wholeConnections(JSON.parse(process.argv[2]!) as WholeConnectionsOptions)
for (const text of surprises) findings.violation(text)
findings.require(uncaught <= 10, () => `and ${uncaught - 10} uncaught more`)
const { figures, violations, dropped } = findings
process.send?.({ figures, violations, dropped } satisfies ToldFindings, () => process.disconnect())
