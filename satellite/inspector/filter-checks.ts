import { createHash } from 'node:crypto'
import { compileFilter, type CompiledFilter } from '../../native/trial-load.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { dropOldest } from '../../src/lib/drop-oldest.js'
import type { Abi } from '../../src/syscalls/abi.js'
import { parseFilter } from '../../src/seccomp/filter/cbpf.js'
import { compareFilter, allowedNames } from '../../src/seccomp/filter/filter-compare.js'

/** How the filters of a process relate to what its container declares. */
export interface FilterCheck {
  /** bytes: the same bytes as libseccomp makes, and call by call; table: call by call only. */
  checked: 'bytes' | 'table' | 'none'
  same: boolean
  difference: string
  /** Filters next to the declared one. */
  others: number
  /** Names that the strictest filter allows. */
  allowed: number
}

interface Comparison {
  same: boolean
  bytes: boolean
  difference: string
}

const mostKept = 1024

function keep<V>(map: Map<string, V>, key: string, value: V): V {
  map.set(key, value)
  dropOldest(map, mostKept)
  return value
}

const digestOf = (bytes: Buffer): string => createHash('sha1').update(bytes).digest('base64')

/** FilterChecks compares filters with profiles; each pair and each filter is computed once. */
export class FilterChecks {
  readonly #abis: readonly Abi[]
  readonly #native: Abi
  readonly #comparisons = new Map<string, Comparison>()
  /** By filter: how many names it allows. */
  readonly #allowed = new Map<string, number>()
  readonly #compiled = new WeakMap<LinuxSeccomp, Promise<CompiledFilter | undefined>>()
  readonly #numbers = new WeakMap<LinuxSeccomp, number>()
  #profiles = 0

  /** @param abis the machine's own ABI first. */
  constructor(abis: readonly Abi[]) {
    this.#abis = abis
    this.#native = abis[0] ?? 'x86_64'
  }

  /** Compares a process's filters, the newest first, with the profile that its container declares. */
  async check(
    filters: readonly (Buffer | undefined)[],
    declared: LinuxSeccomp | undefined
  ): Promise<FilterCheck> {
    const known = filters.filter((filter) => filter !== undefined)
    if (known.length === 0) {
      return { checked: 'none', same: false, difference: '', others: 0, allowed: 0 }
    }
    const allowed = Math.min(...known.map((filter) => this.#allowedBy(filter)))
    if (declared === undefined) {
      return { checked: 'table', same: false, difference: '', others: filters.length, allowed }
    }
    let difference = ''
    // The oldest filter is the runtime's; the program may have added its own.
    for (const filter of [...known].reverse()) {
      const found = await this.#compare(filter, declared)
      if (found.same) {
        const checked = found.bytes ? 'bytes' : 'table'
        return { checked, same: true, difference: '', others: filters.length - 1, allowed }
      }
      if (difference === '') difference = found.difference
    }
    return { checked: 'table', same: false, difference, others: filters.length, allowed }
  }

  async #compare(bytes: Buffer, seccomp: LinuxSeccomp): Promise<Comparison> {
    const key = `${digestOf(bytes)} ${this.#numberOf(seccomp)}`
    const known = this.#comparisons.get(key)
    if (known !== undefined) return known
    const built = await this.#compile(seccomp)
    return keep(this.#comparisons, key, compare(bytes, seccomp, built, this.#abis))
  }

  #compile(seccomp: LinuxSeccomp): Promise<CompiledFilter | undefined> {
    const known = this.#compiled.get(seccomp) ?? compileFilter(seccomp)
    this.#compiled.set(seccomp, known)
    return known
  }

  /** Equal profiles are one object (oci-config.ts), so a number identifies a profile. */
  #numberOf(seccomp: LinuxSeccomp): number {
    const known = this.#numbers.get(seccomp) ?? (this.#profiles += 1)
    this.#numbers.set(seccomp, known)
    return known
  }

  #allowedBy(bytes: Buffer): number {
    const key = digestOf(bytes)
    const known = this.#allowed.get(key)
    if (known !== undefined) return known
    try {
      return keep(this.#allowed, key, allowedNames(parseFilter(bytes), this.#native).length)
    } catch {
      return keep(this.#allowed, key, 0)
    }
  }
}

function compare(
  bytes: Buffer,
  seccomp: LinuxSeccomp,
  built: CompiledFilter | undefined,
  abis: readonly Abi[]
): Comparison {
  // runc adds its answer for unknown numbers in front of what libseccomp made.
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
    return { same, bytes: same && isEnd, difference }
  } catch (error) {
    const difference = error instanceof Error ? error.message : String(error)
    return { same: false, bytes: false, difference }
  }
}
