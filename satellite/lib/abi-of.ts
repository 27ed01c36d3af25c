import type { AbiClass } from '../../native/types.js'
import type { Abi } from '../../src/syscalls/abi.js'

export const abiClasses: readonly AbiClass[] = ['native', 'compat', 'x32']

/** The ABI whose table numbers of this class belong to, on a machine whose own is `machine`. */
export function abiOf(kind: AbiClass, machine: Abi): Abi {
  if (kind === 'native') return machine
  return kind === 'compat' ? 'i386' : 'x32'
}
