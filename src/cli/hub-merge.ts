import type { Radius, RadiusContainer } from '../../webhook/truth/blast-radius.js'
import { byPlace } from '../../webhook/truth/container-routes.js'
import type { ContainerView } from '../../webhook/truth/container-view-types.js'
import type { DenialView } from '../../webhook/truth/denial-views.js'
import type { Explained } from '../../webhook/truth/explain.js'
import type { LadderView } from '../../webhook/truth/ladder-view.js'
import type { NodeView } from '../../webhook/ui/view.js'

/*
 * The answers of several hubs as the one that a hub would give which all satellites speak to. A satellite
 * speaks to one hub; one that has just moved is known to both for a while. What it tells only grows, and it
 * tells everything anew to the next hub: of two rows about the same the fuller one is the newer one.
 * All of it pure; lists are sorted as one hub sorts them.
 */

const less = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Each row once: of those with the same key the fuller one. */
function once<Row>(
  lists: readonly (readonly Row[])[],
  keyOf: (row: Row) => string,
  isFuller: (row: Row, than: Row) => boolean
): Row[] {
  const found = new Map<string, Row>()
  for (const row of lists.flat()) {
    const before = found.get(keyOf(row))
    if (before === undefined || isFuller(row, before)) found.set(keyOf(row), row)
  }
  return [...found.values()]
}

const refusedOf = ({ denials, expected }: ContainerView): number => denials + expected

function knowsMore(view: ContainerView, than: ContainerView): boolean {
  const order = refusedOf(view) - refusedOf(than) || view.syscalls - than.syscalls
  return order === 0 ? view.since > than.since : order > 0
}

/** `GET /api/v1/containers`. */
export function mergeContainers(lists: readonly (readonly ContainerView[])[]): ContainerView[] {
  return once(lists, ({ key }) => key, knowsMore).sort(byPlace)
}

/** `GET /api/v1/explain`. */
export function mergeExplained(lists: readonly (readonly Explained[])[]): Explained[] {
  const items = once(
    lists,
    ({ container }) => container.key,
    (one, than) => knowsMore(one.container, than.container)
  )
  return items.sort((a, b) => byPlace(a.container, b.container))
}

/** `GET /api/v1/nodes`: a node is connected to the hub that says so. */
export function mergeNodes(lists: readonly (readonly NodeView[])[]): NodeView[] {
  const nodes = once(
    lists,
    ({ name }) => name,
    (node, than) =>
      node.connected === than.connected ? node.lastSeen > than.lastSeen : node.connected
  )
  return nodes.sort((a, b) => less(a.name, b.name))
}

/** `GET /api/v1/audit`, newest first: each hub wrote what was done at it. */
export function mergeActions<Row extends { at: string }>(
  lists: readonly (readonly Row[])[]
): Row[] {
  return lists.flat().sort((a, b) => less(b.at, a.at))
}

/** What a satellite counts on: it says one number of each of these, whoever asked in between. */
const countedBy = ({ node, instance, abi, syscall, action }: DenialView): string =>
  [node, instance, abi, syscall, action].join(' ')

/** `GET /api/v1/denials`, newest last. */
export function mergeDenials(lists: readonly (readonly DenialView[])[]): DenialView[] {
  const found = new Map<string, { count: number; rows: DenialView[] }>()
  for (const list of lists) {
    const own = new Map<string, { count: number; rows: DenialView[] }>()
    for (const row of list) {
      const sum = own.get(countedBy(row)) ?? { count: 0, rows: [] }
      sum.count += row.count
      sum.rows.push(row)
      own.set(countedBy(row), sum)
    }
    for (const [key, sum] of own) if (sum.count > (found.get(key)?.count ?? 0)) found.set(key, sum)
  }
  return [...found.values()]
    .flatMap(({ rows }) => rows)
    .sort((a, b) => less(a.lastSeen, b.lastSeen))
}

/** How many calls more than all hubs have told of; 0: another hub has told of them already. */
export interface DenialTally {
  /** A row as a hub has it. */
  add(hub: string, row: DenialView): number
}

/** For a merged watch: a satellite that moves tells its new hub everything that the old one knew. */
export function createDenialTally(): DenialTally {
  /** By what is counted, then by hub, then by row. */
  const known = new Map<string, Map<string, Map<string, number>>>()
  const sumOf = (rows: ReadonlyMap<string, number>): number =>
    [...rows.values()].reduce((sum, count) => sum + count, 0)
  return {
    add(hub, row) {
      const hubs = known.get(countedBy(row)) ?? new Map<string, Map<string, number>>()
      known.set(countedBy(row), hubs)
      const most = (): number => Math.max(0, ...[...hubs.values()].map(sumOf))
      const before = most()
      const rows = hubs.get(hub) ?? new Map<string, number>()
      hubs.set(hub, rows.set(row.key, row.count))
      return most() - before
    }
  }
}

const callsOf = ({ denied }: RadiusContainer): number =>
  denied.reduce((sum, { count }) => sum + count, 0)

/** Takes a container that two hubs told of out of the sums once. */
function without(radius: Radius, one: RadiusContainer): Radius {
  const names = new Set(one.denied.map(({ syscall }) => syscall))
  return {
    ...radius,
    considered: radius.considered - 1,
    hit: radius.hit - 1,
    syscalls: radius.syscalls.map((row) => {
      if (!names.has(row.name)) return row
      const calls = callsOf({
        ...one,
        denied: one.denied.filter(({ syscall }) => syscall === row.name)
      })
      return { ...row, containers: row.containers - 1, calls: row.calls - calls }
    }),
    workloads: radius.workloads.map((row) =>
      row.namespace === one.namespace && row.workload === one.workload
        ? { ...row, containers: row.containers - 1, calls: row.calls - callsOf(one) }
        : row
    )
  }
}

function addRadii(left: Radius, right: Radius): Radius {
  const syscalls = new Map(left.syscalls.map((row) => [row.name, row]))
  for (const row of right.syscalls) {
    const before = syscalls.get(row.name) ?? { containers: 0, calls: 0 }
    const containers = before.containers + row.containers
    syscalls.set(row.name, { name: row.name, containers, calls: before.calls + row.calls })
  }
  const placeOf = (row: Radius['workloads'][number]): string => `${row.namespace} ${row.workload}`
  const workloads = new Map(left.workloads.map((row) => [placeOf(row), row]))
  for (const row of right.workloads) {
    const before = workloads.get(placeOf(row)) ?? { containers: 0, calls: 0, syscalls: [] }
    workloads.set(placeOf(row), {
      ...row,
      containers: before.containers + row.containers,
      calls: before.calls + row.calls,
      syscalls: [...new Set([...before.syscalls, ...row.syscalls])].sort()
    })
  }
  return {
    considered: left.considered + right.considered,
    without: left.without + right.without,
    hit: left.hit + right.hit,
    ms: Math.max(left.ms, right.ms),
    syscalls: [...syscalls.values()],
    workloads: [...workloads.values()],
    containers: [...left.containers, ...right.containers]
  }
}

const nothing: Radius = {
  ...{ considered: 0, without: 0, hit: 0, ms: 0 },
  ...{ syscalls: [], workloads: [], containers: [] }
}

/** `POST /api/v1/simulate`: sums; a container that two hubs list counts once. */
export function mergeRadii(radii: readonly Radius[]): Radius {
  const listed = radii.map(({ containers }) => containers)
  const containers = once(
    listed,
    ({ key }) => key,
    (one, than) => callsOf(one) > callsOf(than)
  )
  const kept = new Set(containers)
  const all = radii.reduce(addRadii, nothing)
  const sums = listed
    .flat()
    .filter((one) => !kept.has(one))
    .reduce(without, all)
  return {
    ...sums,
    containers,
    syscalls: sums.syscalls.sort((a, b) => b.containers - a.containers || less(a.name, b.name)),
    workloads: sums.workloads.sort(
      (a, b) => b.containers - a.containers || less(a.workload, b.workload)
    )
  }
}

/** Containers that are to be restarted, each once. */
export function mergeRestarts<Row extends { key: string }>(
  lists: readonly (readonly Row[])[]
): Row[] {
  return once(
    lists,
    ({ key }) => key,
    () => false
  )
}

/** What a hub says of a block that changes nothing (`POST /api/v1/block`), as far as it is shown. */
export interface BlockAnswer {
  users: Radius
  restart: { key: string; name: string; node: string; workload: string; command: string }[]
  total: number
  done: number
}

/** `POST /api/v1/block`. */
export function mergeBlocks(answers: readonly BlockAnswer[]): BlockAnswer {
  const lists = answers.map(({ restart }) => restart)
  const restart = mergeRestarts(lists)
  const twice = lists.flat().length - restart.length
  const total = answers.reduce((sum, one) => sum + one.total, 0) - twice
  const done = total === 0 ? 100 : Math.floor((100 * (total - restart.length)) / total)
  return { users: mergeRadii(answers.map(({ users }) => users)), restart, total, done }
}

const joined = (lists: readonly (readonly string[])[]): string[] => [...new Set(lists.flat())]

function canaryOf(views: readonly LadderView[]): LadderView['canary'] {
  const all = views.flatMap(({ canary }) => canary ?? [])
  const [first] = all
  if (first === undefined) return null
  const sum = (key: 'containers' | 'others' | 'denials' | 'restarts'): number =>
    all.reduce((total, one) => total + one[key], 0)
  return {
    ...first,
    ...{ containers: sum('containers'), others: sum('others') },
    ...{ denials: sum('denials'), restarts: sum('restarts') },
    verdict: joined([all.map(({ verdict }) => verdict)]).join('; ')
  }
}

/** Where a workload stands: what its object says the first hub tells for all, what runs each for its nodes. */
export function mergeLadders(first: LadderView, others: readonly LadderView[]): LadderView {
  const all = [first, ...others]
  const evidence = others.flatMap((one) =>
    one.evidence
      .filter((line) => !first.evidence.includes(line))
      .map((line) => `${line} (satellites of another hub)`)
  )
  return {
    ...first,
    running: all.reduce((sum, one) => sum + one.running, 0),
    canary: canaryOf(all),
    evidence: [...first.evidence, ...evidence],
    next: {
      ...first.next,
      ready: all.every(({ next }) => next.ready),
      reasons: joined(all.map(({ next }) => next.reasons))
    }
  }
}
