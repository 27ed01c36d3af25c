import { benchAdmission } from './admission.js'
import { attackedLimits, benchAttackedCreations } from './attacked-creations.js'
import { benchCli, cliLimits } from './cli.js'
import { benchEstimate, estimateTable } from './estimate.js'
import { benchFleet, fleetLimitNodes, fleetLimits } from './fleet/fleet.js'
import { benchDenialLatency, denialLatencyLimits } from './denial-latency.js'
import { benchHostileReviews, hostileLimits } from './hostile-reviews.js'
import { benchHistory, historyLimits } from './history.js'
import { benchInventory } from './inventory.js'
import { benchManyObjects, manyObjectsLimits } from './many-objects.js'
import { benchPages } from './pages.js'
import { proofNames, runProof } from './proofs.js'
import { benchRecorder } from './recorder.js'
import { recorderLimits } from './recorder-limits.js'
import { type BenchRow, cell, judge, type Limit, ratioCell } from './row.js'
import { benchSatellite } from './satellite.js'
import { benchSimulation } from './simulation.js'
import { benchStore, storeLimits } from './store.js'

/** What `npm run bench` measures. */
const benches: Record<
  string,
  (options: {
    rounds: number
    nodes: readonly number[]
    profiles: readonly number[]
  }) => Promise<BenchRow[]>
> = {
  recorder: benchRecorder,
  admission: benchAdmission,
  'hostile-reviews': benchHostileReviews,
  'attacked-creations': benchAttackedCreations,
  satellite: benchSatellite,
  'completeness-estimate': benchEstimate,
  history: benchHistory,
  inventory: benchInventory,
  'many-objects': benchManyObjects,
  'denial-latency': benchDenialLatency,
  simulation: benchSimulation,
  pages: benchPages,
  fleet: benchFleet,
  cli: benchCli,
  store: benchStore
}

/** What their rows must reach, else the command exits with 1. */
const limits: Record<string, readonly Limit[]> = {
  recorder: recorderLimits,
  'hostile-reviews': hostileLimits,
  history: historyLimits,
  'denial-latency': denialLatencyLimits,
  'attacked-creations': attackedLimits,
  'many-objects': manyObjectsLimits,
  cli: cliLimits
}

/** Options that take a value. */
const valued = ['--rounds', '--nodes', '--profiles']

const usage =
  `usage: npm run --silent bench -- [${Object.keys(benches).join('|')}]… [--rounds N] ` +
  '[--nodes N,… (fleet)] [--profiles N,… (store)] [--json]\n' +
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
  const valueOf = (flag: string, other: string): string => {
    const at = args.indexOf(flag)
    return at < 0 ? other : (args[at + 1] ?? '')
  }
  const rounds = Number(valueOf('--rounds', '9'))
  const nodes = valueOf('--nodes', '100,400').split(',').map(Number)
  const profiles = valueOf('--profiles', '100,1000').split(',').map(Number)
  const isValue = (index: number) => valued.includes(args[index - 1] ?? '')
  const names = args.filter((arg, index) => !arg.startsWith('--') && !isValue(index))
  if (args.includes('--help')) {
    process.stdout.write(usage)
    return 0
  }
  const known = [...valued, '--json']
  const flags = args.filter((arg) => arg.startsWith('--') && !known.includes(arg))
  const unknown = [...names.filter((name) => !Object.hasOwn(benches, name)), ...flags]
  const isCount = (value: number) => Number.isInteger(value) && value > 0
  if (unknown.length > 0 || ![rounds, ...nodes, ...profiles].every(isCount)) {
    const wrong = `${valued.join(', ')} take whole numbers`
    process.stderr.write(
      `error: ${unknown.length > 0 ? `no bench ${unknown.join(', ')}` : wrong}\n${usage}`
    )
    return 1
  }
  const rows: BenchRow[] = []
  for (const name of names.length > 0 ? names : Object.keys(benches)) {
    process.stderr.write(`bench: ${name}, ${rounds} interleaved rounds …\n`)
    // The fleet's limits are for one number of nodes, and those of the store for two numbers of profiles.
    const fleet = nodes.includes(fleetLimitNodes) ? fleetLimits : []
    const own = { ...limits, fleet, store: storeLimits(profiles) }[name] ?? []
    rows.push(...judge((await benches[name]?.({ rounds, nodes, profiles })) ?? [], own))
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
