/** The syscall ABIs that Secco distinguishes (DESIGN: "Per ABI"; seccomp(2), AUDIT_ARCH_*). */
export const abis = ['x86_64', 'i386', 'x32', 'aarch64'] as const
export type Abi = (typeof abis)[number]

/** ABI names as the OCI runtime-spec and libseccomp spell them. */
export const scmpArchOf = {
  x86_64: 'SCMP_ARCH_X86_64',
  i386: 'SCMP_ARCH_X86',
  x32: 'SCMP_ARCH_X32',
  aarch64: 'SCMP_ARCH_AARCH64'
} as const satisfies Record<Abi, string>

/** Every ABI that a kernel of this machine architecture (`uname -m`) may serve. */
export function abisOfMachine(machine: string): Abi[] {
  if (machine === 'x86_64') return ['x86_64', 'i386', 'x32']
  if (machine === 'aarch64') return ['aarch64']
  return []
}
