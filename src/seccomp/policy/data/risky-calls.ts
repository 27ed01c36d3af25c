/** Syscalls with similar power: the first allowed one counts, and each further one adds little. */
export interface RiskGroup {
  readonly level: 'high' | 'medium' | 'low'
  /** Points of the score (0 to 100) for the first member that is allowed. */
  readonly points: number
  readonly reason: string
  readonly source: string
  readonly names: readonly string[]
}

const docker = 'https://docs.docker.com/engine/security/seccomp/'
const scorer = 'public scorers, tiers 1 to 3 (seccompute 3)'
const temporal = 'Ghavamnia et al., "Temporal System Call Specialization", USENIX Security 2020'

export const riskGroups: readonly RiskGroup[] = [
  ...(
    [
      [14, 'loads programs into the kernel', docker, ['bpf']],
      [
        12,
        'reads or changes other processes',
        docker,
        ['process_vm_readv', 'process_vm_writev', 'ptrace']
      ],
      [8, 'takes descriptors from other processes', 'pidfd_getfd(2)', ['pidfd_getfd']],
      [20, 'loads code into the kernel', docker, ['delete_module', 'finit_module', 'init_module']],
      [20, 'replaces the running kernel', docker, ['kexec_file_load', 'kexec_load']],
      [
        12,
        'bypasses the filter: operations in its ring are not filtered',
        'https://github.com/moby/moby/pull/46762',
        ['io_uring_enter', 'io_uring_register', 'io_uring_setup']
      ],
      [
        12,
        'changes mounts, a way out of the container',
        docker,
        [
          ...['fsconfig', 'fsmount', 'fsopen', 'fspick', 'mount', 'mount_setattr', 'move_mount'],
          ...['open_tree', 'pivot_root', 'umount', 'umount2']
        ]
      ],
      [
        12,
        'enters or makes namespaces, which opens more of the kernel',
        docker,
        ['setns', 'unshare']
      ],
      [12, 'opens files by handle, past the mount namespace', docker, ['open_by_handle_at']],
      [8, 'kernel keyrings are not namespaced', docker, ['add_key', 'keyctl', 'request_key']],
      [10, 'reads the kernel through performance counters', docker, ['perf_event_open']],
      [8, 'stops the kernel in the middle of a copy, used in exploits', docker, ['userfaultfd']],
      [12, 'raw access to hardware ports', docker, ['ioperm', 'iopl']],
      [10, 'stops or restarts the machine', docker, ['reboot']]
    ] as const
  ).map(([points, reason, source, names]) => ({
    level: 'high' as const,
    points,
    reason,
    source,
    names
  })),
  ...(
    [
      [
        'multiplexes many syscalls; i386 arguments cannot be filtered',
        scorer,
        ['ipc', 'socketcall']
      ],
      ['changes the root directory', scorer, ['chroot']],
      [
        'its flags are behind a pointer and cannot be filtered',
        'https://github.com/moby/moby/issues/42680',
        ['clone3']
      ],
      [
        "changes the machine's clock",
        docker,
        ['clock_adjtime', 'clock_settime', 'settimeofday', 'stime']
      ],
      ["changes the machine's name", scorer, ['setdomainname', 'sethostname']],
      ["reads the kernel's log", scorer, ['syslog']],
      ['changes swap, quotas or accounting', docker, ['acct', 'quotactl', 'swapoff', 'swapon']],
      ["changes another process's memory policy", docker, ['mbind', 'migrate_pages', 'move_pages']],
      ["changes the process's segment table", scorer, ['modify_ldt']],
      ['switches off protections of the address space', docker, ['personality']]
    ] as const
  ).map(([reason, source, names]) => ({
    level: 'medium' as const,
    points: 3,
    reason,
    source,
    names
  })),
  ...(
    [
      ['starts other programs, which an exploit does first', ['execve', 'execveat']],
      [
        'opens connections and listens',
        ['accept', 'accept4', 'bind', 'connect', 'listen', 'socket']
      ],
      ['makes memory executable', ['mprotect', 'pkey_mprotect']],
      [
        "changes the process's user or group",
        ['setgid', 'setresgid', 'setresuid', 'setreuid', 'setuid']
      ],
      ["changes files' modes", ['chmod', 'fchmod', 'fchmodat']]
    ] as const
  ).map(([reason, names]) => ({
    level: 'low' as const,
    points: 1.5,
    reason,
    source: temporal,
    names
  }))
]

/** Together they give more than each alone. */
interface RiskCombination {
  readonly points: number
  readonly reason: string
  readonly source: string
  /** One of each list must be allowed. */
  readonly each: readonly (readonly string[])[]
}

export const riskCombinations: readonly RiskCombination[] = [
  {
    points: 8,
    reason: 'a new user namespace with mounts in it: exposes all mount code to its root',
    source: docker,
    each: [
      ['unshare', 'setns'],
      ['mount', 'fsopen', 'fsconfig', 'move_mount', 'open_tree']
    ]
  },
  {
    points: 4,
    reason: 'traces other processes and writes their memory: can control every process of its user',
    source: docker,
    each: [['ptrace'], ['process_vm_writev']]
  },
  {
    points: 4,
    reason: 'programs in the kernel, fed by performance events',
    source: docker,
    each: [['bpf'], ['perf_event_open']]
  },
  {
    points: 4,
    reason: 'keys hold kernel objects while page faults wait: a known way to win races',
    source: docker,
    each: [['userfaultfd'], ['add_key', 'keyctl']]
  },
  {
    points: 1,
    reason: 'runs programs that never were a file',
    source: 'memfd_create(2), execveat(2)',
    each: [['memfd_create'], ['execveat']]
  }
]
