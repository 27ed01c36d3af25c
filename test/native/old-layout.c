/*
 * What is done to a pinned layout from outside. `old-layout shorten FOLDER BYTES`: its `about` is that of an
 * earlier release, so many bytes long. `old-layout kill FOLDER N PID`: kills who takes it over at the beginning
 * of its Nth sched_setaffinity, which it calls before and after a slot's counts go over. `old-layout kill-noting …`:
 * at the beginning of its Nth write to a map, which is a note of a refused call.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int shorten(__u32 bytes)
{
	static char value[1 << 16];
	struct bpf_map_info info = {};
	__u32 length = sizeof(info), zero = 0;
	int whole = bpf_obj_get("about");
	if (whole < 0 || bpf_obj_get_info_by_fd(whole, &info, &length) ||
	    info.value_size > sizeof(value))
		return 3;
	int part = bpf_map_create(BPF_MAP_TYPE_ARRAY, "about", sizeof(zero), bytes, 1, NULL);
	if (part < 0 || bytes >= info.value_size || bpf_map_lookup_elem(whole, &zero, value) ||
	    bpf_map_update_elem(part, &zero, value, BPF_ANY))
		return 4;
	return unlink("about") || bpf_obj_pin(part, "about") ? 5 : 0;
}

static int is_wanted(const struct __ptrace_syscall_info *call, int noting)
{
	if (noting)
		return call->entry.nr == SYS_bpf && call->entry.args[0] == BPF_MAP_UPDATE_ELEM;
	return call->entry.nr == SYS_sched_setaffinity;
}

static int kill_at(int wanted, int pid, int noting)
{
	int status, found = 0;
	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) ||
	    ptrace(PTRACE_INTERRUPT, pid, 0, 0))
		return 3;
	while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status)) {
		struct __ptrace_syscall_info call = {};
		int stopped_by = WSTOPSIG(status);
		if (stopped_by == (SIGTRAP | 0x80))
			ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(call), &call);
		if (call.op == PTRACE_SYSCALL_INFO_ENTRY && is_wanted(&call, noting) &&
		    access("handed", F_OK) == 0 && ++found == wanted)
			return kill(pid, SIGKILL);
		int is_ours = stopped_by == (SIGTRAP | 0x80) || status >> 16 == PTRACE_EVENT_STOP;
		ptrace(PTRACE_SYSCALL, pid, 0, is_ours ? 0 : stopped_by);
	}
	return 4;
}

int main(int count, char **args)
{
	if (count < 4 || chdir(args[2]))
		return 2;
	return strcmp(args[1], "shorten") == 0
		       ? shorten(atoi(args[3]))
		       : kill_at(atoi(args[3]), atoi(args[4]), strcmp(args[1], "kill-noting") == 0);
}
