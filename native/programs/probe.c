/*
 * secco-probe tries what a capability of native/capabilities.ts needs, and undoes it.
 *   denied CALLS    filtered child: denied and allowed marker calls, see denied_calls()
 *   wait            filtered child that waits for a signal
 *   read-filter     reads the filter of a filtered child of its own
 *   audit           a logged call must come back as a record of the audit multicast group
 *   pin FOLDER      pins a map, opens it again, removes it
 *   iter OBJECT     a task iterator must name this process
 * The last four print "ok" or one line with the reason.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/types.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../shared/iter-task.h"
#include "../shared/load-object.h"

enum { FILTER_LENGTH = 4, RECORD_WAIT_MS = 2000 };

static int reason(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return 1;
}

static int ok(void)
{
	puts("ok");
	return 0;
}

/* Calls that the profile of Secco's own pods allows, and that this program makes for no other reason. */
enum { MARKER = SYS_getgid, WITH_VALUE = SYS_prctl, VALUE = PR_GET_DUMPABLE };

/* Makes a filter with `action` for the marker that allows everything else. */
static void marker_filter(struct sock_filter *filter, unsigned action)
{
	const struct sock_filter made[FILTER_LENGTH] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MARKER, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	memcpy(filter, made, sizeof(made));
}

static int load_filter(unsigned action)
{
	struct sock_filter filter[FILTER_LENGTH];
	struct sock_fprog program = { FILTER_LENGTH, filter };
	marker_filter(filter, action);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
		return 0;
	/* Without CAP_SYS_ADMIN the kernel wants no_new_privs first (seccomp(2)). */
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/*
 * Prints "MNTNS MARKER WITH_VALUE VALUE", as the marker of launcher.c does. When a byte comes it loads its filter, makes
 * one call with the value, so that the recorder has a slot for it, and prints "ready". At the next byte it makes the
 * denied calls.
 */
static int denied_calls(const char *text)
{
	struct stat found;
	char go;
	unsigned long calls = strtoul(text, NULL, 10);
	if (unshare(CLONE_NEWNS) != 0)
		(void)!unshare(CLONE_NEWUSER | CLONE_NEWNS);
	if (stat("/proc/self/ns/mnt", &found) != 0)
		return reason("cannot see its mount namespace");
	printf("%lu %d %d %d\n", (unsigned long)found.st_ino, MARKER, WITH_VALUE, VALUE);
	fflush(stdout);
	if (read(STDIN_FILENO, &go, 1) != 1)
		return 1;
	if (load_filter(SECCOMP_RET_ERRNO | EACCES) != 0)
		return reason("cannot install a filter");
	syscall(WITH_VALUE, VALUE);
	puts("ready");
	fflush(stdout);
	if (read(STDIN_FILENO, &go, 1) != 1)
		return 1;
	for (unsigned long i = 0; i < calls; i++)
		syscall(MARKER, 0);
	_exit(0);
}

static int wait_for_signal(void)
{
	if (load_filter(SECCOMP_RET_ALLOW) != 0)
		return reason("cannot install a filter");
	printf("%d\n", SYS_rt_sigtimedwait);
	fflush(stdout);
	sigset_t none;
	sigemptyset(&none);
	/* Ends this process with its parent. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigtimedwait(&none, NULL, &(struct timespec){ 10, 0 });
	return 0;
}

/* Compares the filter of a child with the one that it loaded. Returns what failed, or NULL. */
static const char *compare_filter(pid_t child)
{
	struct sock_filter got[FILTER_LENGTH], expected[FILTER_LENGTH];
	int status;
	marker_filter(expected, SECCOMP_RET_ERRNO | EACCES);
	if (ptrace(PTRACE_SEIZE, child, 0, 0) != 0)
		return "PTRACE_SEIZE";
	if (ptrace(PTRACE_INTERRUPT, child, 0, 0) != 0 || waitpid(child, &status, 0) != child)
		return "PTRACE_INTERRUPT";
	long length = ptrace(PTRACE_SECCOMP_GET_FILTER, child, 0, NULL);
	if (length < 0)
		return "PTRACE_SECCOMP_GET_FILTER";
	errno = EPROTO;
	if (length != FILTER_LENGTH ||
	    ptrace(PTRACE_SECCOMP_GET_FILTER, child, 0, got) != FILTER_LENGTH ||
	    memcmp(got, expected, sizeof(got)) != 0)
		return "the filter read is not the one installed";
	return NULL;
}

/* Starts a child under the filter that stays until it is killed. `call`: a call that it makes; negative: none. */
static pid_t filtered_child(unsigned action, int call)
{
	int ready[2];
	char byte;
	if (pipe(ready) != 0)
		return -1;
	pid_t child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (load_filter(action) != 0)
			_exit(1);
		if (call >= 0)
			syscall(call, 0);
		(void)!write(ready[1], "r", 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (child > 0 && read(ready[0], &byte, 1) != 1) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		child = -1;
		errno = EPERM;
	}
	close(ready[0]);
	return child;
}

static int read_filter(void)
{
	pid_t child = filtered_child(SECCOMP_RET_ERRNO | EACCES, -1);
	if (child < 0)
		return reason("cannot start a filtered child");
	const char *failed = compare_filter(child);
	int code = failed ? reason(failed) : ok();
	kill(child, SIGKILL);
	return code;
}

static int audit(void)
{
	struct sockaddr_nl group = { .nl_family = AF_NETLINK,
				     .nl_groups = 1U << (AUDIT_NLGRP_READLOG - 1) };
	int log = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
	if (log < 0 || bind(log, (struct sockaddr *)&group, sizeof(group)) != 0)
		return reason("cannot join the audit multicast group");
	pid_t child = filtered_child(SECCOMP_RET_LOG, MARKER);
	if (child < 0)
		return reason("cannot start a filtered child");
	char own[32], message[8192];
	snprintf(own, sizeof(own), " pid=%d ", child);
	struct pollfd wanted = { .fd = log, .events = POLLIN };
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	long until = now.tv_sec * 1000 + now.tv_nsec / 1000000 + RECORD_WAIT_MS,
	     left = RECORD_WAIT_MS;
	int found = 0;
	while (!found && left > 0 && poll(&wanted, 1, left) > 0) {
		ssize_t length = recv(log, message, sizeof(message) - 1, MSG_DONTWAIT);
		if (length > NLMSG_HDRLEN) {
			message[length] = 0;
			found = ((struct nlmsghdr *)message)->nlmsg_type == AUDIT_SECCOMP &&
				strstr(message + NLMSG_HDRLEN, own) != NULL;
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
		left = until - now.tv_sec * 1000 - now.tv_nsec / 1000000;
	}
	kill(child, SIGKILL);
	errno = ENOMSG;
	return found ? ok() : reason("a logged call brought no audit record");
}

static int pin(const char *folder)
{
	struct statfs where;
	char path[4096];
	if (statfs(folder, &where) != 0 || (unsigned long)where.f_type != BPF_FS_MAGIC) {
		/* Tries to mount it in a mount namespace of its own, where no other process sees it. */
		if (unshare(CLONE_NEWNS) != 0 ||
		    mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		    mount("bpf", folder, "bpf", 0, NULL) != 0)
			return reason("no bpf file system is mounted there, and none can be");
	}
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "secco_probe", 4, 8, 1, NULL);
	if (map < 0)
		return reason("cannot make a map");
	snprintf(path, sizeof(path), "%s/secco-probe-%d", folder, getpid());
	if (bpf_obj_pin(map, path) != 0)
		return reason("cannot pin");
	int again = bpf_obj_get(path);
	int code = again < 0 ? reason("cannot open what was pinned") : ok();
	unlink(path);
	return code;
}

static int print_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

static int iter(const char *path)
{
	libbpf_set_print(print_nothing);
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	if (!object)
		return reason("cannot open the object");
	if (secco_load_object(object) != 0)
		return reason("cannot load the iterator");
	struct bpf_link *link = bpf_program__attach(bpf_object__next_program(object, NULL));
	int fd = link ? bpf_iter_create(bpf_link__fd(link)) : -1;
	if (fd < 0)
		return reason("cannot attach the iterator");
	struct secco_task tasks[256];
	ssize_t bytes;
	int found = 0;
	while ((bytes = read(fd, tasks, sizeof(tasks))) > 0)
		for (ssize_t i = 0; i < bytes / (ssize_t)sizeof(*tasks); i++)
			found |= tasks[i].pid == (__u32)getpid();
	if (bytes < 0)
		return reason("cannot read the iterator");
	errno = ESRCH;
	return found ? ok() : reason("the iterator does not find this process");
}

int main(int count, char **args)
{
	const char *mode = count > 1 ? args[1] : "";
	if (count == 3 && strcmp(mode, "denied") == 0)
		return denied_calls(args[2]);
	if (count == 2 && strcmp(mode, "wait") == 0)
		return wait_for_signal();
	if (count == 2 && strcmp(mode, "read-filter") == 0)
		return read_filter();
	if (count == 2 && strcmp(mode, "audit") == 0)
		return audit();
	if (count == 3 && strcmp(mode, "pin") == 0)
		return pin(args[2]);
	if (count == 3 && strcmp(mode, "iter") == 0)
		return iter(args[2]);
	fprintf(stderr,
		"secco-probe: usage: denied CALLS|wait|read-filter|audit|pin FOLDER|iter OBJECT\n");
	return 2;
}
