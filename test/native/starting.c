/*
 * The program of containers whose recorder attaches while they run. `starting HOW` writes r, waits for SIGUSR1, does what a
 * container can do to look as if it began only now, and writes 0 if it could.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Installs a filter that allows everything, and makes a call under it. */
static int filter(void)
{
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { 1, &all };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
		return 2;
	syscall(SYS_getsid, 0);
	return 0;
}

static int waited(pid_t child)
{
	int status = 0;
	if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
		return 3;
	return WEXITSTATUS(status);
}

/* Forks a child that installs a filter without an exec. */
static int in_child(void)
{
	pid_t child = fork();
	if (!child)
		_exit(filter());
	return waited(child);
}

/* The same in a child whose parent has ended. */
static int in_orphan(void)
{
	int ends[2];
	char answer = 4;
	if (pipe(ends))
		return 5;
	pid_t between = fork();
	if (!between) {
		pid_t parent = getpid();
		if (!fork()) {
			while (getppid() == parent)
				sched_yield();
			answer = filter();
			if (write(ends[1], &answer, 1) != 1)
				_exit(1);
		}
		_exit(0);
	}
	waited(between);
	return read(ends[0], &answer, 1) == 1 ? answer : 6;
}

/* Executes a program in the init of a PID namespace, whose parent is this program's parent: a process of the host. */
static int in_sibling(char **arguments)
{
	int ends[2];
	char byte;
	long flags = CLONE_PARENT | CLONE_NEWPID | CLONE_NEWUSER | SIGCHLD;
	if (pipe(ends))
		return 5;
	pid_t child = syscall(SYS_clone, flags, 0, 0, 0, 0);
	if (!child) {
		execv(arguments[0], arguments);
		_exit(1);
	}
	/* It cannot be waited for, but the pipe closes when it ends. */
	close(ends[1]);
	return child < 0 || read(ends[0], &byte, 1) != 0;
}

/* Executes this program from memory under the name that runc has while it starts a container. */
static int as_runc(char **arguments)
{
	struct stat facts;
	int own = open("/proc/self/exe", O_RDONLY),
	    memory = memfd_create("runc_cloned:/proc/self/exe", 0);
	if (own < 0 || memory < 0 || fstat(own, &facts) ||
	    sendfile(memory, own, 0, facts.st_size) != facts.st_size ||
	    prctl(PR_SET_NAME, "runc:[2:INIT]", 0, 0, 0))
		return 7;
	fexecve(memory, arguments, (char *[]){ 0 });
	return 8;
}

/* Does that in a child whose parent has left the mount namespace, after a call. */
static int in_left_child(char **arguments)
{
	int ends[2];
	char byte;
	if (syscall(SYS_getsid, 0) < 0 || pipe(ends))
		return 5;
	pid_t child = fork();
	if (!child) {
		close(ends[1]);
		if (read(ends[0], &byte, 1) != 0)
			_exit(1);
		_exit(as_runc(arguments));
	}
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return 6;
	close(ends[1]);
	return waited(child);
}

static int act(const char *how)
{
	char *again[] = { "runc:[2:INIT]", "named", 0 };
	char *call[] = { "/starting", "call", 0 };
	sigset_t wanted;
	int got;
	if (!strcmp(how, "named")) /* since 6.14 an exec by descriptor takes the name of the file */
		return prctl(PR_SET_NAME, "runc:[2:INIT]", 0, 0, 0) ? 7 : filter();
	if (!strcmp(how, "call"))
		return syscall(SYS_getsid, 0) < 0;
	if (!strcmp(how, "sibling"))
		return in_sibling(call);
	if (!strcmp(how, "replace"))
		return in_left_child(again);
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &wanted, 0) || write(1, "r", 1) != 1 || sigwait(&wanted, &got))
		return 9;
	if (!strcmp(how, "itself"))
		return filter();
	if (!strcmp(how, "child"))
		return in_child();
	if (!strcmp(how, "orphan"))
		return in_orphan();
	if (!strcmp(how, "nested"))
		return unshare(CLONE_NEWUSER | CLONE_NEWPID) ? 1 : in_child();
	if (!strcmp(how, "memory"))
		return as_runc(again);
	return execv(call[0], call);
}

int main(int count, char **arguments)
{
	char answer = '0' + act(count > 1 ? arguments[1] : "");
	return write(1, &answer, 1) != 1;
}
