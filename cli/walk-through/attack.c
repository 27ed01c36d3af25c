// This program makes the syscalls that an intruder tries first. It prints one line per call: NAME OK, or NAME DENIED errno N.
// Static, and it forks for nothing, so that only the calls under test meet the filter. Nothing it does
// outlives it: namespaces, the mount and the key ring go with the process.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int denied;

static void report(const char *name, long result)
{
	if (result >= 0) {
		printf("%s OK\n", name);
		return;
	}
	denied++;
	printf("%s DENIED errno %d\n", name, errno);
}

static long create_map(void)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = 4;
	attr.value_size = 8;
	attr.max_entries = 1;
	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

int main(void)
{
	sigset_t all;

	// A traced process stops at every signal that reaches it, and runtimes forward some: none may.
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	setvbuf(stdout, NULL, _IONBF, 0);
	report("keyctl", syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, NULL));
	report("bpf", create_map());
	report("unshare", unshare(CLONE_NEWNS | CLONE_NEWUTS));
	report("mount", mount("none", "/tmp", "tmpfs", 0, "size=4k"));
	report("ptrace", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
	return denied == 5 ? 1 : 0;
}
