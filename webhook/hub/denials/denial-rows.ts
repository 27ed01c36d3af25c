import { dropOldest } from '../../../src/lib/drop-oldest.js'
import { errnoName } from '../../../src/syscalls/errno-name.js'
import { Listeners } from '../../../src/lib/listeners.js'
import type { Denial } from './denial.js'

/** DenialRow is the denials of one kind: one caller, syscall and container, and what the caller got. */
export interface DenialRow {
  key: string
  node: string
  namespace: string
  workload: string
  profile: string
  /** Id and name of the container. */
  container: string
  containerName: string
  pod: string
  instance: string
  revision: string
  syscall: string
  abi: string
  arguments: string
  action: string
  errno: number
  answer: string
  signal: string
  comm: string
  pid: number
  count: number
  firstSeen: string
  lastSeen: string
  at: string
  expected: boolean
  succeeded: number
}

/** DenialNews is a row with the number of denials that the newest report of a node added. */
export type DenialNews = DenialRow & { added: number }

/** DenialCounts is the number of denials, with the expected ones apart. */
interface DenialCounts {
  denials: number
  expected: number
}

/** SavedDenials is what a hub saves for the next one on the same folder. */
export interface SavedDenials {
  /** The value of `knownSince()`. */
  since: string
  /** The least recently changed row is first. */
  rows: DenialRow[]
  /** When the instance was first reported (RFC 3339), by `runOf`. */
  runs: Record<string, string>
}

const mostRows = 5000
const mostContainers = 20_000
/** Runs, and parts of them, that are remembered of one container id. */
const mostInstances = 16

/** Returns what the caller got, in a word: EPERM, SIGSYS, logged; ? where it is not known. */
export function answerOf({
  action,
  errno,
  signal
}: Pick<Denial, 'action' | 'errno' | 'signal'>): string {
  if (signal !== '') return signal
  if (action === 'SCMP_ACT_LOG') return 'logged'
  return errno === 0 ? '?' : errnoName(errno)
}

type Runs = Map<string, DenialCounts & { since: string }>

const runOf = ({ node, container, instance }: Pick<DenialRow, 'node' | 'container' | 'instance'>) =>
  `${node} ${container} ${instance}`

/** Returns the sums of saved rows by container, then by instance. */
function sumsOf({ rows, runs }: SavedDenials): Map<string, Runs> {
  const containers = new Map<string, Runs>()
  for (const row of rows) {
    const { node, container, instance, expected, count, firstSeen } = row
    const place = `${node} ${container}`
    const own: Runs = containers.get(place) ?? new Map<string, never>()
    const since = runs[runOf(row)] ?? firstSeen
    const sum = own.get(instance) ?? { denials: 0, expected: 0, since }
    sum[expected ? 'expected' : 'denials'] += count
    containers.set(place, own.set(instance, sum))
  }
  return containers
}

/** Totals by node and answer, of all time. */
type Totals = Map<string, { node: string; answer: string; count: number }>

/** Returns the earliest `firstSeen` of the rows that are given; undefined without any. */
function earliest(...known: (DenialRow | undefined)[]): string | undefined {
  return known.flatMap((row) => row?.firstSeen ?? []).sort()[0]
}

/** Returns the part of a row's key that depends neither on the caller nor on the arguments. */
function keyWithoutCaller({ node, instance, abi, syscall, action }: Denial): string {
  return `${node} ${instance} ${abi} ${syscall} ${action}`
}

/** Returns whether the row is counted and its caller is not known. */
function isNameless(row: DenialRow, ownKey: string): boolean {
  return row.pid === 0 && row.comm === '' && row.key.startsWith(`${ownKey} `)
}

export class DenialRows {
  readonly #rows: Map<string, DenialRow>
  readonly #restored: WeakSet<DenialRow>
  readonly #containers: Map<string, Runs>
  readonly #totals: Totals = new Map()
  readonly #listeners = new Listeners<DenialNews>()
  #knownSince: string

  /** @param before what an earlier hub knew; default: nothing is known of the time before now */
  constructor(before: SavedDenials = { since: new Date().toISOString(), rows: [], runs: {} }) {
    this.#rows = new Map(before.rows.map((row) => [row.key, row]))
    this.#restored = new WeakSet(before.rows)
    this.#containers = sumsOf(before)
    this.#knownSince = before.since
  }

  readonly saved = (): SavedDenials => ({
    since: this.#knownSince,
    rows: this.list(),
    runs: Object.fromEntries(
      this.list().map((row) => {
        const run = this.#containers.get(`${row.node} ${row.container}`)?.get(row.instance)
        return [runOf(row), run?.since ?? row.firstSeen]
      })
    )
  })

  /** Adds denials to their row. `added` is 0 when only the caller of earlier denials became known. */
  grow(denial: Denial, added: number, now: string): void {
    const ownKey = keyWithoutCaller(denial)
    const key = `${ownKey} ${denial.errno} ${denial.arguments} ${denial.comm}`
    const nameless = added > 0 ? undefined : this.list().find((row) => isNameless(row, ownKey))
    if (added === 0 && nameless === undefined) return
    const row = this.#grownRow(key, denial, { added, nameless, now })
    this.#store(row, nameless)
    this.#addToRun(denial, added, nameless)
    this.#addToTotals(row, added)
    this.#listeners.notify({ ...row, added })
  }

  /** Adds calls that another hub recorded. Nobody is notified: they are not new. */
  learn(row: DenialRow, added: number): void {
    const before = this.#rows.get(row.key)
    const learned = {
      ...row,
      ...before,
      count: (before?.count ?? 0) + added,
      firstSeen: earliest(before, row) ?? row.firstSeen,
      lastSeen: [row.lastSeen, before?.lastSeen ?? ''].sort().at(-1) ?? row.lastSeen
    }
    if (before === undefined || this.#restored.has(before)) this.#restored.add(learned)
    this.#store(learned, undefined)
    this.#addToRun({ ...learned, lastSeen: learned.firstSeen }, added, undefined)
  }

  /** Returns all rows, the least recently changed first. */
  list(): DenialRow[] {
    return [...this.#rows.values()]
  }

  /** Returns the rows that a node reported something of since this hub started. */
  heard(): DenialRow[] {
    return this.list().filter((row) => !this.#restored.has(row))
  }

  /** Returns the time (RFC 3339) since which every reported denial is in a row; earlier ones may be missing. */
  knownSince(): string {
    return this.#knownSince
  }

  /** Drops the rows of a deleted profile: there is nothing left to decide about them. */
  forget(namespace: string, profile: string): void {
    for (const [key, row] of this.#rows)
      if (row.namespace === namespace && row.profile === profile) this.#rows.delete(key)
  }

  /**
   * Counts the denials of a container's runs that were first reported since then (RFC 3339): people choose
   * container ids, so an id can return, and a new run starts at zero.
   */
  ofContainer(node: string, container: string, since: string): DenialCounts {
    const sum = { denials: 0, expected: 0 }
    for (const one of this.#runsOf(node, container, since).values()) {
      sum.denials += one.denials
      sum.expected += one.expected
    }
    return sum
  }

  /** Returns the rows that `ofContainer` counts. */
  listOf(node: string, container: string, since: string): DenialRow[] {
    const runs = this.#runsOf(node, container, since)
    return this.list().filter(
      (row) => row.node === node && row.container === container && runs.has(row.instance)
    )
  }

  /** Returns the totals of all time by node and answer, for metrics. */
  totals(): { node: string; answer: string; count: number }[] {
    return [...this.#totals.values()]
  }

  readonly onNews = this.#listeners.add

  #grownRow(
    key: string,
    denial: Denial,
    { added, nameless, now }: { added: number; nameless: DenialRow | undefined; now: string }
  ): DenialRow {
    const before = this.#rows.get(key)
    const { node, namespace, workload, profile, container, containerName, pod } = denial
    return {
      ...{ key, node, namespace, workload, profile, container, containerName, pod },
      answer: answerOf(denial),
      ...{ instance: denial.instance, revision: denial.revision, syscall: denial.syscall },
      ...{ abi: denial.abi, arguments: denial.arguments, action: denial.action },
      ...{ errno: denial.errno, signal: denial.signal, comm: denial.comm, pid: denial.pid },
      count: (before?.count ?? 0) + (nameless === before ? 0 : (nameless?.count ?? 0)) + added,
      firstSeen: earliest(before, nameless) ?? now,
      // The name of the caller does not change when the calls were made.
      lastSeen: nameless?.lastSeen ?? now,
      at: denial.at === '' ? now : denial.at,
      ...{ expected: denial.expected, succeeded: denial.succeeded }
    }
  }

  /** Makes the row the newest, in place of the one without a caller; drops the oldest row beyond the limit. */
  #store(row: DenialRow, nameless: DenialRow | undefined): void {
    this.#rows.delete(row.key)
    if (nameless !== undefined) this.#rows.delete(nameless.key)
    this.#rows.set(row.key, row)
    const [oldest] = this.#rows.values()
    if (this.#rows.size <= mostRows || oldest === undefined) return
    this.#rows.delete(oldest.key)
    if (oldest.lastSeen > this.#knownSince) this.#knownSince = oldest.lastSeen
  }

  #addToRun(denial: Denial, added: number, nameless: DenialRow | undefined): void {
    const place = `${denial.node} ${denial.container}`
    const instances: Runs = this.#containers.get(place) ?? new Map<string, never>()
    this.#containers.delete(place)
    // The time of the first report: long before a next run, while the last denial may be a moment before it.
    const sum = instances.get(denial.instance) ?? {
      ...{ denials: 0, expected: 0, since: denial.lastSeen }
    }
    instances.delete(denial.instance)
    // A report with the answer also shows whether the denial was expected.
    if (nameless !== undefined && nameless.expected !== denial.expected) {
      const moved = denial.expected ? nameless.count : -nameless.count
      sum.expected += moved
      sum.denials -= moved
    }
    sum[denial.expected ? 'expected' : 'denials'] += added
    instances.set(denial.instance, sum)
    dropOldest(instances, mostInstances)
    this.#containers.set(place, instances)
    dropOldest(this.#containers, mostContainers)
  }

  #addToTotals({ node, answer, expected }: DenialRow, added: number): void {
    if (added === 0) return
    const kind = expected ? 'expected' : answer
    const total = this.#totals.get(`${node} ${kind}`) ?? { node, answer: kind, count: 0 }
    total.count += added
    this.#totals.set(`${node} ${kind}`, total)
  }

  /** Returns the runs of a container that were first reported since then, by instance. */
  #runsOf(node: string, container: string, since: string): Runs {
    const from = Date.parse(since)
    const all = this.#containers.get(`${node} ${container}`) ?? new Map<string, never>()
    return new Map([...all].filter(([, one]) => Date.parse(one.since) >= from))
  }
}
