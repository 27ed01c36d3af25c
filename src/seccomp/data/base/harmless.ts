import type { BaseEntry } from './entry.js'

/** Calls that give no power and that every profile allows. No container needs them to start, run or end. */
export const harmless: readonly BaseEntry[] = [
  {
    names: [
      'alarm',
      'brk',
      'getegid',
      'getegid32',
      'geteuid',
      'geteuid32',
      'getgid',
      'getgid32',
      'getpgrp',
      'getpid',
      'getppid',
      'gettid',
      'getuid',
      'getuid32',
      'sched_yield',
      'set_tid_address',
      'umask'
    ],
    reason: 'cannot fail: a program takes EPERM for the answer (id prints uid 4294967295)',
    source: 'their manual pages, section 2: "always successful"; brk(2): the value is the break'
  },
  {
    names: [
      '_newselect',
      'clock_nanosleep',
      'clock_nanosleep_time64',
      'nanosleep',
      'pselect6',
      'pselect6_time64',
      'select'
    ],
    reason: 'sleep: an upgrade of a program or its libc changes by which of them it sleeps',
    source: 'measured: postgresql, Debian 12 → 13, calls clock_nanosleep instead of select'
  }
]
