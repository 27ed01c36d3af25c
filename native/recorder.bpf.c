/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The recorder. One hook sees every call that ends, allowed or refused: sys_exit. What never ends
 * there (exit, exit_group, a thread killed by its filter) is taken from sched_process_exit; where a
 * container without a filter begins, from sched_process_exec.
 *
 * A container is (mount namespace, cgroup id). Its slot is claimed here, before user space knows of
 * it. Most calls on a machine belong to no container, so the host's mount namespace is tested first.
 *
 * Each program exists twice with one body: `direct` reads the kernel's memory as the verifier lets
 * typed pointers do (tp_btf); else bpf_probe_read_kernel() (raw_tp, for kernels whose BTF comes from
 * a file). `direct` is a constant wherever it is used.
 */
#include "counters.bpf.h"
#include "slots.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* seccomp.h; prctl(2), seccomp(2). */
#define PR_SET_SECCOMP 22
#define SECCOMP_SET_MODE_FILTER 1
#define SIGSYS 31
#define SIGNAL_GROUP_EXIT 4 /* include/linux/sched/signal.h */

/*
 * Names that a container runtime's own processes have inside a container's mount namespace. An
 * execve that ends in one of them is not the application's beginning. The one list of them.
 */
ALWAYS bool is_runtime(__u64 comm)
{
#define NAME(a, b, c, d, e, f)                                                                     \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 |   \
	 (__u64)(f) << 40)
	__u64 five = comm & 0xFFFFFFFFFFULL, six = comm & 0xFFFFFFFFFFFFULL;
	return six == NAME('r', 'u', 'n', 'c', ':', '[') || five == NAME('r', 'u', 'n', 'c', 0, 0) ||
	       five == NAME('c', 'r', 'u', 'n', 0, 0) || six == NAME('y', 'o', 'u', 'k', 'i', 0) ||
	       (comm & 0xFFFFFFFF) == NAME('e', 'x', 'e', 0, 0, 0);
}

ALWAYS bool is_runc_init(__u64 comm)
{
	return (comm & 0xFFFFFFFFFFFFULL) == NAME('r', 'u', 'n', 'c', ':', '[');
}

ALWAYS __u64 comm_of(struct task_struct *task, bool direct)
{
	__u64 comm = 0;
	if (direct)
		comm = *(__u64 *)task->comm;
	else
		bpf_core_read(&comm, sizeof(comm), &task->comm);
	return comm;
}

/*
 * The call that put the first filter in place has ended. Where another thread of the same process
 * made the slot (TSYNC filters it while the call is under way), the slot is complete all the same.
 */
ON_ITS_OWN int boundary(__u32 index)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot || slot->flags & (SECCO_COMPLETE | SECCO_ADOPTED))
		return 0;
	__u64 ns_id = ns_id_of(task);
	if (slot->pid == bpf_get_current_pid_tgid() >> 32 && (!ns_id || ns_id > state.baseline_ns))
		__sync_fetch_and_or(&slot->flags, SECCO_COMPLETE);
	return 0;
}

/* Such a call exits under the filter, but the filter was never asked. */
ALWAYS bool installs_filter(struct task_struct *task, struct pt_regs *regs, __u32 abi, __u64 nr,
			    __s64 ret, bool direct)
{
	bool by_prctl = nr == (abi == COMPAT ? COMPAT_PRCTL : NR_PRCTL);
	bool by_seccomp = nr == (abi == COMPAT ? COMPAT_SECCOMP : NR_SECCOMP);
	if (!by_prctl && !by_seccomp)
		return false;
	__u64 operation = abi == COMPAT ? (__u32)GET(regs, COMPAT_ARGUMENT) : GET(regs, NATIVE_ARGUMENT);
	if (operation != (by_prctl ? PR_SET_SECCOMP : SECCOMP_SET_MODE_FILTER) || ret < 0)
		return false;
	return GET(task, seccomp.filter_count.counter) == 1;
}

/* What a task that is not of the host may count in; 0: nothing. */
ALWAYS __u64 word_for(struct task_struct *task, __u64 word, __u32 mode, bool direct)
{
	__u32 flags = word >> 32;
	if (flags & (SECCO_IGNORED | SECCO_FULL))
		return 0;
	/* runtime's threads and set-up calls, which no filter will ever be asked about */
	if (flags & SECCO_FILTERED)
		return mode ? word : 0;
	if (!mode && is_runc_init(comm_of(task, direct)))
		return 0;
	return word;
}

ALWAYS int on_sys_exit(struct pt_regs *regs, __s64 ret, bool direct)
{
	struct task_struct *task = current_task(direct);
	__u32 mntns = mntns_of(task, direct);
	if (mntns == config.host_mntns || mntns == config.self_mntns || !mntns)
		return 0;
	__u32 mode = GET(task, seccomp.mode);
	__u64 cgroup = cgroup_of(task, direct);
	__u64 word = find(key_of(mntns, cgroup));
	if (!word && !mode)
		return 0;

	__s64 nr = (__s64)GET(regs, SYSCALL_NUMBER);
	__u32 abi = abi_of(GET(task, thread_info.THREAD_WORD), nr);
	if (abi == X32)
		nr &= ~X32_BIT;
	bool installs = mode && installs_filter(task, regs, abi, nr, ret, direct);
	if (!word || installs)
		word = claim(mntns, cgroup, SECCO_FILTERED, installs);
	word = word_for(task, word, mode, direct);
	__u32 index = (__u32)word - 1;
	if (!(__u32)word)
		return 0;

	if (installs && word >> 32 & SECCO_FILTERED) {
		boundary(index);
		return 0;
	}
	if (abi == NATIVE) {
		/* the kernel forgets the number on the way out of a signal handler */
		if (nr < 0)
			nr = NR_RT_SIGRETURN;
		/* the child's half of a call that its parent made */
		if (!ret && IS_FORK((__u64)nr))
			return 0;
		add_native(index, nr, 1);
		return 0;
	}
	if (nr < 0)
		nr = abi == COMPAT ? COMPAT_RT_SIGRETURN : X32_RT_SIGRETURN;
	if (!ret && (abi == COMPAT ? IS_COMPAT_FORK(nr) : IS_FORK((__u64)nr)))
		return 0;
	add_other(index, abi, nr, 1);
	return 0;
}

/*
 * Without a filter a container begins at the first execve of a binary that is not the runtime's.
 * Also the only place where execveat can be told: the kernel rewrites the number to execve.
 */
ALWAYS int on_exec(struct linux_binprm *program, bool direct)
{
	struct task_struct *task = current_task(direct);
	__u32 mntns = mntns_of(task, direct);
	if (mntns == config.host_mntns || mntns == config.self_mntns || !mntns)
		return 0;
	__u32 mode = GET(task, seccomp.mode);
	__u64 cgroup = cgroup_of(task, direct);
	__u64 word = find(key_of(mntns, cgroup));
	if (!mode && !is_runtime(comm_of(task, direct)))
		word = claim(mntns, cgroup, 0, 1);
	if (!word)
		return 0;
	word = word_for(task, word, mode, direct);
	if (!(__u32)word || !bpf_core_field_exists(program->fdpath) || !GET(program, fdpath))
		return 0;
	/* sys_exit will add one execve: taken off here, so that both counts are exact after it. */
	__u32 index = (__u32)word - 1;
	__u32 abi = abi_of(GET(task, thread_info.THREAD_WORD), 0);
	add(index, abi, abi == COMPAT ? COMPAT_EXECVEAT : NR_EXECVEAT, 1);
	add(index, abi, abi == COMPAT ? COMPAT_EXECVE : NR_EXECVE, -1);
	return 0;
}

/* Once per thread. */
ALWAYS int on_process_exit(bool direct)
{
	struct task_struct *task = current_task(direct);
	__u32 mntns = mntns_of(task, direct);
	if (mntns == config.host_mntns || !mntns)
		return 0;
	if (state.baseline_tid && (__u32)bpf_get_current_pid_tgid() == state.baseline_tid) {
		state.baseline_ns = ns_id_of(task);
		state.baseline_tid = 0;
		return 0;
	}
	if (mntns == config.self_mntns)
		return 0;
	__u64 word = find(key_of(mntns, cgroup_of(task, direct)));
	if (word)
		word = word_for(task, word, GET(task, seccomp.mode), direct);
	/* Without BTF there is no way to the registers: exit and exit_group stay base there. */
	if (!(__u32)word || !direct)
		return 0;
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs((void *)task);
	__s64 nr = (__s64)regs->SYSCALL_NUMBER;
	__u32 abi = abi_of(task->thread_info.THREAD_WORD, nr);
	if (abi == X32)
		nr &= ~X32_BIT;
	if (nr < 0)
		return 0;
	bool exits = abi == COMPAT ? nr == COMPAT_EXIT || nr == COMPAT_EXIT_GROUP
				   : nr == NR_EXIT || nr == NR_EXIT_GROUP;
	/*
	 * KILL_THREAD among other threads dies inside the filter. KILL_PROCESS, and the last thread,
	 * come by sys_exit first and then take the whole group down (kernel/seccomp.c, since 5.16). A
	 * group that ends for another reason meanwhile (whoever joined the thread exits) is not that.
	 */
	struct signal_struct *signal = task->signal;
	bool group_killed = signal->flags & SIGNAL_GROUP_EXIT &&
			    (signal->group_exit_code & 0x7f) == SIGSYS;
	bool killed = (task->exit_code & 0x7f) == SIGSYS && !group_killed;
	if (exits || killed)
		add((__u32)word - 1, abi, nr, 1);
	return 0;
}

SEC("tp_btf/sys_exit")
int sys_exit_btf(__u64 *context)
{
	return on_sys_exit((struct pt_regs *)context[0], context[1], true);
}

SEC("tp_btf/sched_process_exec")
int exec_btf(__u64 *context)
{
	return on_exec((struct linux_binprm *)context[2], true);
}

SEC("tp_btf/sched_process_exit")
int process_exit_btf(__u64 *context)
{
	(void)context;
	return on_process_exit(true);
}

SEC("raw_tp/sys_exit")
int sys_exit_raw(__u64 *context)
{
	return on_sys_exit((struct pt_regs *)context[0], context[1], false);
}

SEC("raw_tp/sched_process_exec")
int exec_raw(__u64 *context)
{
	return on_exec((struct linux_binprm *)context[2], false);
}

SEC("raw_tp/sched_process_exit")
int process_exit_raw(__u64 *context)
{
	(void)context;
	return on_process_exit(false);
}
