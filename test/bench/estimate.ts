import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { estimateUnseen, expectedFrom } from '../../src/seccomp/review/unseen.js'
import { seededRandom } from '../helpers/random.js'
import { runSecco } from '../helpers/secco-command.js'
import { type EstimateWorkload, estimateWorkloads, prepareWorkloads } from './estimate-workloads.js'
import type { BenchRow } from './row.js'

/** Real runs of each workload; of them so many are shown to the estimate, the others are hidden. */
const runs = 24
const shownCounts = [5, 8, 12, 16, 20]

/** One real run under `secco trace`; the calls it made. */
async function traced(command: readonly string[]): Promise<string[]> {
  const { stdout, stderr } = await runSecco(['trace', '-o', 'json', '--', ...command])
  try {
    const { abis } = JSON.parse(stdout) as { abis: Record<string, Record<string, number>> }
    return Object.values(abis).flatMap(Object.keys).sort()
  } catch {
    throw new Error(`secco trace gave no report: ${stderr.slice(0, 400)}`)
  }
}

async function setsOf(
  { command }: EstimateWorkload,
  dir: string,
  seed: number
): Promise<string[][]> {
  const pick = seededRandom(seed)
  const sets: string[][] = []
  for (let run = 0; run < runs; run += 1) sets.push(await traced(command(pick, dir)))
  return sets
}

/** Whole syscalls: a range of 0.4 to 2.3 speaks of 0 to 3. */
const inRange = (truth: number, lower: number, upper: number) =>
  truth >= Math.floor(lower) && truth <= Math.ceil(upper)

/** How often the truth is in the range when other runs are hidden: one order alone is chance. */
function shareInRange(sets: readonly (readonly string[])[], shown: number, orders: number): number {
  const random = seededRandom(shown)
  let hits = 0
  for (let order = 0; order < orders; order += 1) {
    const keyed = sets.map((set) => ({ set, key: random() })).sort((a, b) => a.key - b.key)
    const shuffled = keyed.map(({ set }) => set)
    const estimate = estimateUnseen(shuffled.slice(0, shown))
    if ('tooFew' in estimate) continue
    const seen = new Set(shuffled.slice(0, shown).flat())
    const hidden = shuffled.slice(shown).flat()
    const truth = new Set(hidden.filter((call) => !seen.has(call))).size
    if (inRange(truth, estimate.lower, estimate.upper)) hits += 1
  }
  return hits / orders
}

/** The estimate from the first `shown` runs beside what the hidden ones really brought. */
function compare(name: string, sets: readonly (readonly string[])[], shown: number): BenchRow[] {
  const estimate = estimateUnseen(sets.slice(0, shown))
  if ('tooFew' in estimate) return []
  const seen = new Set(sets.slice(0, shown).flat())
  const truth = new Set(
    sets
      .slice(shown)
      .flat()
      .filter((call) => !seen.has(call))
  ).size
  const nextTruth = (sets[shown] ?? []).filter((call) => !seen.has(call)).length
  const { lower, expected, upper, once, twice, coverage, next } = estimate
  return [
    {
      case: `${name}: ${shown} of ${runs} runs`,
      unit: 'unseen syscalls',
      min: lower,
      median: expected,
      rounds: shown,
      ratio: {},
      estimate: {
        ...{ seen: seen.size, once, twice, lower, expected, upper, coverage, truth },
        within: inRange(truth, lower, upper),
        withinShare: shareInRange(sets, shown, 200),
        fromHidden: expectedFrom(estimate, runs - shown),
        next: next.expected,
        nextTruth
      }
    }
  ]
}

/**
 * The completeness estimate against the truth: ten real workloads whose runs use features at random;
 * some runs are hidden, and what they bring is compared with what was said to be unseen.
 */
export async function benchEstimate(): Promise<BenchRow[]> {
  const dir = mkdtempSync(join(tmpdir(), 'secco-estimate-'))
  const rows: BenchRow[] = []
  try {
    prepareWorkloads(dir)
    for (const [index, workload] of estimateWorkloads.entries()) {
      const sets = await setsOf(workload, dir, 1000 + index)
      for (const shown of shownCounts) rows.push(...compare(workload.name, sets, shown))
      process.stderr.write(
        `bench: ${workload.name}: ${runs} runs, ${new Set(sets.flat()).size} syscalls in all\n`
      )
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
  return rows
}

/** The side-by-side table, and how often the truth lay in the range. */
export function estimateTable(rows: readonly BenchRow[]): string {
  const head = [
    'case',
    'seen',
    'unseen (95 %)',
    'really unseen',
    'in range',
    'in range, 200 orders',
    'said of the hidden runs',
    'next run: said',
    'was'
  ]
  const lines = rows.flatMap(({ case: name, estimate: e }) =>
    e === undefined
      ? []
      : [
          [
            ...[
              name,
              String(e.seen),
              `${Math.floor(e.lower)} – ${Math.ceil(e.upper)}`,
              String(e.truth)
            ],
            ...[
              e.within ? 'yes' : 'no',
              `${Math.round(100 * e.withinShare)} %`,
              e.fromHidden.toFixed(1),
              e.next.toFixed(2),
              String(e.nextTruth)
            ]
          ]
        ]
  )
  const hits = rows.filter(({ estimate }) => estimate?.within === true).length
  const share = rows.reduce((sum, { estimate }) => sum + (estimate?.withinShare ?? 0), 0)
  const percent = Math.round((100 * share) / lines.length)
  const table = [head, head.map(() => '---'), ...lines].map((line) => `| ${line.join(' | ')} |\n`)
  return (
    `${table.join('')}\n` +
    `the truth lay in the range ${hits} of ${lines.length} times, and ${percent} % of ` +
    'the time when other runs are hidden\n'
  )
}
