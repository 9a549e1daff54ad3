/** One line of a report. */
export interface Figure {
  readonly what: string
  readonly value: string
  /** What the figure should be, in words; none where it is for information alone. */
  readonly demand?: string | undefined
  readonly met: boolean
  /** A figure of speed: one that is not met is missed, no violation. */
  readonly isTarget?: boolean | undefined
}

/** Findings as they cross from one process to another. */
export type ToldFindings = Pick<Findings, 'figures' | 'violations' | 'dropped'>

/** What a scenario found: figures to print, and what must never be. */
export class Findings {
  readonly figures: Figure[] = []
  readonly violations: string[] = []
  #dropped = 0

  /** A figure for information. */
  tell(what: string, value: string | number): void {
    this.figures.push({ what, value: String(value), met: true })
  }

  /** A figure with a demand whose failure is a violation. */
  demand(what: string, value: string | number, demand: string, met: boolean): void {
    this.figures.push({ what, value: String(value), demand, met })
    if (!met) this.violation(`${what}: ${value}, demanded is ${demand}`)
  }

  /** A figure of speed, which a busy machine may miss: such targets are counted apart, and fail the run that asks for it. */
  target(what: string, value: string | number, target: string, met: boolean): void {
    this.figures.push({ what, value: String(value), demand: target, met, isTarget: true })
  }

  /** What another process found. */
  add({ figures, violations, dropped }: ToldFindings): void {
    this.figures.push(...figures)
    for (const violation of violations) this.violation(violation)
    this.#dropped += dropped
  }

  /** What must not be, whatever the machine; the first fifty are kept. */
  violation(what: string): void {
    if (this.violations.length < 50) this.violations.push(what)
    else this.#dropped += 1
  }

  /** A violation unless it is true. */
  require(isTrue: boolean, what: () => string): void {
    if (!isTrue) this.violation(what())
  }

  /** How many targets were not met. */
  get missed(): number {
    return this.figures.filter(({ isTarget, met }) => isTarget === true && !met).length
  }

  /** Violations beyond those that are kept. */
  get dropped(): number {
    return this.#dropped
  }
}
