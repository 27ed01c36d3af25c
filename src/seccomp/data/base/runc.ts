import type { RuntimeEntry } from './entry.js'

/**
 * Syscalls that runc makes between loading the filter and the application's first instruction. The whole late set
 * for both noNewPrivileges settings, never a bisected minimum: names that come and go fail one start
 * in many.
 */
export const runc: readonly RuntimeEntry[] = [
  {
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
    reason: 'after it loaded the filter, with and without noNewPrivileges',
    source: 'measured here: runc 1.1.5, 31 runs and 15 execs'
  },
  {
    names: [
      'capget',
      'capset',
      'chdir',
      'faccessat2',
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
    reason: 'after it loaded the filter, privilege escalation allowed',
    source: 'measured here: runc 1.1.5, 31 runs and 15 execs'
  },
  {
    names: ['fchown'],
    reason: 'gives stdin, stdout and stderr to a user that is not root',
    source: 'measured here: runc 1.1.5, uid 1000; libcontainer/init_linux.go fixStdioPermissions'
  },
  {
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
    reason: 'its Go runtime, under load: without these 15 of 400 starts fail',
    source: 'measured here: 10 profiles × 20 starts × 2 settings, with and without'
  },
  {
    names: ['openat2', 'statx'],
    reason: 'opens below /proc safely',
    source: 'measured: runc 1.2.8 and 1.3.3',
    since: '1.2.0'
  }
]
