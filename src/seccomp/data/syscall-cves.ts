/**
 * Flaws of the kernel that were reached through a syscall: what a name that is not allowed would have
 * kept out. Only entries that a source names; the years are those of the CVE ids.
 */
interface SyscallCve {
  readonly id: `CVE-${number}-${number}`
  readonly syscalls: readonly string[]
  /** Only with such an argument. */
  readonly condition?: 'AF_ALG' | 'CLONE_NEWUSER'
  readonly summary: string
  readonly source: string
}

/** Ghavamnia et al., "Confine: Automated System Call Policy Generation for Container Attack Surface Reduction", RAID 2020. */
const confine = 'Confine (RAID 2020), cve.files/cve.to.syscall.manual'
const keyrings = ['add_key', 'keyctl', 'request_key']
const keyring = (id: SyscallCve['id'], summary: string): SyscallCve => ({
  id,
  syscalls: keyrings,
  summary,
  source: confine
})
const row = (id: SyscallCve['id'], syscalls: readonly string[], summary: string): SyscallCve => ({
  id,
  syscalls,
  summary,
  source: confine
})

export const syscallCves: readonly SyscallCve[] = [
  keyring('CVE-2009-3624', 'reference leak in the session keyring'),
  keyring('CVE-2015-7550', 'keyctl read races with revoke'),
  keyring('CVE-2016-0728', 'reference overflow when joining a session keyring'),
  keyring('CVE-2016-9604', 'a user may join a keyring of the kernel itself'),
  keyring('CVE-2017-12192', 'reading a negative key crashes'),
  keyring('CVE-2017-15274', 'a key without payload but with a length crashes'),
  row('CVE-2017-6001', ['perf_event_open'], 'concurrent group moves race'),
  row('CVE-2016-4997', ['setsockopt'], 'netfilter tables from a 32-bit caller write out of bounds'),
  row('CVE-2016-8655', ['setsockopt'], 'packet ring race: use after free'),
  row('CVE-2016-9793', ['setsockopt'], 'negative buffer sizes are accepted'),
  row('CVE-2017-6074', ['setsockopt'], 'DCCP double free'),
  row('CVE-2017-7308', ['setsockopt'], 'packet ring sizes are not checked'),
  row('CVE-2017-5123', ['waitid'], 'writes to addresses that were not checked'),
  row('CVE-2017-14954', ['waitid'], 'leaks kernel memory'),
  row('CVE-2017-14140', ['move_pages'], "shows a set-user-id program's layout"),
  row('CVE-2019-9857', ['inotify_add_watch'], 'reference leak'),
  row('CVE-2010-4250', ['inotify_init1'], 'memory leak'),
  row(
    'CVE-2015-7613',
    ['msgget', 'semget', 'shmget'],
    'objects are visible before they are set up'
  ),
  row('CVE-2010-4072', ['shmctl'], 'leaks kernel stack'),
  row('CVE-2010-4083', ['semctl'], 'leaks kernel stack'),
  row('CVE-2013-1858', ['unshare'], 'a user namespace that shares its root directory'),
  row('CVE-2014-7970', ['pivot_root'], 'a mount loop'),
  row('CVE-2012-3511', ['madvise'], 'use after free when removing pages'),
  row('CVE-2017-18208', ['madvise'], 'endless loop on a DAX mapping'),
  row('CVE-2014-9903', ['sched_getattr'], 'leaks kernel stack'),
  row('CVE-2018-13053', ['clock_nanosleep'], 'overflow with large timeouts'),
  row('CVE-2012-3375', ['epoll_ctl'], 'loop in epoll sets'),
  row('CVE-2016-7911', ['ioprio_get'], 'race: use after free'),
  row('CVE-2015-2686', ['recvfrom', 'sendto'], 'ranges are not checked'),
  {
    id: 'CVE-2026-31431',
    syscalls: ['socket', 'socketcall'],
    condition: 'AF_ALG',
    summary: 'algif_aead writes to the page cache, shared with the host',
    source: 'https://github.com/moby/moby/pull/52494'
  },
  {
    id: 'CVE-2022-29582',
    syscalls: ['io_uring_setup'],
    summary: 'io_uring: use after free',
    source: 'https://kernel-internals.org/io-uring/war-stories'
  },
  {
    id: 'CVE-2024-0582',
    syscalls: ['io_uring_setup'],
    summary: 'io_uring: use after free',
    source: 'https://openwall.com/lists/oss-security/2024/04/24/3'
  },
  {
    id: 'CVE-2021-3490',
    syscalls: ['bpf'],
    summary: 'the verifier accepts a harmful program',
    source: 'https://hackweek.opensuse.org/21/topics/modelchecking'
  },
  {
    id: 'CVE-2022-0847',
    syscalls: ['splice'],
    summary: '"Dirty Pipe": writes to files that are read-only',
    source: 'https://www.systemshardening.com/articles/linux/dirty-pipe-container-escape/'
  },
  ...(
    [
      ['CVE-2023-32233', 'nf_tables: use after free of anonymous sets'],
      ['CVE-2024-1086', 'nf_tables: use after free of a verdict']
    ] as const
  ).map(
    ([id, summary]): SyscallCve => ({
      id,
      syscalls: ['clone', 'unshare'],
      condition: 'CLONE_NEWUSER',
      summary: `${summary}, reached through a user namespace`,
      source:
        'https://www.systemshardening.com/articles/network/nftables-container-privilege-escalation/'
    })
  )
]
