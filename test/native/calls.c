/* Makes known system calls, so that the recorder's counts can be compared. `calls MODE [N [M]]` */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

static int reject(unsigned nr, unsigned action)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, filter };
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int reject_getsid(unsigned action)
{
	return reject(SYS_getsid, action);
}

static long compat_with(long nr, long first, long second, long third)
{
	long result;
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(nr), "b"(first), "c"(second), "d"(third)
			 : "memory", "r8", "r9", "r10", "r11");
	return result;
}

static long compat(long nr)
{
	return compat_with(nr, 0, 0, 0);
}

static void *call_getsid_often(void *none)
{
	for (long i = 0; i < number; i++)
		syscall(SYS_getsid, 0);
	return none;
}

static void in_threads(long threads, void *(*work)(void *))
{
	pthread_t all[64];
	for (long i = 0; i < threads; i++)
		pthread_create(&all[i], NULL, work, NULL);
	for (long i = 0; i < threads; i++)
		pthread_join(all[i], NULL);
}

/* Tells that it is there, and goes on when it is told to. */
static void meet(void)
{
	char byte = 'r';
	if (write(1, &byte, 1) != 1 || read(0, &byte, 1) != 1)
		_exit(3);
}

static volatile int filtered;

static void *call_when_filtered(void *none)
{
	while (!filtered)
		syscall(SYS_getsid, 0);
	return call_priority(none);
}

static void filter_all_threads(long threads)
{
	struct sock_filter allow[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog program = { 1, allow };
	pthread_t all[64];
	if (unshare(CLONE_NEWNS))
		_exit(3);
	for (long i = 0; i < threads; i++)
		pthread_create(&all[i], NULL, call_when_filtered, NULL);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program))
		_exit(4);
	filtered = 1;
	for (long i = 0; i < threads; i++)
		pthread_join(all[i], NULL);
}

/* One call of each kind whose arguments are learned, then `number` kinds of ioctl in both ABIs. */
static void call_with_values(void)
{
	int one = 1, fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), pair[2];
	setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one));
	socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
	personality(0xffffffff);
	fcntl(fd, F_GETFL);
	prctl(PR_GET_DUMPABLE);
	syscall(SYS_unshare, 0);
	syscall(SYS_setns, -1, CLONE_NEWNET);
	unshare(CLONE_NEWUTS | CLONE_FILES);
	if (syscall(SYS_clone, CLONE_NEWIPC | SIGCHLD, 0, 0, 0, 0) == 0)
		_exit(0);
	wait(NULL);
	for (long i = 0; i < number; i++) {
		syscall(SYS_ioctl, -1, 0x5400 + i);
		compat_with(54, -1, 0x5400 + i, 0);
	}
	compat_with(359, AF_UNIX, SOCK_STREAM, 0);
	compat_with(221, -1, F_GETFD, 0);
	reject(SYS_socket, SECCOMP_RET_ERRNO | 1);
	socket(AF_NETLINK, SOCK_RAW, 5);
}

/* Into a namespace of its own, and back into the one it came from; what was freed on the way is given out again. */
static void go_home(void)
{
	int home = open("/proc/self/ns/mnt", O_RDONLY), names = open("/proc/self/ns/uts", O_RDONLY);
	cpu_set_t here;
	struct stat own;
	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	if (sched_setaffinity(0, sizeof(here), &here) || unshare(CLONE_NEWNS) ||
	    stat("/proc/self/ns/mnt", &own))
		_exit(3);
	reject_getsid(SECCOMP_RET_ALLOW);
	dprintf(1, "%lu\n", (unsigned long)own.st_ino);
	call_priority(NULL);
	if (setns(home, CLONE_NEWNS))
		_exit(4);
	for (int i = 0; i < 3; i++) {
		if (setns(names, CLONE_NEWUTS))
			_exit(5);
		call_getsid_often(NULL);
	}
}

int main(int count, char **args)
{
	const char *mode = args[1];
	number = count > 2 ? atol(args[2]) : 0;
	long threads = count > 3 ? atol(args[3]) : 0;
	if (strcmp(mode, "native") == 0) {
		call_priority(NULL);
	} else if (strcmp(mode, "threads") == 0) {
		in_threads(threads, call_priority);
	} else if (strcmp(mode, "serve") == 0) {
		/* getpriority for each SIGUSR1, until SIGTERM */
		sigset_t wanted;
		int got = 0;
		sigemptyset(&wanted);
		sigaddset(&wanted, SIGUSR1);
		sigaddset(&wanted, SIGTERM);
		sigprocmask(SIG_BLOCK, &wanted, NULL);
		call_priority(NULL);
		number = 1;
		while (sigwait(&wanted, &got) == 0 && got == SIGUSR1)
			call_priority(NULL);
	} else if (strcmp(mode, "stack") == 0) {
		for (long i = 0; i < number; i++)
			reject_getsid(SECCOMP_RET_ALLOW);
		if (fork() == 0) {
			call_priority(NULL);
			_exit(0);
		}
		pause();
	} else if (strcmp(mode, "tsync") == 0) {
		filter_all_threads(threads);
	} else if (strcmp(mode, "home") == 0) {
		go_home();
	} else if (strcmp(mode, "values") == 0) {
		call_with_values();
	} else if (strcmp(mode, "meet-values") == 0) {
		meet();
		call_with_values();
	} else if (strcmp(mode, "meet") == 0) {
		/* rejects getsid as args[4] says and asks for it in `threads` threads, `number` times each */
		signal(SIGSYS, handler);
		meet();
		reject_getsid(strcmp(args[4], "errno") == 0  ? SECCOMP_RET_ERRNO | 13
			      : strcmp(args[4], "trap") == 0 ? SECCOMP_RET_TRAP
			      : strcmp(args[4], "log") == 0  ? SECCOMP_RET_LOG
			      : strcmp(args[4], "kill") == 0 ? SECCOMP_RET_KILL_PROCESS
							     : SECCOMP_RET_KILL_THREAD);
		if (threads)
			in_threads(threads, call_getsid_often);
		else
			call_getsid_often(NULL);
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
		reject_getsid(SECCOMP_RET_ERRNO | 13);
		for (long i = 0; i < number; i++)
			syscall(SYS_getsid, 0);
	} else if (strcmp(mode, "log") == 0) {
		reject_getsid(SECCOMP_RET_LOG);
		for (long i = 0; i < number; i++)
			syscall(SYS_getsid, 0);
	} else if (strcmp(mode, "trap") == 0) {
		signal(SIGSYS, handler);
		reject_getsid(SECCOMP_RET_TRAP);
		for (long i = 0; i < number; i++)
			syscall(SYS_getsid, 0);
	} else if (strcmp(mode, "kill") == 0) {
		reject_getsid(SECCOMP_RET_KILL_PROCESS);
		call_getsid(NULL);
	} else if (strcmp(mode, "kill-thread") == 0) {
		pthread_t other;
		reject_getsid(SECCOMP_RET_KILL_THREAD);
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
		if (number == 1) /* by an absolute path */
			syscall(SYS_execveat, -1, args[0], next, environ, 0);
		else if (number == 2)
			syscall(SYS_execveat, AT_FDCWD, args[0], next, environ, 0);
		else
			syscall(SYS_execveat, open(args[0], O_RDONLY), "", next, environ, 0x1000);
		return 1;
	} else if (strcmp(mode, "pod") ==
		   0) { /* under a filter that lets nobody make a namespace */
		reject(SYS_unshare, SECCOMP_RET_ERRNO | 1);
		execvp(args[2], args + 2);
		return 1;
	} else if (strcmp(mode, "exec") == 0) {
		execv(args[2], args + 2);
		return 1;
	}
	return 0;
}
