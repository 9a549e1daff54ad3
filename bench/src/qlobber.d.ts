/** What the benchmarks use of qlobber 8, which brings no types. */
declare module 'qlobber' {
  export class Qlobber<T> {
    constructor(options: {
      readonly separator: string
      readonly wildcard_one: string
      readonly wildcard_some: string
      readonly match_empty_levels: boolean
    })
    add(topic: string, value: T): this
    match(topic: string): T[]
  }
}
