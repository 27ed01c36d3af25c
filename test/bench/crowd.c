/*
 * The containers of the sets bench: `crowd COUNT` starts so many processes, each in a mount namespace of its own under an
 * allow-all filter. Each makes the calls of the list once, without an effect (arguments of -1), and stays. Says `ready`
 * when all have; they end with it.
 */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* clang-format off */
static const long calls[] = {
	SYS_read, SYS_close, SYS_fstat, SYS_lseek, SYS_pread64, SYS_pwrite64, SYS_readv, SYS_writev,
	SYS_dup, SYS_sendto, SYS_recvfrom, SYS_shutdown, SYS_bind, SYS_listen, SYS_accept4, SYS_getsockname,
	SYS_getpeername, SYS_setsockopt, SYS_getsockopt, SYS_fcntl, SYS_flock, SYS_fsync, SYS_fdatasync, SYS_ftruncate,
	SYS_getdents64, SYS_fchdir, SYS_fchmod, SYS_fchown, SYS_fstatfs, SYS_ioctl, SYS_getpid, SYS_getppid,
	SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_gettid, SYS_getpgid, SYS_getsid, SYS_getpriority,
	SYS_sched_getscheduler, SYS_sched_getparam, SYS_times, SYS_sysinfo, SYS_getrusage, SYS_uname, SYS_epoll_ctl,
	SYS_epoll_wait,
};
/* clang-format on */

static void live(int told)
{
	struct sock_filter allow[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog program = { 1, allow };
	if (unshare(CLONE_NEWNS) || prctl(PR_SET_PDEATHSIG, SIGKILL) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(1);
	for (unsigned at = 0; at < sizeof(calls) / sizeof(*calls); at++)
		syscall(calls[at], -1L, -1L, -1L, -1L, -1L, -1L);
	if (write(told, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

int main(int count, char **args)
{
	long wanted = count > 1 ? atol(args[1]) : 1;
	int told[2];
	char one;
	if (pipe(told))
		return 1;
	for (long n = 0; n < wanted; n++) {
		pid_t child = fork();
		if (child == 0)
			live(told[1]);
		if (child < 0)
			return 1;
	}
	close(told[1]);
	for (long n = 0; n < wanted; n++)
		if (read(told[0], &one, 1) != 1)
			return 1;
	puts("ready");
	fflush(stdout);
	return getchar() == EOF ? 0 : 1;
}
