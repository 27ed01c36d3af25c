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
  /** What it must reach, and whether it does. */
  verdicts?: Verdict[]
}

/** A bound on one figure of a row. */
export interface Limit {
  case: string
  /** Its median, or its ratio to another case. */
  of: string
  most: number
}

export interface Verdict extends Pick<Limit, 'of' | 'most'> {
  /** As it is printed. */
  measured: string
  met: boolean
}

export const round3 = (value: number): number => Math.round(value * 1000) / 1000
const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b)
export const least = (values: readonly number[]): number => sorted(values)[0] ?? Number.NaN

export function toRow(
  name: string,
  unit: string,
  values: readonly number[],
  ratio: Record<string, number> = {}
): BenchRow {
  const own = sorted(values)
  return {
    case: name,
    unit,
    min: round3(own[0] ?? Number.NaN),
    median: round3(own[own.length >> 1] ?? Number.NaN),
    rounds: own.length,
    ratio
  }
}

/** A time, a size or a share as tables have it. */
export function cell(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(3)
}

/** A ratio as tables have it. */
export function ratioCell(value: number): string {
  return value.toFixed(2)
}

/**
 * The rows with what each must reach, judged on figures as they are printed: a reader can do it again.
 * @throws RangeError for a limit of a figure that was not measured.
 */
export function judge(rows: readonly BenchRow[], limits: readonly Limit[]): BenchRow[] {
  const verdictOf = (row: BenchRow, { of, most }: Limit): Verdict => {
    const ratio = row.ratio[of]
    if (ratio === undefined && of !== 'median')
      throw new RangeError(`${row.case}: no ratio to ${of}`)
    const measured = ratio === undefined ? cell(row.median) : ratioCell(ratio)
    return { of, most, measured, met: Number(measured) <= most }
  }
  for (const limit of limits) {
    if (!rows.some((row) => row.case === limit.case)) throw new RangeError(`no row ${limit.case}`)
  }
  return rows.map((row) => {
    const own = limits.filter((limit) => limit.case === row.case)
    return own.length === 0 ? row : { ...row, verdicts: own.map((limit) => verdictOf(row, limit)) }
  })
}
