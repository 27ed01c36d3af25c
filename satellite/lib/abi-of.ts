import type { AbiClass } from '../../native/types.js'
import type { Abi } from '../../src/syscalls/abi.js'

/** All classes of syscall numbers. */
export const abiClasses: readonly AbiClass[] = ['native', 'compat', 'x32']

/** Returns the ABI of a class of syscall numbers on a machine whose own ABI is `machine`. */
export function abiOf(kind: AbiClass, machine: Abi): Abi {
  if (kind === 'native') return machine
  return kind === 'compat' ? 'i386' : 'x32'
}
