/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The recorder's memory: which container has which slot. The table of entries is in .bss; its keys are mount namespace
 * and cgroup id. The program that sees a container first takes a slot for it.
 */
#pragma once

#include "core.h"
#include "../shared/recorder.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "ns-id.bpf.h"

#define TRAITS(abi, name, number, set, m0, m1, m2, traits)                                         \
	[number] = (SECCO_CALL_##abi##_##name + 1) | (traits),
#define CALL(abi, name, number, set, m0, m1, m2, traits) { number, abi, set, { m0, m1, m2 } },
const volatile struct secco_config config = {
	.stripes = 1,
	.native = { SECCO_LEARNED_NATIVE(TRAITS) MORE_NATIVE },
	.compat = { SECCO_LEARNED_COMPAT(TRAITS) MORE_COMPAT },
	.calls = { SECCO_LEARNED_NATIVE(CALL) SECCO_LEARNED_COMPAT(CALL) },
};
struct secco_state state;

/* User space sets max_entries of all maps before load. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct secco_slot);
} slots SEC(".maps");

/*
 * Maps that user space reads by lookup: mmap() maps every page at once (remap_vmalloc_range() in kernel/bpf/arraymap.c),
 * and all of them would be resident memory.
 */
#define ROWS(name, row)                                                                            \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(max_entries, 1);                                                            \
		__type(key, __u32);                                                                \
		__type(value, struct row);                                                         \
	} name SEC(".maps")

ROWS(counts, secco_native_row);
ROWS(rows, secco_row);
ROWS(arguments, secco_argument_row);
ROWS(denied, secco_denied_row);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct secco_denial_key);
	__type(value, struct secco_denial);
} denials SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct secco_argument_denial_key);
	__type(value, struct secco_denial);
} argument_denials SEC(".maps");

enum abi { NATIVE, COMPAT, X32, COMPAT_VALUES };

#define PF_FORKNOEXEC 0x00000040 /* include/linux/sched.h */

#define INLINE static __always_inline
/* A global function: the verifier checks it once, not once for each path that leads to it. */
#define GLOBAL __attribute__((noinline))
#define READ(pointer, field)                                                                       \
	({                                                                                         \
		typeof((pointer)->field) got_;                                                     \
		if (direct)                                                                        \
			got_ = (pointer)->field;                                                   \
		else                                                                               \
			bpf_core_read(&got_, sizeof(got_), &(pointer)->field);                     \
		got_;                                                                              \
	})

INLINE struct task_struct *current_task(bool direct)
{
	if (direct)
		return (struct task_struct *)bpf_get_current_task_btf();
	return (struct task_struct *)bpf_get_current_task();
}

/* Returns the inode number of a task's mount namespace; 0 if it has none any more (the task ends). */
INLINE __u32 mntns_of(struct task_struct *task, bool direct)
{
	struct nsproxy *proxy = READ(task, nsproxy);
	if (!proxy)
		return 0;
	struct mnt_namespace *ns = READ(proxy, mnt_ns);
	if (!ns)
		return 0;
	return READ(ns, ns.inum);
}

/* Returns the cgroup id by pointers: bpf_get_current_cgroup_id() costs a call. */
INLINE __u64 cgroup_of(struct task_struct *task, bool direct)
{
	struct css_set *set = READ(task, cgroups);
	struct cgroup *group = READ(set, dfl_cgrp);
	struct kernfs_node *node = READ(group, kn);
	return READ(node, id);
}

INLINE __u64 key_of(__u32 mntns, __u64 cgroup)
{
	return ((__u64)mntns << 32) ^ cgroup;
}

INLINE __u32 home_of(__u64 key)
{
	return (key * SECCO_HASH) >> (64 - SECCO_ENTRY_BITS);
}

INLINE volatile struct secco_entry *entry_at(__u32 at)
{
	return &state.entries[at & (SECCO_ENTRIES - 1)];
}

/* Returns entry.word of a key; 0 if the key is not in the table. find() is its inlined first step. */
GLOBAL __u64 find_by_probing(__u64 key)
{
	__u32 home = home_of(key);
	for (__u32 i = 0; i < SECCO_PROBES; i++) {
		volatile struct secco_entry *entry = entry_at(home + i);
		__u64 found = entry->key;
		if (found == key)
			return entry->word;
		if (found == SECCO_KEY_EMPTY)
			return 0;
	}
	return 0;
}

INLINE __u64 find(__u64 key)
{
	volatile struct secco_entry *entry = entry_at(home_of(key));
	__u64 found = entry->key;
	if (found == key)
		return entry->word;
	if (found == SECCO_KEY_EMPTY)
		return 0;
	return find_by_probing(key);
}

INLINE __u32 lowest_bit(__u64 one)
{
	return ((one & 0xAAAAAAAAAAAAAAAAULL) != 0) | ((one & 0xCCCCCCCCCCCCCCCCULL) != 0) << 1 |
	       ((one & 0xF0F0F0F0F0F0F0F0ULL) != 0) << 2 |
	       ((one & 0xFF00FF00FF00FF00ULL) != 0) << 3 |
	       ((one & 0xFFFF0000FFFF0000ULL) != 0) << 4 |
	       ((one & 0xFFFFFFFF00000000ULL) != 0) << 5;
}

/* Takes a free slot and returns its number; -1 if there is none. */
GLOBAL long take_slot(void)
{
	for (__u32 i = 0; i < SECCO_SLOTS_MAX / 64 * 2; i++) {
		__u64 *word = &state.free_slots[(i >> 1) & (SECCO_SLOTS_MAX / 64 - 1)];
		__u64 free = *(volatile __u64 *)word;
		if (!free)
			continue;
		__u64 bit = free & -free;
		if (__sync_fetch_and_and(word, ~bit) & bit)
			return (i >> 1) * 64 + lowest_bit(bit);
	}
	return -1;
}

/* Returns the entry of a key, claimed if the key is in no entry; -1 if all its places are taken. */
GLOBAL long claim_entry(__u64 key)
{
	__u32 home = home_of(key);
	for (int attempt = 0; attempt < 3; attempt++) {
		__u32 place = 0;
		__u64 there = key;
		bool have_place = false;
		for (__u32 i = 0; i < SECCO_PROBES; i++) {
			__u32 at = (home + i) & (SECCO_ENTRIES - 1);
			__u64 found = entry_at(at)->key;
			if (found == key)
				return at;
			if (found > SECCO_KEY_REMOVED)
				continue;
			/* User space is removing the entry while its word is not 0 (unlink_entry() in the addon). */
			if (!have_place && !entry_at(at)->word) {
				place = at;
				there = found;
				have_place = true;
			}
			if (found == SECCO_KEY_EMPTY)
				break;
		}
		if (!have_place)
			return -1;
		__u64 *word = &state.entries[place & (SECCO_ENTRIES - 1)].key;
		__u64 before = __sync_val_compare_and_swap(word, there, key);
		if (before == there || before == key)
			return place;
	}
	return -1;
}

INLINE void name_slot(struct secco_slot *slot, struct task_struct *task)
{
	struct kernfs_node *node = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
	struct kernfs_node *parent = 0;
	struct kernfs_node___old *old = (void *)node;
	struct kernfs_node___new *new = (void *)node;

	if (bpf_core_field_exists(new->__parent))
		bpf_core_read(&parent, sizeof(parent), &new->__parent);
	else if (bpf_core_field_exists(old->parent))
		bpf_core_read(&parent, sizeof(parent), &old->parent);
	/* Long names are cut at the end; leaf names of runtimes have at most 85 characters. */
	bpf_probe_read_kernel_str(slot->cgroup_name, SECCO_NAME, BPF_CORE_READ(node, name));
	slot->cgroup_parent[0] = 0;
	if (parent)
		bpf_probe_read_kernel_str(slot->cgroup_parent, SECCO_NAME,
					  BPF_CORE_READ(parent, name));
}

INLINE void table_full(__u64 ns_id)
{
	__sync_fetch_and_add(&state.table_full, 1);
	/* The container may get a slot later, but not from its beginning. */
	if (ns_id > state.baseline_ns)
		state.baseline_ns = ns_id;
}

/*
 * Returns whether the slot of a word belongs to an earlier mount namespace with the same number, in the same cgroup (id 1
 * on cgroup v1).
 */
INLINE bool is_stale(__u64 word, __u64 ns_id)
{
	__u32 index = (__u32)word - 1;
	if (!(__u32)word)
		return false;
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	return slot && slot->ns_id && ns_id && slot->ns_id != ns_id;
}

/* Invalidates state.last of all CPUs. */
INLINE void forget_cached_slots(void)
{
	__sync_fetch_and_add(&state.epoch, 1);
}

/*
 * Returns the address of the current task's oldest filter; 0 if there is none, or too many to follow (then the process
 * decides). Since 6.11 a process' filters are freed while it exits.
 */
GLOBAL __u64 outermost_filter(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct seccomp_filter *filter = BPF_CORE_READ(task, seccomp.filter);
	for (int i = 0; filter && i < 128; i++) {
		struct seccomp_filter *older = 0;
		bpf_core_read(&older, sizeof(older), &filter->prev);
		if (!older)
			return (__u64)filter;
		filter = older;
	}
	return 0;
}

/*
 * Returns whether the current process has executed nothing since it was forked. Only the kernel sets and clears that. If it
 * is a container's first process, the container's program has not begun. Which process that is only the runtime knows, so
 * this alone makes no slot complete: a container can make such processes too.
 */
GLOBAL int is_starting(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	/* Before all programs are attached, calls may be missed. */
	return state.baseline_ns != SECCO_ATTACHING &&
	       BPF_CORE_READ(task, group_leader, flags) & PF_FORKNOEXEC;
}

/*
 * Returns whether a slot is that of a runtime's hook: it was taken without a filter, and its first process has ended. A
 * runtime waits for its hook before it installs the filter; the first process of a container ends last.
 */
GLOBAL int is_of_hook(__u64 word)
{
	__u32 index = (__u32)word - 1;
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	return slot && !(word >> 32 & (SECCO_FILTERED | SECCO_IGNORED)) && slot->ending;
}

/* Ignores a slot that is not in the table any more. User space frees it when its processes have ended. */
GLOBAL int ignore_slot(__u32 index)
{
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	if (slot)
		__sync_fetch_and_or(&slot->flags, SECCO_IGNORED);
	return 0;
}

/* From where a new slot counts: from some later call of a process, or from the current call. */
enum { BEGAN_BEFORE, BEGINS, BEGINS_FOR_RUNTIME };

/*
 * Takes a slot for a part of a container. Returns entry.word, also if another CPU was first; 0 if there is no room. With
 * BEGINS_FOR_RUNTIME the runtime installs the container's filter: the slot of its hook (OCI runtime-spec, createContainer)
 * is replaced.
 */
GLOBAL __u64 claim(__u32 mntns, __u64 cgroup, __u32 flags, __u32 began, __u32 part)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 ns_id = ns_id_of(task);
	long at = claim_entry(key_of(mntns, cgroup) ^ SECCO_PART_KEY(part));
	if (at < 0) {
		table_full(ns_id);
		return 0;
	}
	__u64 *word = &state.entries[at & (SECCO_ENTRIES - 1)].word;
	__u64 known = *(volatile __u64 *)word;
	bool is_hooks = began == BEGINS_FOR_RUNTIME && is_of_hook(known);
	if (known && !is_hooks && !(began && is_stale(known, ns_id)))
		return known;

	long taken = take_slot();
	__u64 made = (__u64)SECCO_FULL << 32;
	if (taken >= 0) {
		__u32 index = taken;
		struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
		if (!slot)
			return 0;
		/* An exec whose beginning is seen is complete, however old its container is. */
		if (began && (part || !ns_id || ns_id > state.baseline_ns))
			flags |= SECCO_COMPLETE;
		if (part == SECCO_ENTRY_POINT && is_starting())
			flags |= SECCO_STARTING;
		slot->cgroup_id = cgroup;
		slot->mntns = mntns;
		slot->ns_id = ns_id;
		slot->first_seen = slot->last_seen = bpf_ktime_get_ns();
		slot->pid = bpf_get_current_pid_tgid() >> 32;
		slot->entry = at;
		slot->index = index;
		slot->part = part;
		slot->flags = flags;
		bpf_get_current_comm(slot->comm, sizeof(slot->comm));
		name_slot(slot, task);
		made = (__u64)flags << 32 | (index + 1);
	}
	__u64 before = __sync_val_compare_and_swap(word, known, made);
	if (taken < 0) {
		if (before == known)
			table_full(ns_id);
		return before == known ? made : before;
	}
	if (before != known) {
		/* Another CPU was first: the slot is free again. */
		__sync_fetch_and_or(&state.free_slots[(taken >> 6) & (SECCO_SLOTS_MAX / 64 - 1)],
				    1ULL << (taken & 63));
		return before;
	}
	if (is_hooks)
		ignore_slot((__u32)known - 1);
	/* A thread that reads the filter before it is set counts as the entry point's, which is right. */
	if (flags & SECCO_FILTERED && !part)
		state.entries[at & (SECCO_ENTRIES - 1)].filter = outermost_filter();
	__u32 index = taken;
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	if (slot)
		__sync_lock_test_and_set(&slot->state, SECCO_SLOT_USED);
	forget_cached_slots();
	return made;
}
