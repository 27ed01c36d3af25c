// Written by bin/measure-own.mjs. DO NOT EDIT.
import { words } from '../words.js'

/** What Secco's own programs asked for in pods on a real node, under RuntimeDefault. */
export const measured = {
  satellite: {
    source: '6 containers in 3 installations, Node 24.21.0, Linux 6.18.44',
    names: words(`
      accept4 access alarm arch_prctl bind bpf brk capget chmod clock_nanosleep clone close connect dup2 dup3
      epoll_create1 epoll_ctl epoll_pwait epoll_wait eventfd2 execve exit exit_group faccessat2 fchmod fcntl flock
      fstat fstatfs fsync futex getcwd getdents64 getegid geteuid getgid getpid getppid getrandom getsockname
      getsockopt gettid getuid inotify_add_watch inotify_init1 inotify_rm_watch ioctl kill listen lseek madvise
      membarrier memfd_create mkdir mmap mprotect mremap munmap newfstatat openat pause pipe2 pkey_alloc poll
      prctl pread64 prlimit64 ptrace read readlink readlinkat recvfrom rename renameat restart_syscall rmdir rseq
      rt_sigaction rt_sigprocmask rt_sigreturn rt_sigtimedwait sched_getaffinity sched_getparam sched_getscheduler
      sched_setaffinity sched_yield seccomp sendmmsg sendto set_robust_list set_tid_address setpriority setsockopt
      shutdown socket socketpair statfs statx sysinfo umask uname unlink unlinkat wait4 write writev
    `)
  },
  webhook: {
    source: '10 containers in 3 installations, Node 24.21.0, Linux 6.18.44',
    names: words(`
      accept4 access arch_prctl bind brk capget clock_nanosleep clone close connect epoll_create1 epoll_ctl
      epoll_pwait eventfd2 execve exit exit_group fcntl fstat fstatfs fsync futex getcwd getdents64 getegid
      geteuid getgid getpeername getpid getppid getrandom getsockname getsockopt gettid getuid ioctl link listen
      lseek madvise mkdir mmap mprotect munmap newfstatat openat pipe2 pkey_alloc prctl pread64 prlimit64 read
      readlink recvmsg rename rseq rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity sched_getparam
      sched_getscheduler sched_yield sendto set_robust_list set_tid_address setsockopt shutdown socket statx
      sysinfo uname unlink write writev
    `)
  }
}
