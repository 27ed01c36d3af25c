/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Which slot a task counts in. A container's processes are of its entry point's tree or came in by an
 * exec, and an exec has a terminal (a session) or not (a probe).
 *
 * Under a filter the filter tells: a runtime installs one for each process that it starts, and fork
 * hands it down, so the outermost one is the same in a whole tree and in no other. Without a filter
 * the exec's first process is marked when the runtime's program becomes the wanted one, and its
 * children are asked for their parent at their first call.
 *
 * All of it happens once per process and CPU: on_sys_exit() remembers the answer.
 */
#pragma once

#include "slots.bpf.h"

ALWAYS __u64 *filter_place(__u64 filter)
{
	return &state.filters[(filter * SECCO_HASH) >> (64 - SECCO_FILTERS_BITS)];
}

/* The part of a process that came by an exec; SECCO_ENTRY_POINT for all others. */
ALWAYS __u32 part_of_process(__u32 tgid)
{
	__u64 known = state.processes[tgid & (SECCO_PROCESSES - 1)];
	return known >> 8 == tgid ? known & 3 : SECCO_ENTRY_POINT;
}

ALWAYS void note_process(__u32 tgid, __u32 part)
{
	state.processes[tgid & (SECCO_PROCESSES - 1)] = (__u64)tgid << 8 | part;
}

ALWAYS void forget_process(__u32 tgid)
{
	__u64 *place = &state.processes[tgid & (SECCO_PROCESSES - 1)];
	if (*place >> 8 == tgid)
		*place = 0;
}

/* A terminal is given to an exec before its filter is, and its children may lose it later. */
ALWAYS __u32 part_by_terminal(struct task_struct *task)
{
	return BPF_CORE_READ(task, signal, tty) ? SECCO_SESSION : SECCO_PROBE;
}

/* `entry`: number of the container's entry; `first`: the process that its slot began with. */
ON_ITS_OWN __u32 part_by_filter(__u32 entry, __u32 tgid, __u32 first, __u32 installs)
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
			*filter = SECCO_NO_FILTER; /* its address is another's now */
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
	__u32 part = part_by_terminal(task);
	*place = outermost | (part + 1);
	return part;
}

/* Nothing is known of a process at its first call: then it is what its parent is. */
ON_ITS_OWN __u32 part_by_parent(__u32 tgid)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 part = part_of_process(tgid);
	if (!part)
		part = part_of_process(BPF_CORE_READ(task, real_parent, tgid));
	return part;
}

/*
 * The word of the current task's slot; 0: it counts nowhere. KNOWN_ONLY: none is made. INSTALLS: the
 * call that is being handled has put the task's first filter in place.
 */
enum { ANY_CALL, INSTALLS, KNOWN_ONLY };

ON_ITS_OWN __u64 resolve(__u32 how)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 mntns = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	__u64 cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	__u32 mode = BPF_CORE_READ(task, seccomp.mode);
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	__u64 key = key_of(mntns, cgroup);
	__u64 word = find(key);
	bool installs = how == INSTALLS, may_claim = how != KNOWN_ONLY;
	if (mode && may_claim && (!word || installs))
		word = claim(mntns, cgroup, SECCO_FILTERED, installs, SECCO_ENTRY_POINT);
	__u32 flags = word >> 32, index = (__u32)word - 1;
	if (!(__u32)word || flags & (SECCO_IGNORED | SECCO_FULL))
		return 0;
	/* runtime's threads and set-up calls, which no filter will ever be asked about */
	if (flags & SECCO_FILTERED && !mode)
		return 0;
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot)
		return 0;
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
