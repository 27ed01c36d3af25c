import type {
  LinuxSeccomp,
  SeccompArg,
  SeccompProfile,
  SeccompSyscall
} from '../../src/api/seccomp-profile.js'

const arg = (
  index: number,
  op: SeccompArg['op'],
  value: number,
  valueTwo?: number
): SeccompArg => ({ index, op, value, ...(valueTwo === undefined ? {} : { valueTwo }) })

const allow = (name: string, ...args: SeccompArg[]): SeccompSyscall => ({
  names: [name],
  action: 'SCMP_ACT_ALLOW',
  ...(args.length === 0 ? {} : { args })
})

const denying = (...syscalls: SeccompSyscall[]): LinuxSeccomp => ({
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls
})

const profileOf = (seccomp: LinuxSeccomp): SeccompProfile => ({
  apiVersion: 'secco.dev/v1alpha1',
  kind: 'SeccompProfile',
  metadata: { namespace: 'shop', name: 'web' },
  spec: { seccomp }
})

/** Every flag of clone(2) that makes a namespace, as RuntimeDefault masks them. */
const namespaceFlags = 2114060288

/** Parts of profiles whose rules do something else than they say. */
export const testSeccompProfile = {
  arg,
  allow,
  denying,
  profileOf,
  cloneNewUser: 0x10000000n,
  /** As all of its conditions say, within RuntimeDefault; as runtimes join them, clone with any flags. */
  attack: denying(
    allow('clone', arg(0, 'SCMP_CMP_MASKED_EQ', namespaceFlags, 0), arg(0, 'SCMP_CMP_GE', 0))
  )
}
