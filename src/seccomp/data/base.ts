/**
 * Base: what is needed regardless of the application (DESIGN §2, §8; research on runc 1.1.5, 1.2.8,
 * 1.3.3 and crun). The whole late set for both noNewPrivileges settings, never a bisected minimum:
 * names that come and go (rt_sigreturn, futex, tgkill) fail one start in many.
 */
export interface BaseEntry {
  readonly names: readonly string[]
  readonly reason: string
}

export interface RuntimeBase extends BaseEntry {
  /** The OCI runtime: runc or crun. */
  readonly runtime: string
  /** First version that asks for it; every version when absent. */
  readonly since?: string
}

/** Every container, whatever starts it. */
export const anyRuntime: readonly BaseEntry[] = [
  {
    names: ['exit', 'exit_group'],
    reason: 'ends a thread or a process; it never returns, so it is never recorded as one that did'
  },
  { names: ['execve', 'execveat'], reason: "the runtime's last call: the application's start" },
  {
    names: ['rt_sigreturn', 'sigreturn'],
    reason: 'return from a signal handler, at any moment; without it 5 of 240 starts crash'
  },
  { names: ['restart_syscall'], reason: 'the kernel restarts an interrupted call through it' },
  {
    names: ['futex'],
    reason: 'comes and goes with scheduling; without it about a third of starts fail'
  },
  { names: ['kill', 'tgkill'], reason: 'comes and goes: signals to oneself and between threads' }
]

export const runtimeBases: readonly RuntimeBase[] = [
  {
    runtime: 'runc',
    names: [
      'close',
      'epoll_ctl',
      'execve',
      'fstatfs',
      'futex',
      'getdents64',
      'getpid',
      'openat',
      'rt_sigreturn',
      'write'
    ],
    reason: 'runc after it loaded the filter, with and without noNewPrivileges'
  },
  {
    runtime: 'runc',
    names: [
      'capget',
      'capset',
      'chdir',
      'faccessat2',
      'fchown',
      'fcntl',
      'fstat',
      'getcwd',
      'getppid',
      'newfstatat',
      'prctl',
      'read',
      'sched_yield',
      'setgid',
      'setgroups',
      'setuid'
    ],
    reason:
      'runc after it loaded the filter, privilege escalation allowed; fchown for non-root users'
  },
  {
    runtime: 'runc',
    names: [
      'epoll_pwait',
      'gettid',
      'madvise',
      'mmap',
      'munmap',
      'nanosleep',
      'rt_sigprocmask',
      'sched_yield',
      'sigaltstack',
      'tgkill'
    ],
    reason: "runc's Go runtime, under load: without these 15 of 400 starts fail"
  },
  { runtime: 'runc', since: '1.2.0', names: ['openat2', 'statx'], reason: 'runc 1.2 and later' },
  {
    runtime: 'crun',
    names: ['close', 'openat', 'prctl', 'read', 'setgroups', 'statx', 'write'],
    reason: 'crun after it loaded the filter, as seen'
  },
  {
    runtime: 'crun',
    names: [
      'access',
      'brk',
      'capget',
      'capset',
      'chdir',
      'close_range',
      'execve',
      'faccessat',
      'faccessat2',
      'fchown',
      'fcntl',
      'fstat',
      'getcwd',
      'getdents64',
      'lseek',
      'mmap',
      'munmap',
      'newfstatat',
      'openat2',
      'rt_sigaction',
      'rt_sigprocmask',
      'setgid',
      'setresgid',
      'setresuid',
      'setuid',
      'umask'
    ],
    reason:
      'crun after it loaded the filter: capabilities, user, descriptors (read from its source)'
  }
]
