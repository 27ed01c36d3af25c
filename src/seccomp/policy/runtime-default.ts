import type { LinuxSeccomp, SeccompArg, SeccompSyscall } from '../../api/seccomp-profile.js'
import { abisOfMachine, scmpArchOf } from '../../syscalls/abi.js'
import { mobyDefault } from './gen/runtime-default.js'
import { isKnownSyscall } from '../../syscalls/syscall-table.js'

/** Default capabilities of a container (runc spec, Docker, containerd). */
export const defaultCapabilities: readonly string[] = [
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_RAW',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT'
]

interface RuntimeDefaultOptions {
  /** Capabilities of the container; default: what runtimes give. */
  capabilities?: readonly string[]
  /** `uname -m`; default x86_64. */
  machine?: string
}

interface Conditional {
  readonly names: readonly string[]
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO'
  readonly errnoRet?: number
  readonly args?: readonly SeccompArg[]
  readonly includes?: { readonly caps?: readonly string[]; readonly arches?: readonly string[] }
  readonly excludes?: { readonly caps?: readonly string[]; readonly arches?: readonly string[] }
}

/** Capabilities with which the default profile allows more, and those of every container. */
export const capabilitiesOfDefault: readonly string[] = [
  ...new Set([
    ...defaultCapabilities,
    ...(mobyDefault.syscalls as readonly Conditional[]).flatMap((one) => one.includes?.caps ?? [])
  ])
]

const archesOfMachine: Record<string, readonly string[]> = {
  x86_64: ['amd64', 'x86', 'x32'],
  aarch64: ['arm64', 'arm']
}

/**
 * The runtimes' default profile in the OCI shape, its docker-only conditions decided: capabilities,
 * architecture, and a kernel of at least 4.8. Every ABI of the machine is listed.
 */
export function runtimeDefault(options: RuntimeDefaultOptions = {}): LinuxSeccomp {
  const machine = options.machine ?? 'x86_64'
  const caps = new Set(options.capabilities ?? defaultCapabilities)
  const arches = archesOfMachine[machine] ?? []
  const meets = (rule: Conditional) =>
    (rule.includes?.caps ?? []).every((cap) => caps.has(cap)) &&
    !(rule.excludes?.caps ?? []).some((cap) => caps.has(cap)) &&
    (rule.includes?.arches?.some((arch) => arches.includes(arch)) ?? true) &&
    !(rule.excludes?.arches ?? []).some((arch) => arches.includes(arch))
  const syscalls: SeccompSyscall[] = []
  for (const rule of mobyDefault.syscalls as readonly Conditional[]) {
    const names = rule.names.filter(isKnownSyscall).sort()
    if (!meets(rule) || names.length === 0) continue
    syscalls.push({
      names,
      action: rule.action,
      ...(rule.errnoRet === undefined ? {} : { errnoRet: rule.errnoRet }),
      ...(rule.args === undefined ? {} : { args: rule.args.map((arg) => ({ ...arg })) })
    })
  }
  return {
    defaultAction: mobyDefault.defaultAction,
    defaultErrnoRet: mobyDefault.defaultErrnoRet,
    architectures: abisOfMachine(machine).map((abi) => scmpArchOf[abi]),
    syscalls
  }
}

/** Returns the names that RuntimeDefault allows, with or without conditions on arguments. */
export function runtimeDefaultNames(options: RuntimeDefaultOptions = {}): Set<string> {
  const names = new Set<string>()
  for (const rule of runtimeDefault(options).syscalls ?? []) {
    if (rule.action === 'SCMP_ACT_ALLOW') for (const name of rule.names) names.add(name)
  }
  return names
}

/** Returns the rules of RuntimeDefault for each name that it allows: alternatives of conditions, `[]` = any arguments. */
export function runtimeDefaultRules(
  options: RuntimeDefaultOptions = {}
): Map<string, readonly SeccompArg[][]> {
  const rules = new Map<string, SeccompArg[][]>()
  for (const rule of runtimeDefault(options).syscalls ?? []) {
    if (rule.action !== 'SCMP_ACT_ALLOW') continue
    for (const name of rule.names) {
      const alternatives = rules.get(name) ?? []
      if (rule.args === undefined || rule.args.length === 0) rules.set(name, [])
      else if (!rules.has(name) || alternatives.length > 0) {
        rules.set(name, [...alternatives, [...rule.args]])
      }
    }
  }
  return rules
}
