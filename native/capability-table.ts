/** What a kernel may allow Secco to do. Each capability is tried by itself: none fails because another one does. */
export const capabilityNames = [
  'record',
  'record-arguments',
  'denials',
  'blocked-calls',
  'audit-log',
  'read-filter',
  'pin',
  'iter-task'
] as const
export type CapabilityName = (typeof capabilityNames)[number]

interface Meaning {
  /** What users get from it. */
  works: string
  /** What is missing without it. */
  missing: string
  /** What to do about it. */
  next: string
}

/** What each capability means, in messages for users. */
export const capabilityMeanings: Record<CapabilityName, Meaning> = {
  record: {
    works: 'every syscall of every container is counted, from its first instruction',
    missing: 'nothing can be learned on this node; profiles are still delivered and enforced',
    next:
      'run as root (CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN) on Linux 5.11 or later with BTF (its own, or --btf FILE), ' +
      'without kernel lockdown'
  },
  'record-arguments': {
    works: 'values of security-relevant arguments (socket, clone, prctl, ioctl …) are learned too',
    missing: 'syscalls are learned by name only; argument rules are those of RuntimeDefault',
    next: 'nothing has to be done; values are learned on nodes where this works'
  },
  denials: {
    works: 'denied calls are counted exactly, without auditd',
    missing: 'calls that an enforced profile denies cannot be seen here',
    next: 'what `record` needs; without it watch the audit log for SECCOMP records'
  },
  'blocked-calls': {
    works: 'a call in which a process sleeps is learned before it returns',
    missing: 'a call that never returns (pause, accept …) may be missing from what is learned',
    next:
      'run as root with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH in the host pid namespace, ' +
      'with /proc mounted without hidepid'
  },
  'audit-log': {
    works: "all arguments of logged and killed calls come from the kernel's audit records",
    missing:
      'for a denied call only the arguments are known that the rules read; numbers and counts are exact all the same',
    next: 'run with CAP_AUDIT_READ in the first user namespace, and boot without audit=0'
  },
  'read-filter': {
    works: "a process' actual filter can be read and compared with its profile",
    missing: 'what is enforced is known only from the runtime, not from the kernel',
    next: 'run as root with CAP_SYS_PTRACE and CAP_SYS_ADMIN, on a kernel with CONFIG_CHECKPOINT_RESTORE'
  },
  pin: {
    works: 'recording goes on in the kernel while the satellite restarts',
    missing:
      'calls that containers make while the satellite restarts are not seen; the containers are marked incomplete',
    next: 'mount -t bpf bpf /sys/fs/bpf, writable for the satellite'
  },
  'iter-task': {
    works: 'all tasks can be walked in the kernel',
    missing: 'tasks are read from /proc instead, which is slower',
    next: 'nothing has to be done'
  }
}

export interface Capability {
  name: CapabilityName
  works: boolean
  /** One sentence: what works; or what is missing, and why. */
  message: string
}

/**
 * Makes a Capability with its message.
 * @param reason why it does not work; undefined if it does. @param detail is added to what works.
 */
export function capability(name: CapabilityName, reason?: string, detail?: string): Capability {
  const { works, missing } = capabilityMeanings[name]
  if (reason !== undefined) return { name, works: false, message: `${missing} (${reason})` }
  return { name, works: true, message: detail === undefined ? works : `${works} (${detail})` }
}
