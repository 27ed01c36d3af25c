import type { SeccompProfileStatus } from '../../api/seccomp-profile.js'
import { type Abi, abis } from '../../syscalls/abi.js'
import { fromBitmap, toBitmap } from '../../syscalls/bitmap.js'
import type { SyscallSet } from '../../syscalls/syscall-set.js'

type FirstUses = NonNullable<SeccompProfileStatus['firstUsed']>

/** Times that a profile keeps. Beyond that the two that are closest are joined, with the earlier time. */
const mostTimes = 24

const keyOf = (abi: Abi, name: string): string => `${abi} ${name}`

/** Returns when each call was used for the first time (RFC 3339), by ABI and name. */
function timesOf(uses: FirstUses): Map<string, string> {
  const times = new Map<string, string>()
  for (const { at, observed } of uses)
    for (const abi of abis)
      for (const name of fromBitmap(abi, observed[abi] ?? '')) {
        const key = keyOf(abi, name)
        const before = times.get(key)
        if (before === undefined || at < before) times.set(key, at)
      }
  return times
}

type Group = [at: string, keys: string[]]

/** Joins the groups that are closest in time until they are few: what is kept is never later than the first use. */
function fewGroups(groups: Group[]): Group[] {
  while (groups.length > mostTimes) {
    const gap = (nth: number) =>
      Date.parse(groups[nth + 1]?.[0] ?? '') - Date.parse(groups[nth]?.[0] ?? '')
    let closest = 0
    for (let nth = 1; nth < groups.length - 1; nth += 1) if (gap(nth) < gap(closest)) closest = nth
    const [later] = groups.splice(closest + 1, 1)
    groups[closest]?.[1].push(...(later?.[1] ?? []))
  }
  return groups
}

function usesOf(times: ReadonlyMap<string, string>): FirstUses {
  const byTime = new Map<string, string[]>()
  for (const [key, at] of times) byTime.set(at, [...(byTime.get(at) ?? []), key])
  const groups = fewGroups([...byTime].sort(([a], [b]) => (a < b ? -1 : 1)))
  return groups.flatMap(([at, keys]) => {
    const bitmaps = abis.flatMap((abi) => {
      const own = keys.filter((key) => key.startsWith(`${abi} `))
      const bitmap = toBitmap(
        abi,
        own.map((key) => key.slice(abi.length + 1))
      )
      return bitmap === '' ? [] : [[abi, bitmap] as const]
    })
    return bitmaps.length === 0 ? [] : [{ at, observed: Object.fromEntries(bitmaps) }]
  })
}

/** UsedCalls are calls that an instance used, and the times of a report about it (RFC 3339; empty: not known). */
export interface UsedCalls {
  set: SyscallSet
  /** The part of `set` that was used before the instance was ready: not later than `firstSeen`. */
  startup: SyscallSet
  firstSeen: string
  lastSeen: string
}

/**
 * Returns the first uses of a profile with those of an instance: calls of its start-up at its first time, others at the time
 * of the report. Pure; the order does not matter. Returns the same object when there is nothing new.
 * @param observed what was observed before: of a call without a time nobody knows when it was used first
 */
export function withFirstUses(
  before: FirstUses | undefined,
  { set, startup, firstSeen, lastSeen }: UsedCalls,
  observed: SyscallSet
): FirstUses | undefined {
  const times = timesOf(before ?? [])
  let isNew = false
  for (const abi of abis) {
    const early = new Set(startup[abi])
    const unknown = new Set(observed[abi])
    for (const name of set[abi] ?? []) {
      const at = early.has(name) && firstSeen !== '' ? firstSeen : lastSeen
      const known = times.get(keyOf(abi, name))
      const isLater = known === undefined ? unknown.has(name) : known <= at
      if (at === '' || isLater) continue
      times.set(keyOf(abi, name), at)
      isNew = true
    }
  }
  return isNew ? usesOf(times) : before
}

/**
 * Returns when a call was used for the first time, as far as the profile knows that of all these ABIs; undefined where it does
 * not: the call was observed by an earlier release.
 */
export function firstUseOf(
  status: Pick<SeccompProfileStatus, 'firstUsed'> | undefined
): (name: string, seen: readonly Abi[]) => string | undefined {
  const times = timesOf(status?.firstUsed ?? [])
  return (name, seen) => {
    const known = seen.flatMap((abi) => times.get(keyOf(abi, name)) ?? [])
    return known.length < seen.length ? undefined : known.sort()[0]
  }
}
