import type { SeccompArg } from '../../../api/seccomp-profile.js'

/**
 * Base calls that runtimes ask with known arguments only: a profile that filters them by argument gets
 * these in addition to its own. A base syscall that is not listed here is allowed with all arguments, whatever conditions a profile
 * has for it, or the container would not start.
 */
export const baseArguments: Readonly<Record<string, readonly (readonly SeccompArg[])[]>> = {
  // PDEATHSIG, DUMPABLE, KEEPCAPS, NAME, SECCOMP, CAPBSET_READ and _DROP, NO_NEW_PRIVS, CAP_AMBIENT:
  // measured with runc 1.1.5 (2 8 15 22 23 24 47); the others from libcontainer and libcrun.
  prctl: [1, 2, 4, 8, 15, 21, 22, 23, 24, 38, 47].map((value) => [
    { index: 0, op: 'SCMP_CMP_EQ', value }
  ])
}
