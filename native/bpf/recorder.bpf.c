/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The recorder. The hook sys_exit sees every call that ends, allowed or denied. sched_process_exit sees calls that do not
 * end there (exit, exit_group, a thread killed by its filter); sched_process_exec sees where a container without a filter
 * begins.
 *
 * A container is (mount namespace, cgroup id). Its slot is taken here, before user space knows of it. Most calls on a
 * machine belong to no container, so the host's mount namespace is tested first.
 *
 * Each program exists twice with one body. With `direct` it reads the kernel's memory through typed pointers (tp_btf),
 * else by bpf_probe_read_kernel() (raw_tp, for kernels whose BTF comes from a file). `direct` is a constant at each use.
 */
#include "counters.bpf.h"
#include "details.bpf.h"
#include "parts.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* From linux/prctl.h and linux/seccomp.h. */
#define PR_SET_SECCOMP 22
#define SECCOMP_SET_MODE_FILTER 1
#define SECCOMP_MODE_DEAD 3 /* kernel/seccomp.c, since 5.16: its filter has killed the task */
#define SIGSYS 31
#define SIGNAL_GROUP_EXIT 4 /* include/linux/sched/signal.h */

/*
 * Returns whether a process has a name of a container runtime's own processes inside a container's mount namespace. Anybody
 * can have such a name: is_inside() and is_outside() tell whose the program is.
 */
INLINE bool has_runtime_name(__u64 comm)
{
#define NAME(a, b, c, d, e, f)                                                                     \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 |   \
	 (__u64)(f) << 40)
	__u64 five = comm & 0xFFFFFFFFFFULL, six = comm & 0xFFFFFFFFFFFFULL;
	return six == NAME('r', 'u', 'n', 'c', ':', '[') ||
	       five == NAME('r', 'u', 'n', 'c', 0, 0) || five == NAME('c', 'r', 'u', 'n', 0, 0) ||
	       six == NAME('y', 'o', 'u', 'k', 'i', 0) ||
	       (comm & 0xFFFFFFFF) == NAME('e', 'x', 'e', 0, 0, 0);
}

INLINE bool has_init_name(__u64 comm)
{
	return (comm & 0xFFFFFFFFFFFFULL) == NAME('r', 'u', 'n', 'c', ':', '[');
}

/*
 * Returns whether a program's file is on a mount of the current task's mount namespace. A runtime's own program is on one of
 * the host's, or in memory.
 */
GLOBAL int is_inside(__u64 file)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct vfsmount *mounted = BPF_CORE_READ((struct file *)file, f_path.mnt);
	struct mount *mount = (void *)mounted - bpf_core_field_offset(struct mount, mnt);
	return mounted && BPF_CORE_READ(mount, mnt_ns) == BPF_CORE_READ(task, nsproxy, mnt_ns);
}

/*
 * Returns whether the current task, by its name the process from which runc starts a program, is one: a container's own
 * processes run a program of the container, have a parent in it, or are the first process of its slot.
 */
GLOBAL int is_outside(__u32 index)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	if (slot && slot->pid == bpf_get_current_pid_tgid() >> 32)
		return 0;
	if (BPF_CORE_READ(task, real_parent, nsproxy, mnt_ns) ==
	    BPF_CORE_READ(task, nsproxy, mnt_ns))
		return 0;
	return !is_inside((__u64)BPF_CORE_READ(task, mm, exe_file));
}

/*
 * How the current task, which executes a program without a filter, is related to its parent. A runtime of the node that runs
 * in a mount namespace of its own (a snap) moves its own process into the container's cgroup before it enters the
 * container: that is a CHILD_OF_NODE, or MOVED.
 */
enum {
	ENTERED, /* the parent is in another mount namespace: the program is the container's */
	CHILD_IN_CONTAINER, /* the parent is in a recorded container, as of docker in docker or systemd */
	CHILD_OF_NODE,
	MOVED, /* the parent is also in another cgroup */
};

GLOBAL int relation_to_parent(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct task_struct *parent = BPF_CORE_READ(task, real_parent);
	__u32 mntns = BPF_CORE_READ(parent, nsproxy, mnt_ns, ns.inum);
	if (mntns != BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum))
		return ENTERED;
	__u64 group = BPF_CORE_READ(parent, cgroups, dfl_cgrp, kn, id);
	/* The node's runtime has a slot too, until user space knows that it is no container. */
	__u64 flags = find(key_of(mntns, group)) >> 32;
	if ((flags & (SECCO_NAMED | SECCO_IGNORED)) == SECCO_NAMED)
		return CHILD_IN_CONTAINER;
	return group == BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id) ? CHILD_OF_NODE : MOVED;
}

INLINE __u64 comm_of(struct task_struct *task, bool direct)
{
	__u64 comm = 0;
	if (direct)
		comm = *(__u64 *)task->comm;
	else
		bpf_core_read(&comm, sizeof(comm), &task->comm);
	return comm;
}

/*
 * Marks a slot complete at the end of the call that installed the first filter. Another thread of the same process may
 * have taken the slot before: with TSYNC it has the filter while the call is under way (seccomp(2)).
 */
GLOBAL int mark_complete(__u32 index)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot || slot->flags & (SECCO_COMPLETE | SECCO_ADOPTED))
		return 0;
	__u64 ns_id = ns_id_of(task);
	if (slot->pid == bpf_get_current_pid_tgid() >> 32 &&
	    (slot->part || !ns_id || ns_id > state.baseline_ns))
		__sync_fetch_and_or(&slot->flags, SECCO_COMPLETE);
	return 0;
}

#define ARGUMENT(number)                                                                           \
	(abi == COMPAT ? (__u32)READ(regs, COMPAT_ARGUMENT_##number)                               \
		       : READ(regs, NATIVE_ARGUMENT_##number))

/* Returns whether a call installed the task's first filter. It ends under the filter, which did not check it. */
INLINE bool installs_filter(struct task_struct *task, struct pt_regs *regs, __u32 abi, __u64 nr,
			    __s64 ret, bool direct)
{
	bool by_prctl = nr == (abi == COMPAT ? COMPAT_PRCTL : NR_PRCTL);
	if (ARGUMENT(0) != (by_prctl ? PR_SET_SECCOMP : SECCOMP_SET_MODE_FILTER) || ret < 0)
		return false;
	return READ(task, seccomp.filter_count.counter) == 1;
}

/* Returns whether a runtime's process, which has not executed the container's program, installs the container's filter. */
INLINE bool installs_for_container(struct task_struct *task, __u32 mntns, bool direct)
{
	__u64 word = find(key_of(mntns, cgroup_of(task, direct)));
	return has_runtime_name(comm_of(task, direct)) && is_outside((__u32)word - 1);
}

/*
 * Returns the slot of this CPU's newest call if that was of the same process, else 0. It compares the mount namespace's
 * number and not the nsproxy: a process that returns to an earlier namespace may get the freed nsproxy's address.
 */
INLINE volatile struct secco_last *cached_slot(struct task_struct *task, __u32 mntns, __u32 cpu,
					       bool direct)
{
	volatile struct secco_last *last = &state.last[cpu & (SECCO_CPUS - 1)];
	/* Otherwise clang computes the address again for each field. */
	asm volatile("" : "+r"(last));
	if (last->process == (__u64)READ(task, signal) &&
	    last->filter == (__u64)READ(task, seccomp.filter) &&
	    last->group == (__u64)READ(task, cgroups) && last->mntns == mntns &&
	    last->epoch == *(volatile __u64 *)&state.epoch)
		return last;
	return 0;
}

INLINE __u64 word_of(struct task_struct *task, __u32 mntns, bool direct)
{
	__u32 cpu = bpf_get_smp_processor_id();
	__u64 epoch = *(volatile __u64 *)&state.epoch;
	volatile struct secco_last *last = cached_slot(task, mntns, cpu, direct);
	if (last)
		return last->word;
	__u64 word = resolve(ANY_CALL);
	if (cpu < SECCO_CPUS) {
		last = &state.last[cpu & (SECCO_CPUS - 1)];
		last->process = (__u64)READ(task, signal);
		last->filter = (__u64)READ(task, seccomp.filter);
		last->group = (__u64)READ(task, cgroups);
		last->mntns = mntns;
		last->word = word;
		last->row = native_row(word - 1, cpu);
		last->epoch = epoch;
	}
	return word;
}

/* Handles every call except the plain calls that on_sys_exit() counts itself. */
INLINE int on_any_call(struct task_struct *task, struct pt_regs *regs, __s64 ret, __u32 mntns,
		       bool direct)
{
	__s64 called = (__s64)READ(regs, SYSCALL_NUMBER);
	__u32 abi = abi_of(READ(task, thread_info.THREAD_WORD), called);
	__s64 nr = abi == X32 ? called & ~X32_BIT : called;
	/* rt_sigreturn sets the number to -1 (restore_sigcontext() of x86). */
	if (nr < 0)
		nr = abi == NATIVE   ? NR_RT_SIGRETURN
		     : abi == COMPAT ? COMPAT_RT_SIGRETURN
				     : X32_RT_SIGRETURN;
	__u32 traits = 0;
	if ((__u64)nr < SECCO_NATIVE_NUMBERS)
		traits = abi == COMPAT ? config.compat[nr] : config.native[nr];

	__u32 mode = READ(task, seccomp.mode);
	if (traits & SECCO_MOVES)
		forget_cached_slots();
	if (traits & SECCO_INSTALLS && mode && installs_filter(task, regs, abi, nr, ret, direct)) {
		__u64 word = resolve(installs_for_container(task, mntns, direct) ? RUNTIME_INSTALLS
										 : INSTALLS);
		if (!(__u32)word)
			return 0;
		if (word >> 32 & SECCO_FILTERED) {
			mark_complete((__u32)word - 1);
			return 0;
		}
	}
	__u64 word = word_of(task, mntns, direct);
	__u32 index = (__u32)word - 1;
	if (!(__u32)word || (!mode && has_init_name(comm_of(task, direct)) && is_outside(index)))
		return 0;
	/* In the child a fork ends too; the parent's call is the one that counts. */
	if (traits & SECCO_FORKS && !ret)
		return 0;
	/* Notes come before counts: user space reads counts first and never finds more calls than notes. */
	if (is_unknown_filter(word) && may_be_denied(ret, called))
		note_early(index, abi, nr, ret);
	else if (is_unknown_filter(word))
		note_allowed(index, abi, nr, ret);
	add(index, abi, nr, 1);
	if (traits & SECCO_CALL_BITS && abi != X32 && mode != SECCOMP_MODE_DEAD &&
	    is_learned(ret)) {
		__u32 call = (traits & SECCO_CALL_BITS) - 1;
		if (abi == COMPAT)
			learn_compat(index, call, ARGUMENT(0), ARGUMENT(1), ARGUMENT(2));
		else
			learn_native(index, call, ARGUMENT(0), ARGUMENT(1), ARGUMENT(2));
	}
	if (word >> 32 & SECCO_WATCHED && mode)
		watch(index, abi, nr, ret, ret >= 0 && ret != called);
	return 0;
}

/* Not inlined, so that the plain call below needs few registers and no stack. */
static __attribute__((noinline)) int any_call_btf(struct task_struct *task, struct pt_regs *regs,
						  __s64 ret, __u32 mntns)
{
	return on_any_call(task, regs, ret, mntns, true);
}

static __attribute__((noinline)) int any_call_raw(struct task_struct *task, struct pt_regs *regs,
						  __s64 ret, __u32 mntns)
{
	return on_any_call(task, regs, ret, mntns, false);
}

INLINE int on_sys_exit(struct pt_regs *regs, __s64 ret, bool direct)
{
	struct task_struct *task = current_task(direct);
	__u32 mntns = mntns_of(task, direct);
	if (mntns == config.host_mntns || !mntns)
		return 0;

	/* Negative numbers and those of x32 are above the limit. */
	__u64 nr = READ(regs, SYSCALL_NUMBER);
	if (READ(task, thread_info.THREAD_WORD) & COMPAT_BIT || nr >= SECCO_NATIVE_NUMBERS ||
	    config.native[nr])
		goto any;
	volatile struct secco_last *last =
		cached_slot(task, mntns, bpf_get_smp_processor_id(), direct);
	if (!last)
		goto any;
	__u64 word = last->word;
	if (!(__u32)word)
		return 0;
	if (!last->filter && has_init_name(comm_of(task, direct)) && is_outside((__u32)word - 1))
		return 0;
	__u32 row = last->row;
	if (is_unknown_filter(word) && may_be_denied(ret, nr))
		note_early((__u32)word - 1, NATIVE, nr, ret);
	count_native((__u32)word - 1, row, nr, 1);
	if (word >> 32 & SECCO_WATCHED && last->filter)
		watch((__u32)word - 1, NATIVE, nr, ret, ret >= 0 && ret != (__s64)nr);
	return 0;
any:
	return direct ? any_call_btf(task, regs, ret, mntns) : any_call_raw(task, regs, ret, mntns);
}

INLINE __u64 *exec_place(struct task_struct *task)
{
	return &state.execs[((__u64)task * SECCO_HASH) >> 58 & (SECCO_EXECS - 1)];
}

/*
 * Notes how an exec was called. This is the last moment at which the caller still has its own name and the number that
 * it called. From here on the exec succeeds or the process ends.
 */
INLINE int on_prepare_exec(void)
{
	struct task_struct *typed = (struct task_struct *)bpf_get_current_task_btf();
	__u32 mntns = mntns_of(typed, true);
	if (mntns == config.host_mntns || !mntns)
		return 0;
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs((void *)typed);
	__s64 nr = (__s64)regs->SYSCALL_NUMBER;
	__u32 abi = abi_of(typed->thread_info.THREAD_WORD, nr);
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 note = (__u64)task;
	if (abi == X32 ? (nr & ~X32_BIT) == X32_EXECVEAT
		       : nr == (abi == COMPAT ? COMPAT_EXECVEAT : NR_EXECVEAT))
		note |= SECCO_BY_EXECVEAT;
	if (has_runtime_name(comm_of(typed, true)) &&
	    !is_inside((__u64)BPF_CORE_READ(task, mm, exe_file)))
		note |= SECCO_BY_RUNTIME;
	if (!typed->seccomp.mode && is_starting())
		note |= SECCO_BY_STARTING;
	*exec_place(task) = note;
	return 0;
}

/*
 * Returns how the current task's exec was called. Before 6.10 an execveat is recognised only if it was by descriptor, and
 * a runtime's process by its parent, which is not in the container.
 */
GLOBAL __u32 exec_asked(__u32 fdpath)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	if (config.sees_execveat) {
		__u64 note = *exec_place(task);
		return (note & ~7ULL) == (__u64)task ? note & 7 : 0;
	}
	__u32 own = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	__u32 parents = BPF_CORE_READ(task, real_parent, nsproxy, mnt_ns, ns.inum);
	return (fdpath ? SECCO_BY_EXECVEAT : 0) | (own != parents ? SECCO_BY_RUNTIME : 0);
}

/* Notes the part of an exec into a container without a filter. The exec's children have the same part. */
GLOBAL int mark_exec(__u64 word)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 index = (__u32)word - 1;
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	if (slot && !(slot->flags & SECCO_FILTERED) && slot->pid != tgid)
		note_process(tgid, part_by_terminal(task));
	return 0;
}

/*
 * Notes that a slot's first process executes a program: until then all its calls were the runtime's, however long ago the
 * container was created. Also notes whether it is the first program since the slot was taken, and no program ran before it:
 * a runtime's hook would have been a child, whose page faults count here once it has ended.
 */
GLOBAL int mark_started(__u64 word)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 index = (__u32)word - 1;
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot || slot->pid != bpf_get_current_pid_tgid() >> 32)
		return 0;
	__u32 flags = SECCO_BEGUN;
	if (slot->flags & SECCO_STARTING && !BPF_CORE_READ(task, signal, cmin_flt))
		flags |= SECCO_STARTED;
	__sync_fetch_and_or(&slot->flags, flags);
	return 0;
}

/*
 * Returns whether a program that is executed without a filter is a container's. One of a runtime of the node has two of
 * three signs: its name, its file outside (its own copy in memory), and that it was moved into the container's cgroup: as
 * soon as its exec lets go of the parent's pipe, which may be before the exec ends. Each of them alone is also true of a
 * container's programs.
 */
INLINE bool is_containers(struct task_struct *task, struct linux_binprm *program, bool direct)
{
	int relation = relation_to_parent();
	if (relation == ENTERED || relation == CHILD_IN_CONTAINER)
		return true;
	bool named = has_runtime_name(comm_of(task, direct));
	bool inside = is_inside((__u64)BPF_CORE_READ(program, file));
	return relation == MOVED ? inside && !named : inside || !named;
}

/*
 * Handles the end of an exec. Without a filter a container begins at the first execve of a binary that is not the
 * runtime's. This is also the only place where an execveat is seen: the kernel changes the number to execve
 * (set_personality_64bit() in arch/x86/kernel/process_64.c).
 */
INLINE int on_exec(struct linux_binprm *program, bool direct)
{
	struct task_struct *task = current_task(direct);
	__u32 mntns = mntns_of(task, direct);
	if (mntns == config.host_mntns || !mntns)
		return 0;
	__u32 mode = READ(task, seccomp.mode);
	__u64 cgroup = cgroup_of(task, direct);
	__u32 fdpath = 0;
	if (!config.sees_execveat && bpf_core_field_exists(program->fdpath))
		fdpath = READ(program, fdpath) != 0;
	__u32 asked = exec_asked(fdpath);
	if (!mode && is_containers(task, program, direct)) {
		__u64 word = find(key_of(mntns, cgroup));
		__u32 flags = asked & SECCO_BY_STARTING ? SECCO_STARTING : 0;
		__u64 began = claim(mntns, cgroup, flags, BEGINS, SECCO_ENTRY_POINT);
		if (word == began && asked & SECCO_BY_RUNTIME)
			mark_exec(word);
	}
	mark_started(find(key_of(mntns, cgroup)));
	forget_cached_slots();
	if (!(asked & SECCO_BY_EXECVEAT))
		return 0;
	__u64 word = resolve(ANY_CALL);
	__u32 index = (__u32)word - 1;
	if (!(__u32)word || (!mode && has_init_name(comm_of(task, direct)) && is_outside(index)))
		return 0;
	/* sys_exit adds one execve afterwards: subtracted here, so that both counts are exact then. */
	__u32 abi = abi_of(READ(task, thread_info.THREAD_WORD), 0);
	add(index, abi, abi == COMPAT ? COMPAT_EXECVEAT : NR_EXECVEAT, 1);
	add(index, abi, abi == COMPAT ? COMPAT_EXECVE : NR_EXECVE, -1);
	return 0;
}

/*
 * Returns how the current process ends, as its parent's wait(2) will have it (wait_task_zombie() in kernel/exit.c): one
 * status for all threads if one of them ended the group, else that of the first thread.
 */
INLINE __u32 ending_of(struct task_struct *task)
{
	__u32 status = BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT
			       ? BPF_CORE_READ(task, signal, group_exit_code)
			       : BPF_CORE_READ(task, group_leader, exit_code);
	return SECCO_ENDED | (status & 0xFFFF);
}

/* Counts the end of a process in all parts of its container: user space then looks whether any process is left. */
GLOBAL int note_exit(__u32 mntns, __u64 cgroup)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	for (__u32 part = SECCO_ENTRY_POINT; part <= SECCO_SESSION; part++) {
		__u32 index = (__u32)find(key_of(mntns, cgroup) ^ SECCO_PART_KEY(part)) - 1;
		struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
		if (!slot)
			continue;
		if (slot->pid == tgid)
			slot->ending = ending_of(task);
		slot->last_exit = bpf_ktime_get_ns();
		__sync_fetch_and_add(&slot->exits, 1);
	}
	return 0;
}

/* Handles the end of a thread. */
INLINE int on_process_exit(bool direct)
{
	struct task_struct *task = current_task(direct);
	__u32 mntns = mntns_of(task, direct);
	struct signal_struct *process = READ(task, signal);
	bool is_last = READ(process, live.counter) == 0;
	if (mntns == config.host_mntns || !mntns) {
		/* A process that came in by an exec may have returned to the host's mount namespace. */
		if (is_last)
			forget_process(bpf_get_current_pid_tgid() >> 32);
		return 0;
	}
	if (state.baseline_tid && (__u32)bpf_get_current_pid_tgid() == state.baseline_tid) {
		state.baseline_ns = ns_id_of(task);
		state.baseline_tid = 0;
		return 0;
	}
	__u64 word = resolve(KNOWN_ONLY);
	__u32 mode = READ(task, seccomp.mode);
	if (!mode && has_init_name(comm_of(task, direct)) && is_outside((__u32)word - 1))
		word = 0;
	if (is_last) {
		forget_process(bpf_get_current_pid_tgid() >> 32);
		note_exit(mntns, cgroup_of(task, direct));
	}
	/* After this its signal_struct, css_set and filter may be freed and their addresses reused. */
	forget_cached_slots();
	/* Without BTF the registers cannot be read: exit and exit_group come from the runtime's base there. */
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
	 * With KILL_THREAD a thread that is not the last one dies inside the filter. With KILL_PROCESS, or as the
	 * last one, it passes sys_exit first and then kills the whole group (kernel/seccomp.c, since 5.16). A group
	 * that ends meanwhile for another reason (the joining thread exits) is not killed.
	 */
	struct signal_struct *signal = task->signal;
	bool group_killed =
		signal->flags & SIGNAL_GROUP_EXIT && (signal->group_exit_code & 0x7f) == SIGSYS;
	bool killed = (task->exit_code & 0x7f) == SIGSYS && !group_killed;
	if (!exits && !killed)
		return 0;
	if (killed && is_unknown_filter(word))
		note_early((__u32)word - 1, abi, nr, nr);
	add((__u32)word - 1, abi, nr, 1);
	if (killed && word >> 32 & SECCO_WATCHED)
		watch((__u32)word - 1, abi, nr, nr, false);
	return 0;
}

SEC("tp_btf/sys_exit")
int sys_exit_btf(__u64 *context)
{
	return on_sys_exit((struct pt_regs *)context[0], context[1], true);
}

/* Loaded with both hooks if the kernel has this tracepoint (since 6.10). */
SEC("tp_btf/sched_prepare_exec")
int prepare_exec(__u64 *context)
{
	(void)context;
	return on_prepare_exec();
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
