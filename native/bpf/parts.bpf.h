/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Finds the slot in which a task counts. A container's processes belong to its entry point's tree, or came in by an exec
 * with a terminal (a session) or without one (a probe).
 *
 * Under a filter the filter decides: a runtime installs one for each process that it starts, and fork inherits it, so
 * all processes of one tree have the same outermost filter, and no process of another tree has it. Without a filter the
 * exec's first process is noted when the runtime's program becomes the wanted one; for its children the parent decides,
 * at their first call.
 *
 * This happens once per process and CPU: on_sys_exit() caches the result in state.last.
 */
#pragma once

#include "slots.bpf.h"

INLINE __u64 *filter_place(__u64 filter)
{
	return &state.filters[(filter * SECCO_HASH) >> (64 - SECCO_FILTERS_BITS)];
}

INLINE __u64 *process_place(__u32 tgid, __u32 i)
{
	__u64 at = (__u64)tgid * SECCO_PROCESS_PLACES + i;
	/* Otherwise clang masks the parts and combines them by `or`, and the verifier of 6.1 loses the bounds. */
	asm volatile("" : "+r"(at));
	return &state.processes[at & (SECCO_PROCESSES - 1)];
}

/* Returns the part of a process that came in by an exec; SECCO_ENTRY_POINT for all others. */
GLOBAL __u32 part_of_process(__u32 tgid)
{
	for (__u32 i = 0; i < SECCO_PROCESS_PLACES; i++) {
		__u64 known = *(volatile __u64 *)process_place(tgid, i);
		if (known >> 8 == tgid)
			return known & 3;
	}
	return SECCO_ENTRY_POINT;
}

/*
 * Notes the part of a process. Living processes keep their places, because a forgotten session would count as the entry
 * point. One is replaced, and counted as lost, only if all places are taken.
 */
GLOBAL int note_process(__u32 tgid, __u32 part)
{
	__u64 note = (__u64)tgid << 8 | part;
	for (__u32 i = 0; i < SECCO_PROCESS_PLACES; i++) {
		__u64 *place = process_place(tgid, i);
		if (*(volatile __u64 *)place >> 8 == tgid) {
			*place = note;
			return 0;
		}
	}
	for (__u32 i = 0; i < SECCO_PROCESS_PLACES; i++) {
		if (!__sync_val_compare_and_swap(process_place(tgid, i), 0, note))
			return 0;
	}
	*process_place(tgid, (tgid >> 9) & (SECCO_PROCESS_PLACES - 1)) = note;
	__sync_fetch_and_add(&state.details_lost, 1);
	return 0;
}

/* Removes all notes of a process: two of its threads may have noted it at the same time. */
GLOBAL int forget_process(__u32 tgid)
{
	for (__u32 i = 0; i < SECCO_PROCESS_PLACES; i++) {
		__u64 *place = process_place(tgid, i);
		if (*(volatile __u64 *)place >> 8 == tgid)
			*place = 0;
	}
	return 0;
}

/* Returns the part of a process, or of its parent if the process has no note: at its first call. */
GLOBAL __u32 part_by_parent(__u32 tgid)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 part = part_of_process(tgid);
	if (!part)
		part = part_of_process(BPF_CORE_READ(task, real_parent, tgid));
	return part;
}

/* Returns the part by the terminal. A runtime sets it before the filter; children of the exec may lose it later. */
INLINE __u32 part_by_terminal(struct task_struct *task)
{
	return BPF_CORE_READ(task, signal, tty) ? SECCO_SESSION : SECCO_PROBE;
}

/* Returns the part by the outermost filter. `entry`: the container's entry; `first`: the first process of its slot. */
GLOBAL __u32 part_by_filter(__u32 entry, __u32 tgid, __u32 first, __u32 installs)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 outermost = outermost_filter();
	if (!outermost)
		return part_of_process(tgid);
	__u64 *filter = &state.entries[entry & (SECCO_ENTRIES - 1)].filter;
	__u64 *place = filter_place(outermost);
	if (installs) {
		__u32 part = tgid == first ? SECCO_ENTRY_POINT : part_by_terminal(task);
		if (part && *filter == outermost)
			*filter = SECCO_NO_FILTER; /* another filter has its address now */
		*place = outermost | (part + 1);
		return part;
	}
	if (outermost == *filter)
		return SECCO_ENTRY_POINT;
	__u64 known = *place;
	if ((known & ~3ULL) == outermost && known & 3)
		return (known & 3) - 1;
	if (!*filter || tgid == first) {
		if (!*filter && tgid == first)
			*filter = outermost;
		return SECCO_ENTRY_POINT;
	}
	/* The filter's place was taken by others. The parent decides: a session's child may have lost the terminal. */
	__u32 part = part_by_parent(tgid);
	if (!part)
		part = part_by_terminal(task);
	*place = outermost | (part + 1);
	return part;
}

/*
 * Returns the slot of a child of the self-test in Secco's own container, which is otherwise ignored. User space has
 * noted the child, because in a pod it cannot have a mount namespace of its own. The slot is ignored as a workload.
 */
GLOBAL __u64 resolve_test(__u32 mntns, __u64 cgroup, __u32 may_claim)
{
	if (part_of_process(bpf_get_current_pid_tgid() >> 32) != SECCO_TEST)
		return 0;
	__u64 own = find(key_of(mntns, cgroup) ^ SECCO_PART_KEY(SECCO_TEST));
	if (!own && may_claim)
		own = claim(mntns, cgroup, SECCO_FILTERED | SECCO_IGNORED, BEGAN_BEFORE,
			    SECCO_TEST);
	return own >> 32 & SECCO_FULL ? 0 : own;
}

/*
 * Returns entry.word of the current task's slot; 0: it does not count. KNOWN_ONLY: no slot is taken. INSTALLS: the
 * current call has installed the task's first filter. RUNTIME_INSTALLS: the task is a runtime's, before its program.
 */
enum { ANY_CALL, INSTALLS, RUNTIME_INSTALLS, KNOWN_ONLY };

GLOBAL __u64 resolve(__u32 how)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 mntns = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	__u64 cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	__u32 mode = BPF_CORE_READ(task, seccomp.mode);
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	__u64 key = key_of(mntns, cgroup);
	__u64 word = find(key);
	bool installs = how == INSTALLS || how == RUNTIME_INSTALLS;
	bool may_claim = how != KNOWN_ONLY;
	__u32 begins = how == RUNTIME_INSTALLS ? BEGINS_FOR_RUNTIME : installs;
	if (mode && may_claim && (!word || installs))
		word = claim(mntns, cgroup, SECCO_FILTERED, begins, SECCO_ENTRY_POINT);
	__u32 flags = word >> 32, index = (__u32)word - 1;
	if (flags & SECCO_IGNORED && mode)
		return resolve_test(mntns, cgroup, may_claim);
	if (!(__u32)word || flags & (SECCO_IGNORED | SECCO_FULL))
		return 0;
	/* A runtime's threads and its calls before the filter, which no filter checks. */
	if (flags & SECCO_FILTERED && !mode)
		return 0;
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot)
		return 0;
	/* An adopted container: user space cannot read the id of its mount namespace. */
	if (!slot->ns_id)
		slot->ns_id = ns_id_of(task);
	__u32 part;
	if (flags & SECCO_FILTERED)
		part = part_by_filter(slot->entry, tgid, slot->pid, installs);
	else
		part = part_by_parent(tgid);
	if (part == SECCO_ENTRY_POINT)
		return word;
	note_process(tgid, part);
	__u64 own = find(key ^ SECCO_PART_KEY(part));
	bool began = installs || !(flags & SECCO_FILTERED);
	if (may_claim && (!own || installs))
		own = claim(mntns, cgroup, flags & SECCO_FILTERED, began, part);
	return own >> 32 & (SECCO_IGNORED | SECCO_FULL) ? 0 : own;
}
