/** What a kernel may or may not let Secco do. Each is tried by itself: none fails because another does. */
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
  /** What people have of it. */
  works: string
  /** What they do not have without it. */
  missing: string
  /** What to do about it. */
  next: string
}

/** The one home of what each capability means in plain words. */
export const capabilityMeanings: Record<CapabilityName, Meaning> = {
  record: {
    works: 'every syscall of every container is counted, from its first instruction',
    missing: 'nothing can be learned on this node; profiles are still delivered and enforced',
    next: 'run as root (CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN) on Linux 5.11 or later with BTF (its own, or --btf FILE), without kernel lockdown'
  },
  'record-arguments': {
    works:
      'values of the arguments that decide power (socket, clone, prctl, ioctl …) are learned too',
    missing: 'syscalls are learned by name only; argument rules are those of RuntimeDefault',
    next: 'nothing has to be done; values are learned on nodes where this works'
  },
  denials: {
    works: 'calls that a filter refuses are counted exactly, without auditd',
    missing: 'what an enforced profile refuses cannot be seen here',
    next: 'what `record` needs; without it watch the audit log for SECCOMP records'
  },
  'blocked-calls': {
    works: 'a call in which a process sleeps is learned before it returns',
    missing: 'a call that never returns (pause, accept …) may be missing from what is learned',
    next: 'run as root in the host pid namespace, with /proc mounted without hidepid'
  },
  'audit-log': {
    works: "all arguments of logged and killed calls come from the kernel's audit records",
    missing:
      'of a refused call only those arguments are told that the rules ask for; numbers and counts are exact all the same',
    next: 'run with CAP_AUDIT_READ in the first user namespace, and boot without audit=0'
  },
  'read-filter': {
    works: 'the filter that a process really has can be read and compared with its profile',
    missing: 'what is enforced is known from the runtime only, not from the kernel',
    next: 'run as root with CAP_SYS_PTRACE and CAP_SYS_ADMIN, on a kernel with CONFIG_CHECKPOINT_RESTORE'
  },
  pin: {
    works: 'recording goes on in the kernel while the satellite restarts',
    missing:
      'what containers do while the satellite restarts is not seen; they are marked incomplete',
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
  /** One sentence: what it means; where it does not work, why, and what is missing without it. */
  message: string
}

/** @param reason why it does not work; undefined when it does. @param detail is put behind what works. */
export function capability(name: CapabilityName, reason?: string, detail?: string): Capability {
  const { works, missing } = capabilityMeanings[name]
  if (reason !== undefined) return { name, works: false, message: `${missing} (${reason})` }
  return { name, works: true, message: detail === undefined ? works : `${works} (${detail})` }
}
