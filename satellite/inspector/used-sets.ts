import type { ArgumentValues, Observation, SyscallCount, UsedSet } from '../../src/api/gen/hub.js'
import { type Abi, abis as allAbis } from '../../src/syscalls/abi.js'
import { mostNumbers } from '../../src/syscalls/bitmap.js'
import { syscallNumber } from '../../src/syscalls/syscall-table.js'

/** One part of a container (entry point, probes, sessions), in little memory. */
interface Part {
  /** Of its observation; '' once an entry point had several: then the newest one is not all of it. */
  id: string
  since: string
  complete: boolean
  /** By ABI: a number, its allowed calls, the next number … A map would take three times the memory. */
  abis: Map<Abi, number[]>
  arguments: ArgumentValues[]
}

/** The syscalls that each running container used so far, for the hub's simulations. */
export interface UsedSets {
  /** Adds an observation of the container with this key and returns the container's set. */
  take(key: string, observation: Observation): UsedSet | undefined
  of(key: string): UsedSet | undefined
  forget(key: string): void
}

const isAbi = (text: string): text is Abi => (allAbis as readonly string[]).includes(text)

function numberOf(abi: Abi, name: string): number | undefined {
  const plain = /^syscall_(\d{1,4})$/.exec(name)?.[1]
  const nr = plain === undefined ? syscallNumber(abi, name) : Number(plain)
  return nr === undefined || nr >= mostNumbers ? undefined : nr
}

/** Counts denied calls: a call that was denied every time is not one that the container needs. */
function deniedCounts(denied: readonly SyscallCount[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { name, count, action, detail } of denied) {
    if (action === 'SCMP_ACT_LOG' || action === 'SCMP_ACT_ALLOW') continue
    const key = `${detail?.abi ?? ''} ${name}`
    counts.set(key, (counts.get(key) ?? 0) + count)
  }
  return counts
}

/** @param before what was known of the same part */
function partOf(observation: Observation, before: Part | undefined): Part {
  const denied = deniedCounts(observation.denied)
  const abis = new Map<Abi, number[]>()
  for (const { abi, syscalls } of observation.abis) {
    if (!isAbi(abi)) continue
    const counts: number[] = []
    for (const { name, count } of syscalls) {
      const nr = numberOf(abi, name)
      const left = count - (denied.get(`${abi} ${name}`) ?? denied.get(` ${name}`) ?? 0)
      if (nr !== undefined && left > 0) counts.push(nr, left)
    }
    if (counts.length > 0) abis.set(abi, counts)
  }
  const { firstSeen: since, part } = observation
  // A container has a second entry point if it executes a program in a mount namespace of its own. Each probe is another one.
  const isOther = part === 'entry' && before !== undefined && before.id !== observation.id
  const id = isOther ? '' : observation.id
  const complete = observation.complete && id !== ''
  return { id, since, complete, abis, arguments: observation.arguments }
}

function joined(key: string, parts: Iterable<Part>): UsedSet {
  const abis = new Map<Abi, Map<number, number>>()
  const values = new Map<string, ArgumentValues>()
  let since = ''
  let complete = true
  for (const part of parts) {
    if (since === '' || (part.since !== '' && part.since < since)) since = part.since
    complete &&= part.complete
    for (const [abi, counts] of part.abis) {
      const into = abis.get(abi) ?? new Map<number, number>()
      for (let at = 0; at < counts.length; at += 2) {
        const nr = counts[at] ?? 0
        into.set(nr, (into.get(nr) ?? 0) + (counts[at + 1] ?? 0))
      }
      abis.set(abi, into)
    }
    for (const one of part.arguments) {
      const at = `${one.abi} ${one.name} ${one.index}`
      const before = values.get(at)
      values.set(at, {
        ...one,
        values: [...new Set([...(before?.values ?? []), ...one.values])],
        many: one.many || before?.many === true
      })
    }
  }
  return {
    key,
    since,
    complete,
    arguments: [...values.values()],
    abis: [...abis].map(([abi, counts]) => {
      const sorted = [...counts].sort(([a], [b]) => a - b)
      const bitmap = new Uint8Array(((sorted.at(-1)?.[0] ?? 0) >> 3) + 1)
      for (const [nr] of sorted) bitmap[nr >> 3] = (bitmap[nr >> 3] ?? 0) | (1 << (nr & 7))
      return { abi, bitmap: Buffer.from(bitmap), counts: sorted.map(([, count]) => count) }
    })
  }
}

export function createUsedSets(): UsedSets {
  const all = new Map<string, Map<string, Part>>()
  return {
    take(key, observation) {
      const parts = all.get(key) ?? new Map<string, Part>()
      parts.set(observation.part, partOf(observation, parts.get(observation.part)))
      all.set(key, parts)
      return joined(key, parts.values())
    },
    of(key) {
      const parts = all.get(key)
      return parts === undefined ? undefined : joined(key, parts.values())
    },
    forget: (key) => void all.delete(key)
  }
}
