// Written by bin/measure-curated.mjs, 3 runs of each program. DO NOT EDIT.
import { words } from '../words.js'

/** What real programs asked for: `start` from the first instruction to the end, `serve` with a server, threads and files. */
export const measured = {
  'static-binary': {
    source: 'static C, glibc 2.36',
    start: words(`
      arch_prctl brk execve exit_group getrandom mprotect newfstatat prlimit64 readlink rseq set_robust_list
      set_tid_address write
    `),
    serve: words(`
      accept arch_prctl bind brk clock_nanosleep clone close connect execve exit exit_group fsync futex getdents64
      getpid getrandom getsockname kill listen lseek madvise mmap mprotect newfstatat openat prlimit64 read
      readlink rseq rt_sigaction rt_sigprocmask rt_sigreturn set_robust_list set_tid_address setsockopt shutdown
      socket unlink wait4 write
    `)
  },
  glibc: {
    source: 'dynamic C, glibc 2.36',
    start: words(`
      access arch_prctl brk close execve exit_group getrandom mmap mprotect munmap newfstatat openat pread64
      prlimit64 read rseq set_robust_list set_tid_address write
    `),
    serve: words(`
      accept access arch_prctl bind brk clock_nanosleep clone close connect execve exit exit_group fsync futex
      getdents64 getpid getrandom getsockname kill listen lseek madvise mmap mprotect munmap newfstatat openat
      pread64 prlimit64 read rseq rt_sigaction rt_sigprocmask rt_sigreturn set_robust_list set_tid_address
      setsockopt shutdown socket unlink wait4 write
    `)
  },
  musl: {
    source: 'static C, musl 1.2.3',
    start: words(`
      arch_prctl execve exit_group ioctl set_tid_address writev
    `),
    serve: words(`
      accept arch_prctl bind brk clone close connect execve exit exit_group fcntl fork fstat fsync futex
      getdents64 getpid getsockname gettid ioctl kill listen lseek mmap mprotect munmap nanosleep open read
      rt_sigaction rt_sigprocmask rt_sigreturn set_tid_address setsockopt shutdown socket stat unlink wait4 write
      writev
    `)
  },
  go: {
    source: 'Go 1.26.8, without cgo',
    start: words(`
      arch_prctl clone close execve exit_group fcntl futex getpid gettid madvise mmap nanosleep openat pread64
      prlimit64 read rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity sigaltstack tgkill write
    `),
    serve: words(`
      accept4 arch_prctl bind clone close connect epoll_create1 epoll_ctl epoll_pwait eventfd2 execve exit_group
      fcntl fsync futex getdents64 getpeername getpid getsockname getsockopt gettid kill listen madvise mmap
      nanosleep openat pread64 prlimit64 read rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity
      sched_yield setsockopt sigaltstack socket tgkill unlinkat write
    `)
  },
  nodejs: {
    source: 'Node 20.20.2',
    start: words(`
      access arch_prctl brk capget close epoll_create1 epoll_ctl epoll_pwait eventfd2 execve exit exit_group fcntl
      fstat futex getcwd getegid geteuid getgid getpid getrandom gettid getuid ioctl madvise mmap mprotect munmap
      newfstatat openat pipe2 pkey_alloc pread64 prlimit64 read readlink rseq rt_sigaction rt_sigprocmask
      sched_getaffinity sched_yield set_robust_list set_tid_address statx sysinfo uname write
    `),
    serve: words(`
      accept4 access arch_prctl bind brk capget close connect epoll_create1 epoll_ctl epoll_pwait eventfd2 execve
      exit exit_group fcntl fstat futex getcwd getdents64 getegid geteuid getgid getpeername getpid getrandom
      getsockname getsockopt gettid getuid ioctl kill listen lseek madvise mkdir mmap mprotect munmap newfstatat
      openat pipe2 pkey_alloc pread64 prlimit64 read readlink rmdir rseq rt_sigaction rt_sigprocmask rt_sigreturn
      sched_getaffinity sched_yield set_robust_list set_tid_address setsockopt socket statx sysinfo uname unlink
      write writev
    `)
  },
  python: {
    source: 'CPython 3.11.7',
    start: words(`
      access arch_prctl brk close execve exit_group fcntl futex getcwd getdents64 getegid geteuid getgid getrandom
      gettid getuid ioctl lseek mmap mprotect munmap newfstatat openat pread64 prlimit64 read readlink rseq
      rt_sigaction set_robust_list set_tid_address sysinfo write
    `),
    serve: words(`
      accept4 access arch_prctl bind brk clock_nanosleep close close_range connect epoll_create1 execve exit
      exit_group fcntl fsync futex getcwd getdents64 getegid geteuid getgid getpeername getpid getrandom
      getsockname gettid getuid ioctl kill listen lseek madvise mmap mprotect munmap newfstatat openat pipe2 poll
      pread64 prlimit64 read readlink recvfrom restart_syscall rseq rt_sigaction rt_sigprocmask rt_sigreturn
      sendto set_robust_list set_tid_address setsockopt shutdown socket sysinfo uname unlink vfork wait4 write
    `)
  },
  jvm: {
    source: 'openjdk 17.0.15',
    start: words(`
      access arch_prctl brk clock_getres clock_nanosleep close connect execve exit exit_group faccessat2 fchdir
      fcntl flock ftruncate futex getcwd getdents64 geteuid getpid getrandom getrusage gettid getuid ioctl lseek
      madvise mkdir mmap mprotect munmap newfstatat openat prctl pread64 prlimit64 read readlink rseq rt_sigaction
      rt_sigprocmask rt_sigreturn sched_getaffinity sched_yield set_robust_list set_tid_address socket sysinfo
      uname unlink write
    `),
    serve: words(`
      accept access arch_prctl bind brk clock_getres clock_nanosleep close connect dup epoll_create1 epoll_ctl
      epoll_wait eventfd2 execve exit exit_group faccessat2 fchdir fcntl flock ftruncate futex getcwd getdents64
      geteuid getpid getrandom getrusage getsockname getsockopt gettid getuid ioctl listen lseek madvise mkdir
      mmap mprotect munmap newfstatat openat prctl pread64 prlimit64 read readlink rseq rt_sigaction
      rt_sigprocmask rt_sigreturn sched_getaffinity sched_yield set_robust_list set_tid_address setsockopt
      shutdown socket socketpair statx sysinfo uname unlink write
    `)
  }
}
