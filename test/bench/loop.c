/*
 * One process of the recorder's bench. `loop plain|filter|deny`: for each number that comes in on
 * stdin, that many getppid calls, then their cost in ns of this thread's CPU time, and of the clock on
 * the wall, on stdout.
 * filter: in a mount namespace of its own under an allow-all filter; deny: getppid is denied.
 */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int count, char **args)
{
	const char *mode = count > 1 ? args[1] : "plain";
	struct sock_filter allow[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_filter deny[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	if (strcmp(mode, "plain") != 0) {
		struct sock_fprog program = { 1, allow };
		if (strcmp(mode, "deny") == 0)
			program = (struct sock_fprog){ 4, deny };
		if (unshare(CLONE_NEWNS) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
			return 1;
	}
	unsigned long calls;
	while (scanf("%lu", &calls) == 1) {
		double wall = now(CLOCK_MONOTONIC), before = now(CLOCK_THREAD_CPUTIME_ID);
		for (unsigned long i = 0; i < calls; i++)
			syscall(SYS_getppid);
		double after = now(CLOCK_THREAD_CPUTIME_ID);
		printf("%f %f\n", (after - before) / calls, (now(CLOCK_MONOTONIC) - wall) / calls);
		fflush(stdout);
	}
	return 0;
}
