import type { SeccompArg } from '../../api/seccomp-profile.js'
import type { Grant } from './grants.js'
import { conditionHolds } from '../arguments/argument-rules.js'

/**
 * Families of equivalent syscalls (DESIGN §7): an upgraded libc or application calls another member
 * of the same family for the same purpose. Each is narrow: who may call one member gains
 * nothing with the others. A family never allows what RuntimeDefault denies; argument
 * rules (clone) still apply.
 */
interface Family {
  readonly members: readonly string[]
  readonly reason: string
}

export const families: readonly Family[] = [
  { members: ['creat', 'open', 'openat', 'openat2'], reason: 'open a path' },
  {
    members: [
      'fstat',
      'fstat64',
      'fstatat64',
      'lstat',
      'lstat64',
      'newfstatat',
      'stat',
      'stat64',
      'statx'
    ],
    reason: 'file metadata (glibc 2.33 made fstat a newfstatat)'
  },
  { members: ['access', 'faccessat', 'faccessat2'], reason: 'test access to a path' },
  { members: ['epoll_pwait', 'epoll_pwait2', 'epoll_wait'], reason: 'wait for an epoll set' },
  { members: ['epoll_create', 'epoll_create1'], reason: 'make an epoll set' },
  { members: ['poll', 'ppoll', 'ppoll_time64'], reason: 'wait for descriptors' },
  {
    members: ['_newselect', 'pselect6', 'pselect6_time64', 'select'],
    reason: 'wait for descriptors'
  },
  { members: ['clock_nanosleep', 'clock_nanosleep_time64', 'nanosleep'], reason: 'sleep' },
  {
    members: ['clock_gettime', 'clock_gettime64', 'gettimeofday', 'time'],
    reason: 'read a clock'
  },
  { members: ['clock_getres', 'clock_getres_time64'], reason: 'resolution of a clock' },
  { members: ['futex', 'futex_time64'], reason: 'futex, 32- and 64-bit time' },
  { members: ['dup', 'dup2', 'dup3'], reason: 'duplicate a descriptor' },
  { members: ['pipe', 'pipe2'], reason: 'make a pipe' },
  { members: ['kill', 'tgkill', 'tkill'], reason: 'send a signal' },
  { members: ['fallocate', 'ftruncate', 'ftruncate64'], reason: "change an open file's size" },
  { members: ['truncate', 'truncate64'], reason: "change a file's size" },
  { members: ['chmod', 'fchmod', 'fchmodat', 'fchmodat2'], reason: "change a file's mode" },
  {
    members: ['chown', 'chown32', 'fchown', 'fchown32', 'fchownat', 'lchown', 'lchown32'],
    reason: "change a file's owner"
  },
  { members: ['rename', 'renameat', 'renameat2'], reason: 'rename a path' },
  { members: ['rmdir', 'unlink', 'unlinkat'], reason: 'remove a path' },
  { members: ['mkdir', 'mkdirat'], reason: 'make a directory' },
  { members: ['mknod', 'mknodat'], reason: 'make a node' },
  { members: ['link', 'linkat'], reason: 'make a hard link' },
  { members: ['symlink', 'symlinkat'], reason: 'make a symbolic link' },
  { members: ['readlink', 'readlinkat'], reason: 'read a symbolic link' },
  {
    members: ['futimesat', 'utime', 'utimensat', 'utimensat_time64', 'utimes'],
    reason: "set a file's times"
  },
  { members: ['getdents', 'getdents64'], reason: 'list a directory' },
  { members: ['accept', 'accept4'], reason: 'accept a connection' },
  { members: ['eventfd', 'eventfd2'], reason: 'make an event counter' },
  { members: ['signalfd', 'signalfd4'], reason: 'read signals from a descriptor' },
  { members: ['inotify_init', 'inotify_init1'], reason: 'watch files' },
  { members: ['sendfile', 'sendfile64'], reason: 'copy between descriptors' },
  { members: ['preadv', 'preadv2'], reason: 'read at an offset' },
  { members: ['pwritev', 'pwritev2'], reason: 'write at an offset' },
  { members: ['recvmmsg', 'recvmmsg_time64', 'recvmsg'], reason: 'receive messages' },
  { members: ['sendmmsg', 'sendmsg'], reason: 'send messages' },
  { members: ['wait4', 'waitid', 'waitpid'], reason: 'wait for a child' },
  { members: ['clone', 'fork', 'vfork'], reason: 'start a child (never with namespace flags)' },
  { members: ['getrlimit', 'ugetrlimit'], reason: 'read a limit' },
  { members: ['prlimit64', 'setrlimit'], reason: 'set a limit' }
]

/**
 * One-way additions: allowing the first also allows the others. clone3 always returns ENOSYS under
 * RuntimeDefault (its flags are behind a pointer), and then libc uses clone.
 */
const fallbacks: readonly { readonly from: string; readonly to: readonly string[] }[] = [
  { from: 'clone3', to: ['clone', 'fork', 'vfork'] },
  { from: 'futex_waitv', to: ['futex'] }
]

/** Why a name was added, as `because-of: reason`, for every name that the families add to `names`. */
export function widen(names: Iterable<string>): Map<string, string> {
  const have = new Set(names)
  const added = new Map<string, string>()
  for (const { members, reason } of families) {
    const because = members.filter((name) => have.has(name)).sort()[0]
    if (because === undefined) continue
    for (const name of members) {
      if (!have.has(name)) added.set(name, `${because}: ${reason}`)
    }
  }
  for (const { from, to } of fallbacks) {
    if (!have.has(from)) continue
    for (const name of to) {
      if (!have.has(name) && !added.has(name)) {
        added.set(name, `${from}: what a libc falls back to`)
      }
    }
  }
  return added
}

/**
 * Has a grant its family's whole power? By name it has; clone for some flags has what fork and vfork
 * can do as long as it may have no flags but SIGCHLD.
 */
export function isWide(name: string, { byName, alternatives }: Grant): boolean {
  const forks = (args: readonly SeccompArg[]) =>
    args.every((arg) => arg.index === 0 && conditionHolds(arg, 17n))
  return byName || (name === 'clone' && alternatives.some(forks))
}
