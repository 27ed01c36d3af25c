import type { DenialDetail } from '../../../native/types.js'
import type { AbiCounts, AbiNames } from '../../../src/api/gen/hub.js'
import type { Abi } from '../../../src/syscalls/abi.js'
import { syscallName } from '../../../src/syscalls/syscall-table.js'
import { abiOf } from '../../lib/abi-of.js'

/**
 * Of a container whose filter is not known: the calls that only ever ended as a filter may end them
 * (EPERM, ENOSYS, a signal). Whether they were refused or failed by themselves nobody can say, so they
 * are not to be learned. `details` must have been read after the counts.
 */
export function unprovenNames(
  counts: readonly AbiCounts[],
  details: readonly DenialDetail[],
  machine: Abi
): AbiNames[] {
  const failed = new Map<string, number>()
  for (const { abi, nr, count, succeeded, arguments: args } of details) {
    // The same calls once more, told apart.
    if (args !== undefined) continue
    const own = abiOf(abi, machine)
    const key = `${own} ${syscallName(own, nr)}`
    failed.set(key, (failed.get(key) ?? 0) + count - succeeded)
  }
  return counts.flatMap(({ abi, syscalls }) => {
    const names = syscalls
      .filter(({ name, count }) => count <= (failed.get(`${abi} ${name}`) ?? 0))
      .map(({ name }) => name)
    return names.length === 0 ? [] : [{ abi, names }]
  })
}
