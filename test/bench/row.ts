export interface BenchRow {
  case: string
  unit: string
  min: number
  median: number
  rounds: number
  ratio: Record<string, number>
  /** Of completeness-estimate only: what was said beside what was so. */
  estimate?: {
    seen: number
    once: number
    twice: number
    lower: number
    expected: number
    upper: number
    coverage: number
    truth: number
    within: boolean
    /** Share of 200 random orders of the runs in which it was. */
    withinShare: number
    fromHidden: number
    next: number
    nextTruth: number
  }
}
