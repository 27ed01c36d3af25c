export interface Risk {
  level: 'high' | 'medium'
  reason: string
}

const high: readonly (readonly [string, readonly string[]])[] = [
  ['loads programs into the kernel', ['bpf']],
  ['reads or changes other processes', ['process_vm_readv', 'process_vm_writev', 'ptrace']],
  ['takes descriptors out of other processes', ['pidfd_getfd']],
  ['loads code into the kernel', ['delete_module', 'finit_module', 'init_module']],
  ['replaces the running kernel', ['kexec_file_load', 'kexec_load']],
  [
    'works past the per-syscall view: operations in its ring are not filtered',
    ['io_uring_enter', 'io_uring_register', 'io_uring_setup']
  ],
  [
    'changes mounts, a way out of the container',
    [
      'fsconfig',
      'fsmount',
      'fsopen',
      'fspick',
      'mount',
      'mount_setattr',
      'move_mount',
      'open_tree',
      'pivot_root',
      'umount',
      'umount2'
    ]
  ],
  ['enters or makes namespaces, which opens more of the kernel', ['setns', 'unshare']],
  ['opens files by handle, past the mount namespace', ['open_by_handle_at']],
  ['kernel keyrings are not namespaced', ['add_key', 'keyctl', 'request_key']],
  ['reads the kernel through performance counters', ['perf_event_open']],
  ['stops the kernel in the middle of a copy, used in exploits', ['userfaultfd']],
  ['raw access to hardware ports', ['ioperm', 'iopl']],
  ['stops or restarts the machine', ['reboot']]
]

const medium: readonly (readonly [string, readonly string[]])[] = [
  ['many calls behind one number; i386 arguments cannot be filtered', ['ipc', 'socketcall']],
  ['changes the root directory', ['chroot']],
  ['its flags are behind a pointer and cannot be filtered', ['clone3']],
  ["changes the machine's clock", ['clock_adjtime', 'clock_settime', 'settimeofday', 'stime']],
  ["changes the machine's name", ['setdomainname', 'sethostname']],
  ["reads the kernel's log", ['syslog']],
  ['changes swap, quotas or accounting', ['acct', 'quotactl', 'swapoff', 'swapon']],
  ["changes another process's memory policy", ['mbind', 'migrate_pages', 'move_pages']],
  ["changes the process's segment table", ['modify_ldt']],
  ['switches off protections of the address space', ['personality']]
]

const risks: ReadonlyMap<string, Risk> = new Map(
  [
    ...high.map((entry) => ['high', ...entry] as const),
    ...medium.map((entry) => ['medium', ...entry] as const)
  ].flatMap(([level, reason, names]) => names.map((name) => [name, { level, reason }] as const))
)

/** Why a name deserves a second look; undefined when there is nothing particular. */
export function riskOf(name: string): Risk | undefined {
  return risks.get(name)
}
