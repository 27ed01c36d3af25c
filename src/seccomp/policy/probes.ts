import { abis } from '../../syscalls/abi.js'
import { knownSyscalls, syscallNumber } from '../../syscalls/syscall-table.js'

/**
 * Syscalls that programs or libraries try first. Many of them try an older one on ENOSYS and give up on EPERM
 * (moby#42680, runc#2151), so ENOSYS is the better answer. It is a denial like any other: only libc-fallbacks.ts says
 * which ones need no alert. The list is fixed, because each name is in the bytes of every revision.
 */
const triedFirst = [
  'clone3',
  'close_range',
  'copy_file_range',
  'epoll_pwait2',
  'faccessat2',
  'fchmodat2',
  'futex_waitv',
  'getrandom',
  'membarrier',
  'memfd_create',
  'mlock2',
  'openat2',
  'preadv2',
  'pwritev2',
  'renameat2',
  'rseq',
  'statx'
]

/**
 * Syscalls of Linux 5.1 and later have the same number in every ABI, from 403 upwards. A profile that does not name one
 * of them may be older than the syscall.
 */
const firstSharedNumber = 403
const endOfShared = 512

function isNew(name: string): boolean {
  return abis.every((abi) => {
    const nr = syscallNumber(abi, name)
    return nr === undefined || (nr >= firstSharedNumber && nr < endOfShared)
  })
}

/** Syscalls for which a profile that does not allow them returns ENOSYS instead of EPERM, each with the reason. */
export const enosysNames: ReadonlyMap<string, string> = new Map(
  knownSyscalls
    .filter((name) => triedFirst.includes(name) || isNew(name))
    .map((name) => [
      name,
      triedFirst.includes(name)
        ? 'ENOSYS: callers that have an older syscall try that one'
        : 'ENOSYS: newer than the profile, so that callers fall back'
    ])
)
