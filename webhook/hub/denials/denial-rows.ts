import type { Observation } from '../../../src/api/gen/hub.js'
import { dropOldest } from '../../../src/lib/drop-oldest.js'
import { runOf as startOf } from '../../../src/api/instance-id.js'
import { laterTime } from '../../../src/history/times.js'
import { Listeners } from '../../../src/lib/listeners.js'
import { otherArguments } from '../../../src/seccomp/arguments/argument-words.js'
import type { Denial } from './denial.js'
import {
  type DenialNews,
  type DenialRow,
  earliest,
  grownRow,
  isNameless,
  judgedNow,
  keyWithoutCaller
} from './denial-row.js'
import { type DenialCounts, runKey, type Runs, type SavedDenials, sumsOf } from './denial-sums.js'
import { type ContainerRun, DenialTable, placeOf } from './denial-table.js'

const mostRows = 5000
/**
 * Rows of one container that name callers and arguments: a program chooses both. Calls of further ones are counted without
 * them, in one row for each syscall.
 */
const mostNamed = 200
/** Values of one call of one container that have rows of their own; the calls with further ones are in one row. */
const mostValues = 8
const mostContainers = 20_000
/** Runs, and parts of them, that are remembered of one container id. */
const mostInstances = 16

const keyOf = (denial: Denial): string =>
  `${keyWithoutCaller(denial)} ${denial.errno} ${denial.arguments} ${denial.comm}`

/** Totals by node and answer, of all time. */
type Totals = Map<string, { node: string; answer: string; count: number }>

export class DenialRows {
  readonly #rows: DenialTable<DenialRow>
  readonly #restored: WeakSet<DenialRow>
  readonly #containers: Map<string, Runs>
  readonly #totals: Totals = new Map()
  readonly #listeners = new Listeners<DenialNews>()
  readonly #since: string
  /** The time of the newest call in a dropped row, by namespace. */
  readonly #dropped = new Map<string, string>()

  /** @param before what an earlier hub knew; default: nothing is known of the time before now */
  constructor(before: SavedDenials = { since: new Date().toISOString(), rows: [], runs: {} }) {
    const rows = before.rows.map(judgedNow)
    this.#rows = new DenialTable(rows)
    this.#restored = new WeakSet(rows)
    this.#containers = sumsOf({ ...before, rows })
    this.#since = before.since
  }

  readonly saved = (): SavedDenials => ({
    since: this.knownSince(),
    rows: this.list(),
    runs: Object.fromEntries(
      this.list().map((row) => {
        const run = this.#containers.get(placeOf(row))?.get(row.instance)
        return [runKey(row), run?.since ?? row.firstSeen]
      })
    )
  })

  /** Returns the rows of the same call of the same container that have its arguments. */
  valuesOf(denial: Parameters<typeof keyWithoutCaller>[0] & { container: string }): DenialRow[] {
    const ownKey = `${keyWithoutCaller(denial)} `
    return this.#rows
      .ofContainer(denial)
      .filter((row) => !['', otherArguments].includes(row.arguments) && row.key.startsWith(ownKey))
  }

  /** Returns a denial with the arguments that its row has: a program chooses them. */
  #withinValues(denial: Denial): Denial {
    if (denial.arguments === '') return denial
    const values = new Set(this.valuesOf(denial).map((row) => row.arguments))
    const isKept = values.size < mostValues || values.has(denial.arguments)
    return isKept ? denial : { ...denial, arguments: otherArguments }
  }

  /** Adds denials to their row. `added` is 0 when only the caller of earlier denials became known. */
  grow(given: Denial, added: number, now: string): void {
    const reported = this.#withinValues(given)
    const isFull =
      this.#rows.get(keyOf(reported)) === undefined && this.#rows.sizeOf(reported) >= mostNamed
    // Where no name is kept, the calls that are counted without one stay so.
    if (isFull && added === 0) return
    const args = reported.arguments === '' ? '' : otherArguments
    const denial = isFull ? { ...reported, comm: '', pid: 0, arguments: args } : reported
    const ownKey = keyWithoutCaller(denial)
    const key = keyOf(denial)
    const nameless =
      added > 0 ? undefined : this.#rows.ofContainer(denial).find((row) => isNameless(row, ownKey))
    if (added === 0 && nameless === undefined) return
    const before = this.#rows.get(key)
    const isFirst = before === undefined && !this.#hasOther(denial, ownKey)
    const deleted = this.#deletedOf(denial, before ?? nameless)
    const row = grownRow(key, denial, { before, deleted, isFirst, nameless, added, now })
    this.#store(row, nameless)
    this.#addToRun(denial, added, nameless)
    this.#addToTotals(row, added)
    const { podUid } = denial
    this.#listeners.notify({ ...row, added, ...(podUid === undefined ? {} : { podUid }) })
  }

  #hasOther(denial: Denial, ownKey: string): boolean {
    return this.#rows.ofContainer(denial).some(({ key }) => key.startsWith(`${ownKey} `))
  }

  /** Returns when the profile of a denial was deleted: a container keeps the revision of that profile until it ends. */
  #deletedOf(denial: Denial, before: DenialRow | undefined): string | undefined {
    if (before?.deleted !== undefined || denial.revision === '') return before?.deleted
    const run = startOf(denial.instance)
    const ofRun = this.#rows
      .ofContainer(denial)
      .find((row) => row.deleted !== undefined && startOf(row.instance) === run)
    return ofRun !== undefined && ofRun.revision === denial.revision ? ofRun.deleted : undefined
  }

  /**
   * Adds calls that another hub recorded. Nobody is notified: they are not new.
   * @param since when the instance was reported first, by the clock of its node
   */
  learn(recorded: DenialRow, added: number, since = recorded.firstSeen): void {
    const row = judgedNow(recorded)
    const before = this.#rows.get(row.key)
    const learned = {
      ...row,
      ...before,
      count: (before?.count ?? 0) + added,
      firstSeen: earliest(before, row) ?? row.firstSeen,
      lastSeen: laterTime(row.lastSeen, before?.lastSeen ?? ''),
      at: laterTime(row.at, before?.at ?? '')
    }
    if (before === undefined || this.#restored.has(before)) this.#restored.add(learned)
    this.#store(learned, undefined)
    this.#addToRun({ ...learned, lastSeen: since }, added, undefined)
  }

  /** Notes that the run of a container has ended. @param instance one of the instances that were counted of it */
  end(
    { node, container, instance }: Pick<DenialRow, 'node' | 'container' | 'instance'>,
    at: string
  ): void {
    for (const row of this.#rows.ofContainer({ node, container })) {
      // A satellite that starts again may report the end again, later.
      const isKnown = row.ended !== undefined && row.ended <= at
      if (isKnown || startOf(row.instance) !== startOf(instance)) continue
      const ended = { ...row, ended: at }
      if (this.#restored.has(row)) this.#restored.add(ended)
      this.#rows.replace(ended)
    }
  }

  /**
   * Notes that a container runs: runs of the same id from before have ended, at the latest when it started. Returns whether
   * that was not known of a row. Said once, it stays: a later run of the id does not move the end of the first.
   */
  endBefore(run: ContainerRun): boolean {
    const { node, id: container, startedAt } = run
    const own = this.#runsOf(run)
    const earlier = this.#rows
      .ofContainer({ node, container })
      .filter(({ instance, ended }) => ended === undefined && !own.has(instance))
    for (const row of earlier) this.end(row, startedAt)
    return earlier.length > 0
  }

  /** Returns all rows, the least recently changed first. */
  list(): DenialRow[] {
    return this.#rows.list()
  }

  /** Returns the rows that a node reported something of since this hub started. */
  heard(): DenialRow[] {
    return this.list().filter((row) => !this.#restored.has(row))
  }

  /**
   * Returns the time (RFC 3339) since which every reported denial is in a row; earlier ones may be missing.
   * @param namespace only rows of this namespace; default: of all
   */
  knownSince(namespace?: string): string {
    const dropped =
      namespace === undefined ? [...this.#dropped.values()] : [this.#dropped.get(namespace) ?? '']
    return dropped.reduce(laterTime, this.#since)
  }

  /**
   * Notes that a profile was deleted: a container may still run under its filter, and people look for what it denied.
   * @param next when another one of its name was created, which is there: what was denied since then may be its own
   */
  profileDeleted(namespace: string, profile: string, at: string, next?: string): void {
    for (const row of this.list()) {
      const isOwn = row.namespace === namespace && row.profile === profile
      if (!isOwn || row.deleted !== undefined) continue
      if (next !== undefined && !(Date.parse(row.firstSeen) < Date.parse(next))) continue
      const deleted = { ...row, deleted: next !== undefined && next < at ? next : at }
      if (this.#restored.has(row)) this.#restored.add(deleted)
      this.#rows.replace(deleted)
    }
  }

  /** Returns what was counted of an instance, by caller. */
  ofInstance(node: string, { id, container }: Pick<Observation, 'id' | 'container'>): DenialRow[] {
    const place = { node, container: container?.id ?? '' }
    return this.#rows.ofContainer(place).filter(({ instance }) => instance === id)
  }

  /** Returns how many calls the row with a key has. */
  countOf(key: string): number {
    return this.#rows.get(key)?.count ?? 0
  }

  /** Counts the denials of a run of a container. */
  ofContainer(run: ContainerRun): DenialCounts {
    const sum = { denials: 0, expected: 0 }
    for (const one of this.#runsOf(run).values()) {
      sum.denials += one.denials
      sum.expected += one.expected
    }
    return sum
  }

  /** Returns the rows that `ofContainer` counts. */
  listOf(run: ContainerRun): DenialRow[] {
    const runs = this.#runsOf(run)
    const { node, id: container } = run
    return this.#rows.ofContainer({ node, container }).filter(({ instance }) => runs.has(instance))
  }

  /** Returns the totals of all time by node and answer, for metrics. */
  totals(): { node: string; answer: string; count: number }[] {
    return [...this.#totals.values()]
  }

  readonly onNews = this.#listeners.add

  /**
   * Makes the row the newest, in place of the one without a caller. Beyond the limit it drops the oldest row of the
   * namespace that has most.
   */
  #store(row: DenialRow, nameless: DenialRow | undefined): void {
    if (nameless !== undefined) this.#rows.drop(nameless)
    this.#rows.put(row)
    if (this.#rows.size <= mostRows) return
    const oldest = this.#rows.oldestOfMost()
    if (oldest === undefined) return
    this.#rows.drop(oldest)
    const { namespace, lastSeen } = oldest
    this.#dropped.set(namespace, laterTime(this.#dropped.get(namespace) ?? '', lastSeen))
  }

  #addToRun(denial: Denial, added: number, nameless: DenialRow | undefined): void {
    const place = placeOf(denial)
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

  /**
   * Returns the sums of a run by instance: those that were first reported since it started. People choose container ids, so an
   * id can return, and a new run starts at zero.
   */
  #runsOf({ node, id: container, startedAt }: ContainerRun): Runs {
    const from = Date.parse(startedAt)
    const all = this.#containers.get(placeOf({ node, container })) ?? new Map<string, never>()
    return new Map([...all].filter(([, one]) => Date.parse(one.since) >= from))
  }
}
