import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { type Abi, abis, abisOfMachine, scmpArchOf } from '../../syscalls/abi.js'
import type { Approved } from './grants.js'

/**
 * Returns the ABIs that a rendering lists: in enforce those that were approved and the native one, in audit every one of the
 * machine. What was observed is not approved: it only says on which machines the workload runs, where nothing else does.
 */
export function listedAbis(
  profile: SeccompProfile,
  approved: Approved,
  options: { mode: 'audit' | 'enforce'; machine?: string }
): Abi[] {
  const observed = abis.filter((abi) => (profile.status?.observed?.[abi]?.length ?? 0) > 0)
  const named = abis.filter((abi) => approved.architectures.has(scmpArchOf[abi]))
  const machines = new Set(
    options.machine === undefined
      ? [...named, ...observed].map((abi) => (abi === 'aarch64' ? 'aarch64' : 'x86_64'))
      : [options.machine]
  )
  if (machines.size === 0) machines.add('x86_64')
  const native = [...machines].flatMap((machine) => {
    const all = abisOfMachine(machine)
    return options.mode === 'audit' ? all : all.slice(0, 1)
  })
  return abis.filter((abi) => native.includes(abi) || named.includes(abi))
}
