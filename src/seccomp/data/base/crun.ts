import type { RuntimeEntry } from './entry.js'

/** Syscalls that crun makes between loading the filter and the application's first instruction. */
export const crun: readonly RuntimeEntry[] = [
  {
    names: ['close', 'execve', 'write'],
    reason: 'after it loaded the filter, with and without noNewPrivileges',
    source: 'measured here: crun 1.8.1, 320 starts, cgroups disabled'
  },
  {
    names: [
      'capset',
      'fchown',
      'ioctl',
      'openat',
      'prctl',
      'pselect6',
      'read',
      'rt_sigaction',
      'rt_sigprocmask',
      'setgroups',
      'setresgid',
      'setresuid',
      'statx',
      'umask'
    ],
    reason:
      'after it loaded the filter: user, capabilities, descriptors, and the wait for its start',
    source: 'measured here: crun 1.8.1, 320 starts, cgroups disabled'
  },
  {
    names: [
      'access',
      'brk',
      'capget',
      'chdir',
      'close_range',
      'faccessat',
      'faccessat2',
      'fcntl',
      'fstat',
      'getcwd',
      'getdents64',
      'lseek',
      'mmap',
      'munmap',
      'newfstatat',
      'openat2',
      'setgid',
      'setuid'
    ],
    reason: 'after it loaded the filter, on other paths and with another libc',
    source: 'source: crun src/libcrun/container.c and linux.c; not seen here'
  }
]
