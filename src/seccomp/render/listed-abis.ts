import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { type Abi, abis, abisOfMachine, scmpArchOf } from '../../syscalls/abi.js'
import type { Approved } from './approved.js'

/**
 * The ABIs that a rendering lists: in enforce those that were approved, else those observed, and the
 * native one; in audit every one of the machine.
 */
export function listedAbis(
  profile: SeccompProfile,
  approved: Approved,
  options: { mode: 'audit' | 'enforce'; machine?: string }
): Abi[] {
  const observed = abis.filter((abi) => (profile.status?.observed?.[abi]?.length ?? 0) > 0)
  const named = abis.filter((abi) => approved.architectures.has(scmpArchOf[abi]))
  const seen = named.length > 0 ? named : observed
  const machines = new Set(
    options.machine === undefined
      ? [...seen, ...observed].map((abi) => (abi === 'aarch64' ? 'aarch64' : 'x86_64'))
      : [options.machine]
  )
  if (machines.size === 0) machines.add('x86_64')
  const native = [...machines].flatMap((machine) => {
    const all = abisOfMachine(machine)
    return options.mode === 'audit' ? all : all.slice(0, 1)
  })
  return abis.filter((abi) => native.includes(abi) || seen.includes(abi))
}
