import { type Abi, abisOfMachine } from '../../syscalls/abi.js'
import type { SyscallCounts } from '../../syscalls/syscall-set.js'
import { syscallNumber } from '../../syscalls/syscall-table.js'
import { shown } from './fields.js'
import { type Lose, listed } from './loss.js'

/** Collects the syscalls of a trace. */
interface Tally {
  add(abi: Abi, name: string, count?: number): void
  /** Counts per ABI; unknown names are reported to `lose`. */
  finish(path: string, lose: Lose): SyscallCounts
}

/** The ABI of plain calls on a machine; x86_64 for one that Secco does not know. */
export function nativeAbi(machine: string): Abi {
  return abisOfMachine(machine)[0] ?? 'x86_64'
}

/**
 * A name that its ABI does not have belongs to the other ABI of the same machine that has it: traces
 * do not always say in which mode a process ran.
 */
export function createTally(machine: string): Tally {
  const possible =
    abisOfMachine(machine).length === 0 ? [nativeAbi(machine)] : abisOfMachine(machine)
  const counts = new Map<Abi, Map<string, number>>()
  const unknown = new Set<string>()
  const guessed = new Set<string>()
  return {
    add(abi, name, count = 1) {
      const owner =
        syscallNumber(abi, name) !== undefined
          ? abi
          : possible.find((other) => syscallNumber(other, name) !== undefined)
      if (owner === undefined) {
        if (unknown.size < 1000) unknown.add(shown(name))
        return
      }
      if (owner !== abi) guessed.add(name)
      const byName = counts.get(owner) ?? new Map<string, number>()
      byName.set(name, (byName.get(name) ?? 0) + count)
      counts.set(owner, byName)
    },
    finish(path, lose) {
      if (unknown.size > 0) {
        lose({
          path,
          what: listed([...unknown].sort()),
          why: `no syscall table of ${machine} has these calls`,
          fix: 'left out; if the trace is from another machine, name it with --machine'
        })
      }
      if (guessed.size > 0) {
        lose({
          path,
          what: listed([...guessed].sort()),
          why: 'the trace does not say that a process ran in another mode, but only i386 or x32 have these calls',
          fix: 'recorded under an ABI that has them; other syscalls of the same process may be under the wrong ABI'
        })
      }
      return Object.fromEntries(
        [...counts].map(([abi, byName]) => [abi, Object.fromEntries([...byName].sort())])
      )
    }
  }
}
