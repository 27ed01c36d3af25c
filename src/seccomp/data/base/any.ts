import type { BaseEntry } from './entry.js'

/** Every container, whatever starts it. */
export const anyRuntime: readonly BaseEntry[] = [
  {
    names: ['exit', 'exit_group'],
    reason: 'ends a thread or a process; it never returns, so no return of it is recorded',
    source: 'kernel: do_exit() never reaches sys_exit'
  },
  {
    names: ['execve', 'execveat'],
    reason: "the runtime's last call: the application's start",
    source: 'measured here with runc 1.1.5 and crun 1.8.1; execveat is recorded as execve'
  },
  {
    names: ['rt_sigreturn', 'sigreturn'],
    reason: 'return from a signal handler, at any moment; without it 5 of 240 starts crash',
    source: 'measured here: 120 starts each with runc 1.1.5'
  },
  {
    names: ['restart_syscall'],
    reason: 'the kernel restarts an interrupted call through it',
    source: 'restart_syscall(2)'
  },
  {
    names: ['futex'],
    reason: 'comes and goes with scheduling; without it about a third of starts fail',
    source: 'measured here: 20 of 31 starts with runc 1.1.5'
  },
  {
    names: ['kill', 'tgkill'],
    reason: 'comes and goes: signals to oneself and between threads',
    source: 'measured here: rare calls over 16 workloads × 20 runs'
  },
  {
    names: ['clock_getres', 'clock_gettime', 'getcpu', 'gettimeofday', 'time'],
    reason:
      'answered in user space while the clock source can be read there; each becomes a ' +
      'syscall where it cannot (xen, hpet), or when the kernel marks the tsc unstable at ' +
      'run time',
    source: 'vdso(7); kernel: lib/vdso/gettimeofday.c, clock_gettime_fallback()'
  }
]
