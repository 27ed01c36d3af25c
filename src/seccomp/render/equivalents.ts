import { isKnownSyscall, knownSyscalls } from '../../syscalls/syscall-table.js'
import { families } from './families.js'

/**
 * Syscalls that reach the same code of the kernel, so that who is denied one can take another. Wider than the families:
 * those say what a library may use instead, these what an attacker may. Variants of a name for 64-bit times, offsets and
 * 32-bit ids come from the table of names.
 */
const groups: readonly string[] = [
  'umount umount2',
  'mount fsopen fsconfig fsmount fspick move_mount open_tree open_tree_attr mount_setattr',
  'iopl ioperm',
  'execve execveat',
  'clone clone3',
  'io_uring_enter io_uring_register io_uring_setup',
  'io_submit io_setup',
  'init_module finit_module',
  'kexec_load kexec_file_load',
  'process_vm_readv process_vm_writev ptrace pidfd_getfd',
  'splice sendfile tee vmsplice copy_file_range',
  'add_key keyctl request_key',
  'kill tkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal',
  'mmap mmap2',
  'mprotect pkey_mprotect',
  'mlock mlock2 mlockall',
  'setuid setreuid setresuid',
  'setgid setregid setresgid',
  'adjtimex clock_adjtime clock_settime settimeofday stime',
  'sched_setscheduler sched_setattr sched_setparam',
  'setrlimit prlimit64',
  'quotactl quotactl_fd',
  'vm86 vm86old',
  'setxattr fsetxattr lsetxattr setxattrat',
  'getxattr fgetxattr lgetxattr getxattrat',
  'listxattr flistxattr llistxattr listxattrat',
  'removexattr fremovexattr lremovexattr removexattrat',
  'read pread64 preadv preadv2 readv',
  'write pwrite64 pwritev pwritev2 writev',
  'recvfrom recvmsg recvmmsg',
  'sendto sendmsg sendmmsg',
  'lseek _llseek',
  'sigaction rt_sigaction signal',
  'sigprocmask rt_sigprocmask',
  'sigsuspend rt_sigsuspend',
  'sigpending rt_sigpending',
  'fadvise64 fadvise64_64',
  'chdir fchdir',
  'semop semtimedop',
  'io_getevents io_pgetevents',
  'memfd_create memfd_secret',
  'madvise process_madvise',
  'futex futex_wait futex_wake futex_requeue futex_waitv',
  'epoll_ctl epoll_ctl_old',
  'epoll_wait epoll_wait_old',
  'stat oldstat',
  'lstat oldlstat',
  'fstat oldfstat',
  'uname olduname oldolduname',
  'readdir getdents'
]

/** Returns the name without what marks a variant for 64-bit times or offsets, or 32-bit ids. */
function plainName(name: string): string {
  const plain = name.replace(/(_time64|64|32)$/, '')
  return isKnownSyscall(plain) ? plain : name
}

/** Joins groups that share a member. */
function joined(): ReadonlyMap<string, ReadonlySet<string>> {
  const groupOf = new Map<string, Set<string>>()
  const join = (names: readonly string[]): void => {
    const all = new Set(names.flatMap((name) => [name, ...(groupOf.get(name) ?? [])]))
    for (const name of all) groupOf.set(name, all)
  }
  for (const group of groups) join(group.split(' '))
  for (const { members } of families) join(members)
  for (const name of knownSyscalls) if (plainName(name) !== name) join([plainName(name), name])
  return groupOf
}

const groupOf = joined()

/** Returns the other syscalls with which a program can do what this one does, sorted. A name counts for every ABI. */
export function equivalentsOf(name: string): string[] {
  return [...(groupOf.get(name) ?? [])].filter((other) => other !== name).sort()
}
