import { createHash } from 'node:crypto'
import { compileFilter, type CompiledFilter } from '../../native/trial-load.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import type { Abi } from '../../src/syscalls/abi.js'
import { parseFilter } from '../../src/seccomp/filter/cbpf.js'
import { compareFilter, allowedNames } from '../../src/seccomp/filter/filter-compare.js'

/** How the filters of a process relate to what its container declares. */
export interface FilterCheck {
  /** bytes: byte for byte what libseccomp makes of it, and call by call; table: call by call only. */
  checked: 'bytes' | 'table' | 'none'
  same: boolean
  difference: string
  /** Filters beside the declared one. */
  others: number
  /** Names that the strictest filter lets through. */
  allowed: number
}

/** Compares filters with profiles; each pair and each filter is worked out once. */
export interface FilterChecks {
  check(
    filters: readonly (Buffer | undefined)[],
    declared: LinuxSeccomp | undefined
  ): Promise<FilterCheck>
}

interface Pair {
  same: boolean
  bytes: boolean
  difference: string
}

const mostKept = 1024

function keep<V>(map: Map<string, V>, key: string, value: V): V {
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > mostKept && oldest !== undefined) map.delete(oldest)
  return value
}

export function createFilterChecks(abis: readonly Abi[]): FilterChecks {
  const pairs = new Map<string, Pair>()
  const widths = new Map<string, number>()
  const compiled = new WeakMap<LinuxSeccomp, Promise<CompiledFilter | undefined>>()
  const names = new WeakMap<LinuxSeccomp, number>()
  let profiles = 0
  const [native = 'x86_64'] = abis

  const nameOf = (bytes: Buffer): string => createHash('sha1').update(bytes).digest('base64')

  function compile(seccomp: LinuxSeccomp): Promise<CompiledFilter | undefined> {
    const known = compiled.get(seccomp) ?? compileFilter(seccomp)
    compiled.set(seccomp, known)
    return known
  }

  function numberOf(seccomp: LinuxSeccomp): number {
    const known = names.get(seccomp) ?? (profiles += 1)
    names.set(seccomp, known)
    return known
  }

  async function compare(bytes: Buffer, seccomp: LinuxSeccomp): Promise<Pair> {
    const key = `${nameOf(bytes)} ${numberOf(seccomp)}`
    const known = pairs.get(key)
    if (known !== undefined) return known
    const built = await compile(seccomp)
    // runc puts its answer for unknown numbers in front of what libseccomp made.
    const isEnd =
      built !== undefined &&
      bytes.length >= built.bytes.length &&
      bytes.subarray(bytes.length - built.bytes.length).equals(built.bytes)
    try {
      const { same, differences } = compareFilter(parseFilter(bytes), seccomp, {
        abis,
        ...(built === undefined ? {} : { skipped: new Set(built.skipped) })
      })
      const [first] = differences
      const difference =
        first === undefined
          ? ''
          : `${first.syscall} (${first.abi}): ${first.found} instead of ${first.expected}`
      return keep(pairs, key, { same, bytes: same && isEnd, difference })
    } catch (error) {
      const difference = error instanceof Error ? error.message : String(error)
      return keep(pairs, key, { same: false, bytes: false, difference })
    }
  }

  function widthOf(bytes: Buffer): number {
    const key = nameOf(bytes)
    const known = widths.get(key)
    if (known !== undefined) return known
    try {
      return keep(widths, key, allowedNames(parseFilter(bytes), native).length)
    } catch {
      return keep(widths, key, 0)
    }
  }

  return {
    async check(filters, declared) {
      const known = filters.filter((filter) => filter !== undefined)
      const allowed = known.length === 0 ? 0 : Math.min(...known.map(widthOf))
      if (known.length === 0) {
        return { checked: 'none', same: false, difference: '', others: 0, allowed }
      }
      if (declared === undefined) {
        return { checked: 'table', same: false, difference: '', others: filters.length, allowed }
      }
      let difference = ''
      // The oldest is the runtime's; the program may have put its own on top.
      for (const filter of [...known].reverse()) {
        const pair = await compare(filter, declared)
        if (pair.same) {
          const checked = pair.bytes ? 'bytes' : 'table'
          return { checked, same: true, difference: '', others: filters.length - 1, allowed }
        }
        if (difference === '') difference = pair.difference
      }
      return { checked: 'table', same: false, difference, others: filters.length, allowed }
    }
  }
}
