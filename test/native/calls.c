/* Makes known system calls, so that the recorder's counts can be compared. `calls MODE [N [M]]` */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long number;

static void *call_priority(void *none)
{
	for (long i = 0; i < number; i++)
		syscall(SYS_getpriority, 0, 0);
	return none;
}

static void *call_getsid(void *none)
{
	syscall(SYS_getsid, 0);
	return none;
}

static void handler(int signal)
{
	(void)signal;
}

static int refuse_getsid(unsigned action)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, filter };
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static long compat(long nr)
{
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(nr), "b"(0), "c"(0), "d"(0) : "memory", "r8", "r9", "r10", "r11");
	return result;
}

int main(int count, char **args)
{
	const char *mode = args[1];
	number = count > 2 ? atol(args[2]) : 0;
	long threads = count > 3 ? atol(args[3]) : 0;
	if (strcmp(mode, "native") == 0) {
		call_priority(NULL);
	} else if (strcmp(mode, "threads") == 0) {
		pthread_t all[64];
		for (long i = 0; i < threads; i++)
			pthread_create(&all[i], NULL, call_priority, NULL);
		for (long i = 0; i < threads; i++)
			pthread_join(all[i], NULL);
	} else if (strcmp(mode, "compat") == 0) {
		for (long i = 0; i < number; i++)
			compat(20);
	} else if (strcmp(mode, "x32") == 0) {
		for (long i = 0; i < number; i++)
			syscall(0x40000000 | SYS_getpid);
	} else if (strcmp(mode, "fork") == 0) {
		for (long i = 0; i < number; i++) {
			pid_t child = i % 2 ? syscall(SYS_fork) : vfork();
			if (child == 0)
				_exit(0);
			waitpid(child, NULL, 0);
		}
	} else if (strcmp(mode, "errno") == 0) {
		refuse_getsid(SECCOMP_RET_ERRNO | 13);
		for (long i = 0; i < number; i++)
			syscall(SYS_getsid, 0);
	} else if (strcmp(mode, "log") == 0) {
		refuse_getsid(SECCOMP_RET_LOG);
		for (long i = 0; i < number; i++)
			syscall(SYS_getsid, 0);
	} else if (strcmp(mode, "trap") == 0) {
		signal(SIGSYS, handler);
		refuse_getsid(SECCOMP_RET_TRAP);
		for (long i = 0; i < number; i++)
			syscall(SYS_getsid, 0);
	} else if (strcmp(mode, "kill") == 0) {
		refuse_getsid(SECCOMP_RET_KILL_PROCESS);
		call_getsid(NULL);
	} else if (strcmp(mode, "kill-thread") == 0) {
		pthread_t other;
		refuse_getsid(SECCOMP_RET_KILL_THREAD);
		pthread_create(&other, NULL, call_getsid, NULL);
		pthread_join(other, NULL);
	} else if (strcmp(mode, "prctl") == 0) {
		char name[16];
		for (long i = 0; i < number; i++)
			prctl(PR_GET_NAME, name);
	} else if (strcmp(mode, "unknown") == 0) {
		for (long i = 0; i < number; i++)
			syscall(3000);
	} else if (strcmp(mode, "sigreturn") == 0) {
		signal(SIGUSR1, handler);
		for (long i = 0; i < number; i++)
			raise(SIGUSR1);
	} else if (strcmp(mode, "execveat") == 0) {
		char *next[] = { args[0], "native", "1", NULL };
		syscall(SYS_execveat, open(args[0], O_RDONLY), "", next, environ, 0x1000);
		return 1;
	} else if (strcmp(mode, "exec") == 0) {
		execv(args[2], args + 2);
		return 1;
	}
	return 0;
}
