/*
 * What an intruder tries, as root with every capability. One line per attempt on standard output:
 * NAME OK, NAME DENIED errno N, or NAME KILLED signal N. Each runs in a child of its own, and
 * nothing that it does outlives the child: namespaces, mounts and key rings go with it.
 * `attacks list` prints the names alone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_alg.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define ATTACK(name) static long name(void)
#define NS_FD "/proc/self/ns/uts"

static long cloned(unsigned long flags)
{
	long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		_exit(0);
	return pid;
}

static long cloned3(unsigned long long flags)
{
	unsigned long long args[11] = { flags, 0, 0, 0, SIGCHLD };
	long pid = syscall(SYS_clone3, args, sizeof(args));
	if (pid == 0)
		_exit(0);
	return pid;
}

/* int 0x80: the i386 table, from a 64-bit program. */
static long i386_call(long nr, long a, long b, long c)
{
	long result;
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(nr), "b"(a), "c"(b), "d"(c)
			 : "memory", "r8", "r9", "r10", "r11");
	if ((int)result < 0 && (int)result > -4096) {
		errno = -(int)result;
		return -1;
	}
	return (int)result;
}

static long x32_call(long nr, long a)
{
	return syscall(0x40000000 | nr, a);
}

ATTACK(clone_newuser)
{
	return cloned(CLONE_NEWUSER);
}
ATTACK(clone_newns)
{
	return cloned(CLONE_NEWNS);
}
ATTACK(clone_newpid)
{
	return cloned(CLONE_NEWPID);
}
ATTACK(clone_newnet)
{
	return cloned(CLONE_NEWNET);
}
ATTACK(clone_newipc)
{
	return cloned(CLONE_NEWIPC);
}
ATTACK(clone_newuts)
{
	return cloned(CLONE_NEWUTS);
}
ATTACK(clone_newcgroup)
{
	return cloned(CLONE_NEWCGROUP);
}
ATTACK(clone3_newuser)
{
	return cloned3(CLONE_NEWUSER);
}
ATTACK(clone3_newns)
{
	return cloned3(CLONE_NEWNS);
}
ATTACK(unshare_newuser)
{
	return unshare(CLONE_NEWUSER);
}
ATTACK(unshare_newns)
{
	return unshare(CLONE_NEWNS);
}
ATTACK(unshare_newnet)
{
	return unshare(CLONE_NEWNET);
}
ATTACK(setns_uts)
{
	int fd = open(NS_FD, O_RDONLY);
	return fd < 0 ? fd : syscall(SYS_setns, fd, 0);
}
ATTACK(mount_tmpfs)
{
	return mount("none", "/tmp", "tmpfs", 0, "size=4k");
}
ATTACK(umount_shm)
{
	return umount2("/dev/shm", MNT_DETACH);
}
ATTACK(pivot)
{
	return syscall(SYS_pivot_root, "/", "/");
}
ATTACK(fsopen_tmpfs)
{
	return syscall(SYS_fsopen, "tmpfs", 0);
}
ATTACK(fspick_root)
{
	return syscall(SYS_fspick, AT_FDCWD, "/", 0);
}
ATTACK(open_tree_clone)
{
	return syscall(SYS_open_tree, AT_FDCWD, "/", 1);
}
ATTACK(move_mount_none)
{
	return syscall(SYS_move_mount, -1, "", -1, "", 0x44);
}
ATTACK(mount_setattr_none)
{
	return syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, 0, 0);
}
ATTACK(af_alg)
{
	return socket(AF_ALG, SOCK_SEQPACKET, 0);
}
ATTACK(af_vsock)
{
	return socket(AF_VSOCK, SOCK_STREAM, 0);
}
/*
 * Whoever started this program is its tracer when such an attack succeeds, and does not know it: a signal that came
 * before the end (runc passes on those that it gets) would stop it for ever.
 */
static void hold_signals(void)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
}
ATTACK(ptrace_me)
{
	hold_signals();
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}
ATTACK(vm_readv)
{
	char from[8] = "secret", to[8];
	struct iovec local = { to, 8 }, remote = { from, 8 };
	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
}
ATTACK(vm_writev)
{
	char from[8] = "secret", to[8];
	struct iovec local = { from, 8 }, remote = { to, 8 };
	return process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
}
ATTACK(kcmp_self)
{
	return syscall(SYS_kcmp, getpid(), getpid(), 1, 0, 0);
}
ATTACK(bpf_map)
{
	union bpf_attr attr;
	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = 4;
	attr.value_size = 8;
	attr.max_entries = 1;
	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}
ATTACK(perf_event)
{
	struct perf_event_attr attr;
	memset(&attr, 0, sizeof(attr));
	attr.type = PERF_TYPE_SOFTWARE;
	attr.size = sizeof(attr);
	attr.config = PERF_COUNT_SW_CPU_CLOCK;
	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}
ATTACK(userfault)
{
	return syscall(SYS_userfaultfd, O_CLOEXEC);
}
ATTACK(uring_setup)
{
	struct io_uring_params params;
	memset(&params, 0, sizeof(params));
	return syscall(SYS_io_uring_setup, 4, &params);
}
ATTACK(uring_enter)
{
	return syscall(SYS_io_uring_enter, -1, 0, 0, 0, 0, 0);
}
ATTACK(uring_register)
{
	return syscall(SYS_io_uring_register, -1, 0, 0, 0);
}
ATTACK(keyctl_join)
{
	return syscall(SYS_keyctl, 1, NULL);
}
ATTACK(add_key_user)
{
	return syscall(SYS_add_key, "user", "x", "y", 1, -3);
}
ATTACK(request_key_user)
{
	return syscall(SYS_request_key, "user", "no-such-key", NULL, -3);
}
ATTACK(init_module_none)
{
	return syscall(SYS_init_module, NULL, 0, "");
}
ATTACK(finit_module_none)
{
	return syscall(SYS_finit_module, -1, "", 0);
}
ATTACK(delete_module_none)
{
	return syscall(SYS_delete_module, "no_such_module_x", O_NONBLOCK);
}
ATTACK(kexec)
{
	return syscall(SYS_kexec_load, 0, 1, NULL, 0);
}
ATTACK(kexec_file)
{
	return syscall(SYS_kexec_file_load, -1, -1, 0, "", 0);
}
ATTACK(personality_norandom)
{
	return syscall(SYS_personality, ADDR_NO_RANDOMIZE);
}
ATTACK(open_handle)
{
	char handle[128] = { 0 };
	return syscall(SYS_open_by_handle_at, AT_FDCWD, handle, 0);
}
ATTACK(acct_off)
{
	return syscall(SYS_acct, "/no/such/file");
}
ATTACK(swapon_none)
{
	return syscall(SYS_swapon, "/no/such/file", 0);
}
ATTACK(settime_none)
{
	return syscall(SYS_clock_settime, -1, NULL);
}
ATTACK(reboot_wrong)
{
	return syscall(SYS_reboot, 0, 0, 0, NULL);
}
ATTACK(ioport)
{
	return syscall(SYS_iopl, 3);
}
ATTACK(quota_none)
{
	return syscall(SYS_quotactl, -1, NULL, 0, NULL);
}
ATTACK(i386_unshare)
{
	return i386_call(310, CLONE_NEWUTS, 0, 0);
}
ATTACK(i386_ptrace)
{
	hold_signals();
	return i386_call(26, PTRACE_TRACEME, 0, 0);
}
ATTACK(i386_keyctl)
{
	return i386_call(288, 1, 0, 0);
}
ATTACK(i386_getpid)
{
	return i386_call(20, 0, 0, 0);
}
ATTACK(x32_getpid)
{
	return x32_call(SYS_getpid, 0);
}
ATTACK(x32_unshare)
{
	return x32_call(SYS_unshare, CLONE_NEWUTS);
}

/* clang-format off */
#define ENTRY(name) { #name, name }
/* clang-format on */

static const struct {
	const char *name;
	long (*run)(void);
} attacks[] = {
	ENTRY(clone_newuser),	   ENTRY(clone_newns),
	ENTRY(clone_newpid),	   ENTRY(clone_newnet),
	ENTRY(clone_newipc),	   ENTRY(clone_newuts),
	ENTRY(clone_newcgroup),	   ENTRY(clone3_newuser),
	ENTRY(clone3_newns),	   ENTRY(unshare_newuser),
	ENTRY(unshare_newns),	   ENTRY(unshare_newnet),
	ENTRY(setns_uts),	   ENTRY(mount_tmpfs),
	ENTRY(umount_shm),	   ENTRY(pivot),
	ENTRY(fsopen_tmpfs),	   ENTRY(fspick_root),
	ENTRY(open_tree_clone),	   ENTRY(move_mount_none),
	ENTRY(mount_setattr_none), ENTRY(af_alg),
	ENTRY(af_vsock),	   ENTRY(ptrace_me),
	ENTRY(vm_readv),	   ENTRY(vm_writev),
	ENTRY(kcmp_self),	   ENTRY(bpf_map),
	ENTRY(perf_event),	   ENTRY(userfault),
	ENTRY(uring_setup),	   ENTRY(uring_enter),
	ENTRY(uring_register),	   ENTRY(keyctl_join),
	ENTRY(add_key_user),	   ENTRY(request_key_user),
	ENTRY(init_module_none),   ENTRY(finit_module_none),
	ENTRY(delete_module_none), ENTRY(kexec),
	ENTRY(kexec_file),	   ENTRY(personality_norandom),
	ENTRY(open_handle),	   ENTRY(acct_off),
	ENTRY(swapon_none),	   ENTRY(settime_none),
	ENTRY(reboot_wrong),	   ENTRY(ioport),
	ENTRY(quota_none),	   ENTRY(i386_unshare),
	ENTRY(i386_ptrace),	   ENTRY(i386_keyctl),
	ENTRY(i386_getpid),	   ENTRY(x32_getpid),
	ENTRY(x32_unshare),
};

/* fork(3) uses clone with flags that every profile with processes has; vfork would share our memory. */
static void attempt(unsigned int at)
{
	int status = 0;
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid < 0)
		pid = syscall(SYS_fork);
	if (pid == 0) {
		char line[128];
		errno = 0;
		long result = attacks[at].run();
		int length = result >= 0 ? snprintf(line, sizeof(line), "%s OK\n", attacks[at].name)
					 : snprintf(line, sizeof(line), "%s DENIED errno %d\n",
						    attacks[at].name, errno);
		syscall(SYS_write, 1, line, length);
		_exit(0);
	}
	if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status)) {
		char line[128];
		int length = snprintf(line, sizeof(line), "%s KILLED signal %d\n", attacks[at].name,
				      WTERMSIG(status));
		syscall(SYS_write, 1, line, length);
	}
}

int main(int count, char **args)
{
	unsigned int total = sizeof(attacks) / sizeof(attacks[0]);
	/* One attack per call of the program works in every filter that lets it start. */
	if (count > 2) {
		unsigned int at = atoi(args[2]);
		if (at >= total)
			return 2;
		char line[128];
		errno = 0;
		long result = attacks[at].run();
		int length = result >= 0 ? snprintf(line, sizeof(line), "%s OK\n", attacks[at].name)
					 : snprintf(line, sizeof(line), "%s DENIED errno %d\n",
						    attacks[at].name, errno);
		syscall(SYS_write, 1, line, length);
		return 0;
	}
	for (unsigned int at = 0; at < total; at++) {
		if (count > 1)
			printf("%s\n", attacks[at].name);
		else
			attempt(at);
	}
	return 0;
}
