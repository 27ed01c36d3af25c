import { abis } from '../../syscalls/abi.js'
import { knownSyscalls, syscallNumber } from '../../syscalls/syscall-table.js'

/**
 * Calls that a libc or a common library tries first and has an older way for when the kernel answers
 * ENOSYS; EPERM instead makes them give up (moby#42680, runc#2151).
 */
const probed = [
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
 * From Linux 5.1 on all ABIs share their numbers (403 and 424 upwards): calls that a profile which
 * does not name them cannot have known when it was learned.
 */
const firstSharedNumber = 403
const endOfShared = 512

function isNew(name: string): boolean {
  return abis.every((abi) => {
    const nr = syscallNumber(abi, name)
    return nr === undefined || (nr >= firstSharedNumber && nr < endOfShared)
  })
}

/** Names that answer ENOSYS when a profile does not allow them, each with the reason. */
export const enosysNames: ReadonlyMap<string, string> = new Map(
  knownSyscalls
    .filter((name) => probed.includes(name) || isNew(name))
    .map((name) => [
      name,
      probed.includes(name)
        ? 'ENOSYS: libc probes it and falls back'
        : 'ENOSYS: newer than the profile, so that callers fall back'
    ])
)

/** Names that libc or a common library tries first: ENOSYS is an answer that it expects. */
export const probedNames: ReadonlySet<string> = new Set(probed)
