/** What a diagram shows at a frame: a letter, `|`, `#`, `^` or `!`. */
export interface Mark {
  readonly frame: number
  readonly mark: string
}

const drawnGap = 10

/**
 * Marble diagrams below each other: what happens at the same frame stands in the same column, by spaces where need be. Long
 * gaps are written as time, such as ` 30s `. Only a group `(ab)` that reaches into the frame of its next mark is what no
 * marble diagram can say; there the mark follows at once.
 */
export function drawDiagrams(rows: readonly (readonly Mark[])[]): string[] {
  const frames = [...new Set(rows.flat().map(({ frame }) => frame))].sort((a, b) => a - b)
  const first = Math.min(0, frames[0] ?? 0)
  const drawn = rows.map(() => ({ text: '', next: first }))
  for (const frame of frames) {
    const here = drawn.flatMap((row, index) => {
      const marks = rows[index]!.filter((mark) => mark.frame === frame).map(({ mark }) => mark)
      if (marks.length === 0) return []
      row.text += drawGap(frame - row.next)
      return [{ row, cell: marks.length > 1 ? `(${marks.join('')})` : marks.join('') }]
    })
    const column = Math.max(...here.map(({ row }) => row.text.length))
    for (const { row, cell } of here) {
      row.text = row.text.padEnd(column) + cell
      row.next = frame + cell.length
    }
  }
  return drawn.map(({ text }) => text || '-')
}

function drawGap(frames: number): string {
  if (frames <= drawnGap) return '-'.repeat(Math.max(0, frames))
  const [count, unit] =
    frames % 60_000 === 0 ? [frames / 60_000, 'm'] : frames % 1_000 === 0 ? [frames / 1_000, 's'] : [frames, 'ms']
  return ` ${count}${unit} `
}
