import { revisionPath } from '../../../src/api/names.js'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ensureServerLeaf } from '../../../certs/files.js'
import { profileOf } from '../../helpers/truth-rig.js'
import { until } from '../../helpers/until.js'
import { serializeDocument } from '../../../src/api/parse.js'
import { type BenchRow, type Limit, toRow } from '../row.js'
import { cpuProfileDir, HubProgram } from './hub-program.js'
import type { Cost } from './probe.js'
import { containersOfNode, freshName, Satellites } from './satellites.js'

const workloads = 500
const churnSeconds = 20
const [replacedPerSecond, deniedPerSecond] = [20, 200]

/** The number of nodes that the limits are for. */
export const fleetLimitNodes = 1000
const joining = 'taking all in'
const rollout = 'one revision to all'
const most = (what: string, limit: number): Limit => ({
  ...{ case: `${fleetLimitNodes} nodes: ${what}`, of: 'median', most: limit }
})

export const fleetLimits: readonly Limit[] = [
  most(`memory of a node with ${containersOfNode} containers`, 200),
  most(`${joining}: CPU`, 6),
  most(`${rollout}: CPU`, 1)
]

/** One figure of one run. */
interface Figure {
  case: string
  unit: string
  value: number
}

/** Measures what a step costs the hub until it has nothing left to do. */
async function costOf(
  hub: HubProgram,
  what: string,
  step: () => Promise<unknown>
): Promise<{ figures: Figure[]; cost: Cost }> {
  process.stderr.write(`bench: fleet: ${what} …\n`)
  const before = await hub.settled()
  const began = performance.now()
  await step()
  const seconds = (performance.now() - began) / 1000
  const cost = await hub.settled()
  const figures = [
    { case: `${what}: until all is done`, unit: 's', value: seconds },
    { case: `${what}: CPU`, unit: 's', value: (cost.cpuMs - before.cpuMs) / 1000 },
    { case: `${what}: longest block`, unit: 'ms', value: cost.blockMs }
  ]
  return { figures, cost }
}

/** Writes an approved profile and resolves when every node has its revision. */
async function distribute(hub: HubProgram, fleet: Satellites): Promise<void> {
  const name = freshName()
  const document = serializeDocument(profileOf(name, ['getsid']))
  await hub.call('PUT', `/api/v1/profiles/default/${name}`, { document })
  const digest = await until(
    'the profile to be rendered',
    async () => {
      const { items } = (await hub.call('GET', '/api/v1/states')) as {
        items: { name: string; enforce?: { digest: string } }[]
      }
      return items.find((one) => one.name === name)?.enforce?.digest
    },
    { timeoutMs: 300_000, everyMs: 100 }
  )
  await fleet.hold(revisionPath('default', name, digest))
}

/** Containers come and go, and calls are denied, for some seconds; returns the share of a core. */
async function churn(hub: HubProgram, fleet: Satellites): Promise<Figure[]> {
  const before = await hub.settled()
  const began = performance.now()
  let [replaced, denied] = [0, 0]
  for (;;) {
    const seconds = (performance.now() - began) / 1000
    if (seconds > churnSeconds) break
    for (; replaced < seconds * replacedPerSecond; replaced += 1) fleet.replace(replaced)
    for (; denied < seconds * deniedPerSecond; denied += 1) fleet.deny(denied, workloads)
    await delay(20)
  }
  const cost = await hub.cost()
  const what = `${replacedPerSecond} containers and ${deniedPerSecond} denials a second`
  const share = (cost.cpuMs - before.cpuMs) / (performance.now() - began)
  return [
    { case: `${what}: share of a core`, unit: '%', value: 100 * share },
    { case: `${what}: longest block`, unit: 'ms', value: cost.blockMs }
  ]
}

async function measure(nodes: number): Promise<Figure[]> {
  const state = await mkdtemp(join(tmpdir(), 'secco-fleet-'))
  const certs = join(state, 'certs')
  await ensureServerLeaf(certs, ['localhost', '127.0.0.1'])
  const hub = new HubProgram(state)
  const fleet = await Satellites.create(certs, nodes)
  try {
    await hub.start()
    const base = await hub.settled()
    const taken = await costOf(hub, joining, () => fleet.connect(hub.port))
    const memory = ((taken.cost.rssMb - base.rssMb) * 1024) / nodes
    const pushed = await costOf(hub, rollout, () => distribute(hub, fleet))
    const learned = await costOf(hub, `${nodes * containersOfNode} observations`, () =>
      fleet.observe(workloads)
    )
    const churned = await churn(hub, fleet)
    await hub.settled()
    // A CPU profile is written at the end of a program that is allowed to end.
    await hub.kill(cpuProfileDir === undefined ? 'SIGKILL' : 'SIGTERM')
    await hub.start()
    const back = await costOf(hub, 'the hub was killed', () => fleet.connect(hub.port))
    return [
      { case: `memory of a node with ${containersOfNode} containers`, unit: 'KB', value: memory },
      ...[...taken.figures, ...pushed.figures, ...learned.figures, ...churned, ...back.figures],
      { case: 'memory at the end', unit: 'MB', value: back.cost.rssMb }
    ].map((one) => ({ ...one, case: `${nodes} nodes: ${one.case}` }))
  } finally {
    fleet.close()
    await hub.kill('SIGTERM')
    await rm(state, { recursive: true, force: true })
  }
}

/** The real hub under a fleet that speaks the real protocol; what the satellites cost is not counted. */
export async function benchFleet({
  rounds,
  nodes: sizes
}: {
  rounds: number
  nodes: readonly number[]
}): Promise<BenchRow[]> {
  const values = new Map<string, { unit: string; values: number[] }>()
  for (let round = 0; round < rounds; round += 1) {
    for (const nodes of sizes) {
      for (const one of await measure(nodes)) {
        const row = values.get(one.case) ?? { unit: one.unit, values: [] }
        row.values.push(one.value)
        values.set(one.case, row)
      }
    }
  }
  return [...values].map(([name, row]) => toRow(name, row.unit, row.values))
}
