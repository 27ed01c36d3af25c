import { createHash } from 'node:crypto'
import type { OldRecord } from './old-records.js'
import { earlierTime, laterTime } from './times.js'
import type { EarlierHistory, MergedRecords } from './workload-history.js'

/*
 * Old records are kept as sums. A container that runs reports its records again and again, with counts that grow, so
 * what was counted of each record is kept too, in some 14 characters. Records beyond that are known by their time:
 * one that began before is not counted again, and its sum says that it is a lower bound.
 */

/** Characters of the counted records: some 1,400 records. */
export const mostCounted = 20_480
/** Sums that are kept; the smallest sums of denials are added up. */
const mostSums = 64
/** Characters of a short hash: two of 2,000 records share one in fewer than 1 of 10,000 histories. */
const hashLength = 6
/** Characters of a time in minutes, in base 36: enough until 2084. */
const minuteLength = 5
const minuteMs = 60_000

const minuteOf = (time: string): number =>
  Math.min(Math.max(0, Math.floor(Date.parse(time) / minuteMs)), 36 ** minuteLength - 1)

/** Returns the begin of the entry of a record. Only entries have a full stop, and each begins with one. */
const entryStart = (key: string): string =>
  `.${createHash('sha256').update(key).digest('base64url').slice(0, hashLength)}`

/** Returns the ABI and the syscall of a sum; empty when it is not one of denials. */
const callOf = (what: string): string => what.split(' ').slice(1, 3).join(' ')

/** Returns the name of the sum for the denials of one kind that have none of their own. */
function restOf(what: string): string {
  const [kind = '', , , answer] = what.split(' ')
  return `${kind} * * ${answer === 'logged' ? answer : '*'}`
}

/** Returns the sum of both, named like the first. */
function addSum(a: MergedRecords, b: MergedRecords): MergedRecords {
  return {
    ...{ what: a.what, count: a.count + b.count, records: a.records + b.records },
    ...{ first: earlierTime(a.first, b.first), last: laterTime(a.last, b.last) },
    ...(a.atLeast === true || b.atLeast === true ? { atLeast: true } : {})
  }
}

/** EarlierSums adds old records to the sums of a history, each once. */
export class EarlierSums {
  readonly #before: EarlierHistory | undefined
  readonly #sums: Map<string, MergedRecords>
  #counted: string
  /** The last minute in which a record began that is in a sum and no longer in `#counted`. */
  #until: number
  #isChanged = false

  constructor(before: EarlierHistory | undefined) {
    const { sums = [], counted = '', countedUntil } = before ?? {}
    this.#before = before
    this.#sums = new Map(sums.map((one) => [one.what, one]))
    this.#counted = counted
    this.#until = countedUntil === undefined ? -1 : minuteOf(countedUntil)
  }

  /** Adds records that the history has no longer one by one, the oldest first. */
  add(records: readonly OldRecord[]): void {
    for (const record of records) {
      this.#addTo(record.sum.what, record.sum)
      this.#count(record, record.sum.count)
    }
  }

  /**
   * Returns whether a record is in a sum already. What it brings beyond what was counted is added: the calls of a
   * container that goes on.
   */
  takes(record: OldRecord): boolean {
    const { key, began, sum } = record
    const counted = this.#countOf(entryStart(key))
    if (counted === undefined) {
      const into = minuteOf(began) <= this.#until ? this.#sumFor(sum.what) : undefined
      if (into === undefined) return false
      this.#addTo(into, { ...sum, count: 0, records: 0, atLeast: true })
    } else if (sum.count > counted) {
      const into = this.#sumFor(sum.what)
      const records = into === undefined ? 1 : 0
      this.#addTo(into ?? sum.what, { ...sum, count: sum.count - counted, records })
      this.#count(record, sum.count)
    }
    return true
  }

  /** Returns the sums; the same object as before when nothing was added. */
  result(): EarlierHistory | undefined {
    if (!this.#isChanged) return this.#before
    this.#joinRest()
    this.#dropOldest()
    return {
      sums: [...this.#sums.values()].sort((a, b) => (a.what < b.what ? -1 : 1)),
      counted: this.#counted,
      ...(this.#until < 0 ? {} : { countedUntil: new Date(this.#until * minuteMs).toISOString() })
    }
  }

  #addTo(what: string, added: MergedRecords): void {
    const before = this.#sums.get(what)
    const after = before === undefined ? { ...added, what } : addSum(before, added)
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(after)) return
    this.#sums.set(what, after)
    this.#isChanged = true
  }

  /** Returns the sum that a record of this kind would be in. What the caller got may have been learned since. */
  #sumFor(what: string): string | undefined {
    if (this.#sums.has(what)) return what
    const call = callOf(what)
    if (call === '') return undefined
    const rest = restOf(what)
    const same = [...this.#sums.keys()].filter((one) => callOf(one) === call)
    return same.find((one) => restOf(one) === rest) ?? (this.#sums.has(rest) ? rest : same[0])
  }

  #countOf(entry: string): number | undefined {
    const at = this.#counted.indexOf(entry)
    if (at === -1) return undefined
    const text = this.#entryAt(at).slice(entry.length + minuteLength)
    return text === '' ? 1 : Number.parseInt(text, 36)
  }

  #entryAt(at: number): string {
    const end = this.#counted.indexOf('.', at + 1)
    return this.#counted.slice(at, end === -1 ? undefined : end)
  }

  /** Notes what was counted of a record, as the newest one. */
  #count({ key, began }: OldRecord, count: number): void {
    const entry = entryStart(key)
    const at = this.#counted.indexOf(entry)
    const before = at === -1 ? '' : this.#entryAt(at)
    const minute =
      before === ''
        ? minuteOf(began).toString(36).padStart(minuteLength, '0')
        : before.slice(entry.length, entry.length + minuteLength)
    const others =
      before === ''
        ? this.#counted
        : this.#counted.slice(0, at) + this.#counted.slice(at + before.length)
    this.#counted = `${others}${entry}${minute}${count === 1 ? '' : count.toString(36)}`
    this.#isChanged = true
  }

  /** Adds up the smallest sums of denials beyond the limit: a container can ask for every syscall of every ABI. */
  #joinRest(): void {
    if (this.#sums.size <= mostSums) return
    const denials = [...this.#sums.values()]
      .filter(({ what }) => callOf(what) !== '' && restOf(what) !== what)
      .sort((a, b) => b.count - a.count || (a.what < b.what ? -1 : 1))
    for (const one of denials.slice(mostSums / 2)) {
      this.#sums.delete(one.what)
      this.#addTo(restOf(one.what), one)
    }
  }

  #dropOldest(): void {
    if (this.#counted.length <= mostCounted) return
    const cut = this.#counted.indexOf('.', this.#counted.length - mostCounted)
    const dropped = this.#counted.slice(1, cut).split('.')
    const minutes = dropped.map((one) =>
      Number.parseInt(one.slice(hashLength, hashLength + minuteLength), 36)
    )
    // A satellite that was restarted measures the time again, to the millisecond: that can be the next minute.
    this.#until = minutes.reduce((a, b) => Math.max(a, b + 1), this.#until)
    this.#counted = this.#counted.slice(cut)
  }
}
