/** A line of the table. */
export interface Row {
  readonly what: string
  /** Whom or what it is compared with. */
  readonly against: string
  readonly figure: number
  /** The same by the processor time of the measured process, where that makes sense: a busy machine changes it less. */
  readonly byCpu?: number | undefined
  /** Of the figure: '×', 'KiB', … */
  readonly unit: string
  /** The figure must be at least, or at most, this. */
  readonly floor?: { readonly least: number } | { readonly most: number } | undefined
  /** The measured values behind the figure. */
  readonly detail: string
}

export function isMissed({ figure, floor }: Row): boolean {
  if (floor === undefined) return false
  return 'least' in floor ? !(figure >= floor.least) : !(figure <= floor.most)
}

/** The rows as a Markdown table. */
export function tableOf(rows: readonly Row[]): string {
  const head = ['what', 'against', 'floor', 'figure', '', 'by CPU', 'measured']
  const cells = rows.map((row) => [
    row.what,
    row.against,
    floorOf(row),
    figureOf(row),
    verdictOf(row),
    byCpuOf(row),
    row.detail,
  ])
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map((line) => line[i]!.length)))
  const line = (parts: readonly string[]): string =>
    `| ${parts.map((part, i) => part.padEnd(widths[i]!)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)].join('\n')
}

function floorOf({ floor, unit }: Row): string {
  if (floor === undefined) return ''
  return 'least' in floor ? `≥ ${floor.least} ${unit}` : `≤ ${floor.most} ${unit}`
}

function figureOf({ figure, unit }: Row): string {
  return `${figure < 100 ? figure.toFixed(2) : figure.toFixed(0)} ${unit}`
}

function byCpuOf({ byCpu, unit }: Row): string {
  return byCpu === undefined ? '' : `${byCpu.toFixed(2)} ${unit}`
}

function verdictOf(row: Row): string {
  if (row.floor === undefined) return ''
  return isMissed(row) ? 'MISS' : 'pass'
}

/** Such as `'1.52 M/s'`. */
export function rate(perSecond: number): string {
  return perSecond >= 1e6 ? `${(perSecond / 1e6).toFixed(2)} M/s` : `${(perSecond / 1e3).toFixed(0)} k/s`
}
