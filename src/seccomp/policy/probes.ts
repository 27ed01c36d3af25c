import { abis } from '../../syscalls/abi.js'
import { knownSyscalls, syscallNumber } from '../../syscalls/syscall-table.js'

/**
 * Syscalls that a libc or a common library tries first. It falls back to an older syscall on ENOSYS, and gives up on
 * EPERM (moby#42680, runc#2151).
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
    .filter((name) => probed.includes(name) || isNew(name))
    .map((name) => [
      name,
      probed.includes(name)
        ? 'ENOSYS: libc probes it and falls back'
        : 'ENOSYS: newer than the profile, so that callers fall back'
    ])
)

/** Syscalls whose callers expect ENOSYS and fall back. */
export const probedNames: ReadonlySet<string> = new Set(probed)
