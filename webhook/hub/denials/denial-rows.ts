import { dropOldest } from '../../../src/lib/drop-oldest.js'
import { errnoName } from '../../../src/syscalls/errno-name.js'
import type { Denial } from './denial.js'

/** Refused calls of one kind: who asked what, where, and what the caller got. */
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

/** Rows with what was added to them by the newest word of a node. */
export type DenialNews = DenialRow & { added: number }

/** Numbers of refused calls. */
export interface Refused {
  denials: number
  expected: number
}

/** What a hub keeps for the next one on the same folder. */
export interface SavedDenials {
  /** As `knownSince`. */
  since: string
  /** Oldest news first. */
  rows: DenialRow[]
  /** By `runOf`: when the instance was reported first, RFC 3339. */
  runs: Record<string, string>
}

export interface DenialRows {
  /** `added`: how many calls more than before; 0: those are known of which it was not told who made them. */
  grow(denial: Denial, added: number, now: string): void
  /** Oldest news first. */
  list(): DenialRow[]
  /** Those of which a node reported something since this hub started. */
  heard(): DenialRow[]
  readonly saved: () => SavedDenials
  /** RFC 3339. Every denial that a node reported since then is in a row; of earlier ones nothing is certain. */
  knownSince(): string
  /** Those of a profile that somebody deleted are nothing to decide any more. */
  forget(namespace: string, profile: string): void
  /**
   * Refused calls of a container, those refused on purpose apart; of what was refused since then (RFC 3339)
   * only: ids of people's choice come again, and a new run starts from nothing.
   */
  ofContainer(node: string, container: string, since: string): Refused
  /** The rows that those numbers are of. */
  listOf(node: string, container: string, since: string): DenialRow[]
  /** Of all time, for metrics: by node and answer. */
  totals(): { node: string; answer: string; count: number }[]
  onNews(listener: (news: DenialNews) => void): () => void
}

const mostRows = 5000
const mostContainers = 20_000
/** Runs, and parts of them, that one id had. */
const mostInstances = 16

/** What the caller got, in a word: EPERM, SIGSYS, logged; ? where it is not known. */
export function answerOf({
  action,
  errno,
  signal
}: Pick<Denial, 'action' | 'errno' | 'signal'>): string {
  if (signal !== '') return signal
  if (action === 'SCMP_ACT_LOG') return 'logged'
  return errno === 0 ? '?' : errnoName(errno)
}

type Runs = Map<string, Refused & { since: string }>

const runOf = ({ node, container, instance }: Pick<DenialRow, 'node' | 'container' | 'instance'>) =>
  `${node} ${container} ${instance}`

/** The sums of rows that were saved: by container, then by instance. */
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

/** @param before what an earlier hub knew; default: nothing is known of the time before now */
export function createDenialRows(
  before: SavedDenials = { since: new Date().toISOString(), rows: [], runs: {} }
): DenialRows {
  const rows = new Map(before.rows.map((row) => [row.key, row]))
  const restored = new WeakSet(before.rows)
  let knownSince = before.since
  const containers = sumsOf(before)
  const totals = new Map<string, { node: string; answer: string; count: number }>()
  const listeners = new Set<(news: DenialNews) => void>()

  /** Runs of a container, by instance, that were first told of since then. */
  function runsOf(node: string, container: string, since: string) {
    const from = Date.parse(since)
    const all = containers.get(`${node} ${container}`) ?? new Map<string, never>()
    return new Map([...all].filter(([, one]) => Date.parse(one.since) >= from))
  }

  /** Counted, and nobody said by whom. */
  const isNameless = (row: DenialRow, own: string): boolean =>
    row.pid === 0 && row.comm === '' && row.key.startsWith(`${own} `)

  const earliest = (...known: (DenialRow | undefined)[]): string | undefined =>
    known.flatMap((row) => row?.firstSeen ?? []).sort()[0]

  return {
    grow(denial, added, now) {
      const answer = answerOf(denial)
      const own = `${denial.node} ${denial.instance} ${denial.abi} ${denial.syscall} ${denial.action}`
      const key = `${own} ${denial.errno} ${denial.arguments} ${denial.comm}`
      const before = rows.get(key)
      const nameless =
        added > 0 ? undefined : [...rows.values()].find((row) => isNameless(row, own))
      if (added === 0 && nameless === undefined) return
      const { node, namespace, workload, profile, container, containerName, pod } = denial
      const row: DenialRow = {
        ...{ key, node, namespace, workload, profile, container, containerName, pod, answer },
        ...{ instance: denial.instance, revision: denial.revision, syscall: denial.syscall },
        ...{ abi: denial.abi, arguments: denial.arguments, action: denial.action },
        ...{ errno: denial.errno, signal: denial.signal, comm: denial.comm, pid: denial.pid },
        count: (before?.count ?? 0) + (nameless === before ? 0 : (nameless?.count ?? 0)) + added,
        firstSeen: earliest(before, nameless) ?? now,
        // Who it was is no news of when.
        lastSeen: nameless?.lastSeen ?? now,
        at: denial.at === '' ? now : denial.at,
        ...{ expected: denial.expected, succeeded: denial.succeeded }
      }
      rows.delete(key)
      if (nameless !== undefined) rows.delete(nameless.key)
      rows.set(key, row)
      const [oldest] = rows.values()
      if (rows.size > mostRows && oldest !== undefined) {
        rows.delete(oldest.key)
        if (oldest.lastSeen > knownSince) knownSince = oldest.lastSeen
      }
      const place = `${node} ${container}`
      const instances: Runs = containers.get(place) ?? new Map<string, never>()
      containers.delete(place)
      // When it was first told of: that is long before a next run, its last call may be a moment before.
      const sum = instances.get(denial.instance) ?? {
        ...{ denials: 0, expected: 0, since: denial.lastSeen }
      }
      instances.delete(denial.instance)
      // Who knows the answer knows whether it was refused on purpose.
      if (nameless !== undefined && nameless.expected !== denial.expected) {
        const moved = denial.expected ? nameless.count : -nameless.count
        sum.expected += moved
        sum.denials -= moved
      }
      if (denial.expected) sum.expected += added
      else sum.denials += added
      instances.set(denial.instance, sum)
      dropOldest(instances, mostInstances)
      containers.set(place, instances)
      dropOldest(containers, mostContainers)
      const kind = denial.expected ? 'expected' : answer
      if (added > 0) {
        const total = totals.get(`${node} ${kind}`) ?? { node, answer: kind, count: 0 }
        total.count += added
        totals.set(`${node} ${kind}`, total)
      }
      for (const listener of [...listeners]) listener({ ...row, added })
    },
    list: () => [...rows.values()],
    heard: () => [...rows.values()].filter((row) => !restored.has(row)),
    saved: () => ({
      since: knownSince,
      rows: [...rows.values()],
      runs: Object.fromEntries(
        [...rows.values()].map((row) => {
          const run = containers.get(`${row.node} ${row.container}`)?.get(row.instance)
          return [runOf(row), run?.since ?? row.firstSeen]
        })
      )
    }),
    knownSince: () => knownSince,
    forget(namespace, profile) {
      for (const [key, row] of rows)
        if (row.namespace === namespace && row.profile === profile) rows.delete(key)
    },
    ofContainer(node, container, since) {
      const sum = { denials: 0, expected: 0 }
      for (const one of runsOf(node, container, since).values()) {
        sum.denials += one.denials
        sum.expected += one.expected
      }
      return sum
    },
    listOf(node, container, since) {
      const runs = runsOf(node, container, since)
      return [...rows.values()].filter(
        (row) => row.node === node && row.container === container && runs.has(row.instance)
      )
    },
    totals: () => [...totals.values()],
    onNews(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    }
  }
}
