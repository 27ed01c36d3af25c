/**
 * The twelve areas of the kernel under which people look for a syscall, always in this order. Names of
 * other ABIs that differ only by a width (`fstat64`, `chown32`, `futex_time64`) need no entry of their own.
 */
export const kernelAreas = [
  'File',
  'Network',
  'Wait and poll',
  'Process',
  'Memory',
  'IPC',
  'Signals',
  'Time',
  'Identity',
  'Namespaces',
  'io_uring, bpf',
  'Kernel admin'
] as const
export type KernelArea = (typeof kernelAreas)[number]

const members: Readonly<Record<KernelArea, string>> = {
  File:
    '_llseek access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 ' +
    'faccessat faccessat2 fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 ' +
    'fchown fchownat fcntl fdatasync fgetxattr file_getattr file_setattr flistxattr flock ' +
    'fremovexattr fsetxattr fstat fstatat64 fstatfs fsync ftruncate futimesat getcwd getdents ' +
    'getdents64 getxattr getxattrat gtty ioctl lchown lgetxattr link linkat listxattr ' +
    'listxattrat llistxattr lock lremovexattr lseek lsetxattr lstat mkdir mkdirat mknod ' +
    'mknodat newfstatat open openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 ' +
    'read readahead readdir readlink readlinkat readv removexattr removexattrat rename ' +
    'renameat renameat2 rmdir sendfile setxattr setxattrat stat statfs statx stty symlink ' +
    'symlinkat sync sync_file_range syncfs truncate unlink unlinkat utime utimensat utimes ' +
    'write writev',
  Network:
    'accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg ' +
    'recvmsg sendmmsg sendmsg sendto setsockopt shutdown socket socketcall socketpair',
  'Wait and poll':
    'epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait ' +
    'epoll_wait_old eventfd eventfd2 inotify_add_watch inotify_init inotify_init1 ' +
    'inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit poll ' +
    'ppoll pselect6 select signalfd signalfd4 timerfd_create timerfd_gettime timerfd_settime',
  Process:
    'arch_prctl clone clone3 execve execveat exit exit_group fork get_thread_area getcpu ' +
    'getpgid getpgrp getpid getppid getpriority getrandom getrlimit getrusage getsid gettid ' +
    'ioprio_get ioprio_set kcmp nice pidfd_getfd pidfd_open prctl prlimit64 process_vm_readv ' +
    'process_vm_writev profil ptrace rseq rseq_slice_yield sched_get_priority_max ' +
    'sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler ' +
    'sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler ' +
    'sched_yield set_thread_area set_tid_address setpgid setpriority setrlimit setsid ' +
    'ugetrlimit ulimit uselib vfork vm86 vm86old wait4 waitid waitpid',
  Memory:
    'brk cachestat get_mempolicy madvise map_shadow_stack mbind membarrier memfd_create ' +
    'memfd_secret migrate_pages mincore mlock mlock2 mlockall mmap mmap2 move_pages mprotect ' +
    'mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect ' +
    'process_madvise process_mrelease remap_file_pages set_mempolicy set_mempolicy_home_node',
  IPC:
    'futex futex_requeue futex_wait futex_waitv futex_wake get_robust_list ipc mq_getsetattr ' +
    'mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd ' +
    'pipe pipe2 semctl semget semop semtimedop set_robust_list shmat shmctl shmdt shmget ' +
    'splice tee vmsplice',
  Signals:
    'alarm getitimer kill pause pidfd_send_signal restart_syscall rt_sigaction rt_sigpending ' +
    'rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait ' +
    'rt_tgsigqueueinfo setitimer sgetmask sigaction sigaltstack signal sigpending sigprocmask ' +
    'sigreturn sigsuspend ssetmask tgkill tkill',
  Time:
    'clock_getres clock_gettime clock_nanosleep ftime gettimeofday nanosleep stime time ' +
    'timer_create timer_delete timer_getoverrun timer_gettime timer_settime times',
  Identity:
    'capget capset getegid geteuid getgid getgroups getresgid getresuid getuid setfsgid ' +
    'setfsuid setgid setgroups setregid setresgid setresuid setreuid setuid umask',
  Namespaces:
    'chroot fsconfig fsmount fsopen fspick listmount listns mount mount_setattr move_mount ' +
    'name_to_handle_at open_by_handle_at open_tree open_tree_attr pivot_root setns statmount ' +
    'umount umount2 unshare',
  'io_uring, bpf':
    'bpf io_uring_enter io_uring_register io_uring_setup perf_event_open userfaultfd',
  'Kernel admin':
    'acct add_key adjtimex clock_adjtime clock_settime delete_module fanotify_init ' +
    'fanotify_mark finit_module init_module ioperm iopl kexec_file_load kexec_load keyctl ' +
    'landlock_add_rule landlock_create_ruleset landlock_restrict_self lookup_dcookie ' +
    'lsm_get_self_attr lsm_list_modules lsm_set_self_attr modify_ldt personality quotactl ' +
    'quotactl_fd reboot request_key seccomp setdomainname sethostname settimeofday swapoff ' +
    'swapon sysfs sysinfo syslog uname ustat vhangup'
}

const areaByName: ReadonlyMap<string, KernelArea> = new Map(
  kernelAreas.flatMap((area) => members[area].split(' ').map((name) => [name, area] as const))
)

const wider = /(_time64|_time32|64|32|16)$/
const older = /^(old|_new|_)/

/** The area of a syscall; what no area lists and no width explains is administration of the kernel. */
export function areaOf(name: string): KernelArea {
  const found =
    areaByName.get(name) ??
    areaByName.get(name.replace(wider, '')) ??
    areaByName.get(name.replace(older, '').replace(wider, ''))
  return found ?? areaByName.get(name.replace(older, '')) ?? 'Kernel admin'
}
