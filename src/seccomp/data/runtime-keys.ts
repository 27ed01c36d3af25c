/** Keys and flags that runtimes support, with the first version. */
export interface KeySupport {
  readonly runtime: 'runc' | 'crun'
  readonly key: 'errnoRet' | 'defaultErrnoRet' | 'SCMP_ACT_KILL_PROCESS' | 'SCMP_ACT_KILL_THREAD'
  readonly since: string
  /** What an older version does with the key. */
  readonly before: 'ignores it' | 'rejects the container'
  readonly source: string
}

export const keySupport: readonly KeySupport[] = [
  {
    runtime: 'runc',
    key: 'errnoRet',
    since: '1.0.0',
    before: 'ignores it',
    source: 'opencontainers/runc#2424'
  },
  {
    runtime: 'runc',
    key: 'defaultErrnoRet',
    since: '1.0.0',
    before: 'ignores it',
    source: 'opencontainers/runc#2943; containers/common#689 says 1.0-rc95'
  },
  {
    runtime: 'runc',
    key: 'SCMP_ACT_KILL_PROCESS',
    since: '1.1.0',
    before: 'rejects the container',
    source: 'runc CHANGELOG 1.1.0; measured here: 1.1.5 takes it'
  },
  {
    runtime: 'runc',
    key: 'SCMP_ACT_KILL_THREAD',
    since: '1.1.0',
    before: 'rejects the container',
    source: 'runc CHANGELOG 1.1.0; measured here: 1.1.5 takes it'
  },
  {
    runtime: 'crun',
    key: 'errnoRet',
    since: '0.14',
    before: 'ignores it',
    source: 'containers/crun#354'
  },
  {
    runtime: 'crun',
    key: 'defaultErrnoRet',
    since: '0.19',
    before: 'ignores it',
    source: 'containers/common#689 says 0.19'
  }
]

/**
 * The newest syscall number (shared by all ABIs from 403 up) that each libseccomp has a name for. Names
 * above it are left out by runc and crun there: runc answers ENOSYS for them, crun its default.
 */
export const libseccompReach: readonly {
  readonly since: string
  readonly newest: number
  readonly source: string
}[] = [
  { since: '2.5.0', newest: 439, source: 'CHANGELOG: Linux v5.8' },
  { since: '2.5.3', newest: 448, source: 'CHANGELOG: Linux v5.15' },
  { since: '2.5.4', newest: 450, source: 'CHANGELOG: Linux v5.17; measured here' },
  { since: '2.5.5', newest: 456, source: 'CHANGELOG: Linux v6.7-rc3' },
  { since: '2.6.0', newest: 466, source: 'CHANGELOG: Linux v6.13' }
]
