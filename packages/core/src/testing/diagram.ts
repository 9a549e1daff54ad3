/** What a diagram shows at a frame: a letter, `|`, `#`, `^` or `!`. */
export interface Mark {
  readonly frame: number
  readonly mark: string
}

const drawnGap = 10

/**
 * Marble diagrams below each other, one column a frame: what happens at the same time stands in the same place. Long gaps
 * are written as time, such as ` 30s `, in all of them. Where a group `(ab)` reaches into the frame of the next mark, which
 * a marble diagram can't say, the columns stay aligned all the same.
 */
export function drawDiagrams(rows: readonly (readonly Mark[])[]): string[] {
  const frames = [...new Set(rows.flat().map(({ frame }) => frame))].sort((a, b) => a - b)
  const drawn = rows.map(() => '')
  let next = Math.min(0, frames[0] ?? 0)
  for (const frame of frames) {
    const gap = drawGap(frame - next)
    const cells = rows.map((row) => group(row.filter((mark) => mark.frame === frame).map(({ mark }) => mark)))
    const width = Math.max(...cells.map(({ length }) => length))
    cells.forEach((cell, index) => {
      drawn[index] += gap + cell.padEnd(width, '-')
    })
    next = Math.max(next, frame) + width
  }
  return drawn.map((row) => row || '-')
}

function group(marks: readonly string[]): string {
  return marks.length > 1 ? `(${marks.join('')})` : marks.join('')
}

function drawGap(frames: number): string {
  if (frames <= drawnGap) return '-'.repeat(Math.max(0, frames))
  const [count, unit] =
    frames % 60_000 === 0 ? [frames / 60_000, 'm'] : frames % 1_000 === 0 ? [frames / 1_000, 's'] : [frames, 'ms']
  return ` ${count}${unit} `
}
