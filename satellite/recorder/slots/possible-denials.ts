import type { DenialDetail } from '../../../native/types.js'
import type { AbiCounts, AbiNames } from '../../../src/api/gen/hub.js'
import type { Abi } from '../../../src/syscalls/abi.js'
import { syscallName } from '../../../src/syscalls/syscall-table.js'
import { abiOf } from '../../lib/abi-of.js'

/**
 * Returns the calls of a container with an unknown filter that only ever ended the way a filter ends them
 * (EPERM, ENOSYS, a signal). They may have been denied or may have failed by themselves, so they are not
 * learned. `details` must have been read after the counts.
 */
export function possibleDenials(
  counts: readonly AbiCounts[],
  details: readonly DenialDetail[],
  machine: Abi
): AbiNames[] {
  const failed = new Map<string, number>()
  for (const { abi, nr, count, succeeded, arguments: args } of details) {
    // Details by arguments repeat calls that are counted above by number.
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
