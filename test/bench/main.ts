import { benchAdmission } from './admission.js'
import { attackedLimits, benchAttackedCreations } from './attacked-creations.js'
import { benchEstimate, estimateTable } from './estimate.js'
import { benchDenialLatency } from './denial-latency.js'
import { benchHostileReviews, hostileLimits } from './hostile-reviews.js'
import { benchHistory, historyLimits } from './history.js'
import { benchInventory } from './inventory.js'
import { benchPages } from './pages.js'
import { proofNames, runProof } from './proofs.js'
import { benchRecorder } from './recorder.js'
import { recorderLimits } from './recorder-limits.js'
import { type BenchRow, cell, judge, type Limit, ratioCell } from './row.js'
import { benchSatellite } from './satellite.js'
import { benchSimulation } from './simulation.js'

/** What `npm run bench` measures. */
const benches: Record<string, (options: { rounds: number }) => Promise<BenchRow[]>> = {
  recorder: benchRecorder,
  admission: benchAdmission,
  'hostile-reviews': benchHostileReviews,
  'attacked-creations': benchAttackedCreations,
  satellite: benchSatellite,
  'completeness-estimate': benchEstimate,
  history: benchHistory,
  inventory: benchInventory,
  'denial-latency': benchDenialLatency,
  simulation: benchSimulation,
  pages: benchPages
}

/** What their rows must reach, else the command exits with 1. */
const limits: Record<string, readonly Limit[]> = {
  recorder: recorderLimits,
  'hostile-reviews': hostileLimits,
  history: historyLimits,
  'attacked-creations': attackedLimits
}

const usage =
  `usage: npm run --silent bench -- [${Object.keys(benches).join('|')}]… [--rounds N] ` +
  '[--json]\n' +
  `       npm run --silent bench -- ${proofNames.join('|')} [--rounds N] [--minutes N] ` +
  '[--beside CHECKOUT] [--json]\n'

/** A Markdown table that a stranger can read. */
export function benchTable(rows: readonly BenchRow[]): string {
  const head = ['case', 'unit', 'min', 'median', 'rounds', 'ratios'] as const
  const lines = rows.map((row) => [
    row.case,
    row.unit,
    cell(row.min),
    cell(row.median),
    String(row.rounds),
    Object.entries(row.ratio)
      .map(([to, ratio]) => `${ratioCell(ratio)} × ${to}`)
      .join(', ') || '–'
  ])
  return markdown(head, lines)
}

function markdown(head: readonly string[], lines: readonly string[][]): string {
  return [head, head.map(() => '---'), ...lines].map((line) => `| ${line.join(' | ')} |\n`).join('')
}

/** A line for each limit of these rows. */
export function limitTable(rows: readonly BenchRow[]): string {
  const lines = rows.flatMap((row) =>
    (row.verdicts ?? []).map(({ of, most, measured, met }) => {
      const figure = of === 'median' ? `median, ${row.unit}` : `× ${of}`
      const limit = of === 'median' ? String(most) : ratioCell(most)
      return [row.case, figure, limit, measured, met ? 'met' : 'missed']
    })
  )
  return markdown(['what must be reached', 'figure', 'limit', 'measured', ''], lines)
}

async function main(args: readonly string[]): Promise<number> {
  const at = args.indexOf('--rounds')
  const rounds = at < 0 ? 9 : Number(args[at + 1])
  const names = args.filter((arg, index) => !arg.startsWith('--') && (at < 0 || index !== at + 1))
  if (args.includes('--help')) {
    process.stdout.write(usage)
    return 0
  }
  const flags = args.filter((arg) => arg.startsWith('--') && arg !== '--rounds' && arg !== '--json')
  const unknown = [...names.filter((name) => !Object.hasOwn(benches, name)), ...flags]
  if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
    process.stderr.write(
      `error: ${unknown.length > 0 ? `no bench ${unknown.join(', ')}` : '--rounds takes a whole number'}\n${usage}`
    )
    return 1
  }
  const rows: BenchRow[] = []
  for (const name of names.length > 0 ? names : Object.keys(benches)) {
    process.stderr.write(`bench: ${name}, ${rounds} interleaved rounds …\n`)
    rows.push(...judge((await benches[name]?.({ rounds })) ?? [], limits[name] ?? []))
  }
  const [timed, estimates] = [true, false].map((is) =>
    rows.filter(({ estimate }) => (estimate === undefined) === is)
  ) as [BenchRow[], BenchRow[]]
  const tables = [
    ...(timed.length > 0 ? [benchTable(timed)] : []),
    ...(timed.some(({ verdicts }) => verdicts) ? [limitTable(timed)] : []),
    ...(estimates.length > 0 ? [estimateTable(estimates)] : [])
  ]
  process.stdout.write(
    args.includes('--json') ? `${JSON.stringify(rows, null, 2)}\n` : tables.join('\n')
  )
  return rows.every(({ verdicts = [] }) => verdicts.every(({ met }) => met)) ? 0 : 1
}

const [first = '', ...rest] = process.argv.slice(2)
process.exitCode = proofNames.includes(first)
  ? await runProof(first, rest)
  : await main(process.argv.slice(2))
