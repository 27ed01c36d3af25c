/**
 * Arguments whose values the recorder learns, because they decide how much power a call has: the
 * mirror of native/shared/arguments.h, which has the reasons; a test in test/native compares the two.
 *
 * A learned value is the argument under its mask, so a condition made of it is
 * `SCMP_CMP_MASKED_EQ` with that mask: the kernel reads 32 bits of these arguments, a filter 64.
 */
export interface LearnableArgument {
  readonly name: string
  /** Which argument, from 0. */
  readonly index: number
  readonly mask: number
}

const all = 0xffffffff
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const namespaces = 0x7e020000
const newTime = 0x80
/** Without SOCK_CLOEXEC and SOCK_NONBLOCK. */
const socketType = 0xf

/** Learned in the native and the compat ABI; arguments of x32 syscalls are not learned. */
export const learnedArguments: readonly LearnableArgument[] = [
  { name: 'clone', index: 0, mask: namespaces },
  { name: 'fcntl', index: 1, mask: all },
  { name: 'ioctl', index: 1, mask: all },
  { name: 'personality', index: 0, mask: all },
  { name: 'prctl', index: 0, mask: all },
  { name: 'setns', index: 1, mask: all },
  { name: 'setsockopt', index: 1, mask: all },
  { name: 'setsockopt', index: 2, mask: all },
  { name: 'socket', index: 0, mask: all },
  { name: 'socket', index: 1, mask: socketType },
  { name: 'socket', index: 2, mask: all },
  { name: 'socketpair', index: 0, mask: all },
  { name: 'socketpair', index: 1, mask: socketType },
  { name: 'socketpair', index: 2, mask: all },
  { name: 'unshare', index: 0, mask: namespaces | newTime }
]

/** Calls that only the compat ABI (i386, 32-bit ARM) has. */
export const learnedCompatArguments: readonly LearnableArgument[] = [
  { name: 'fcntl64', index: 1, mask: all },
  { name: 'socketcall', index: 0, mask: all }
]

/** At most this many distinct values of one argument are kept for a container. */
export const learnedValues = 32
