/** LibcFallback is a syscall without which the C library does the same work by another one. */
interface LibcFallback {
  syscall: string
  /** Functions of the library that try it first, as test/native/libc-fallbacks.c names them. */
  functions: readonly string[]
  /** The syscall that the library makes when it gets ENOSYS. */
  instead: string
  source: string
}

/**
 * Syscalls whose denial with ENOSYS needs no alert. Two conditions hold for each, and test/native/libc-fallbacks.test.ts
 * runs both on this machine's C library:
 *
 * - Every function of the library that makes the call carries on by `instead`. Functions that hand the error on
 *   (memfd_create, close_range, getrandom), or carry on only sometimes (statx fails with AT_STATX_DONT_SYNC, preadv2 with
 *   flags), do not count: what they were denied may be what the program needs.
 * - RuntimeDefault answers ENOSYS too. Audit would log any other call, and what audit flags is not hidden in enforce.
 */
export const libcFallbacks: readonly LibcFallback[] = [
  {
    syscall: 'clone3',
    functions: ['pthread_create', 'posix_spawn', 'system'],
    instead: 'clone',
    source: 'glibc, sysdeps/unix/sysv/linux/clone-internal.c (since 2.34); moby#42680'
  }
]

const bySyscall = new Map(libcFallbacks.map((one) => [one.syscall, one]))

/** Returns how the C library does without a syscall; undefined where it does not, or where nobody has shown it. */
export const libcFallbackOf = (syscall: string): LibcFallback | undefined => bySyscall.get(syscall)
