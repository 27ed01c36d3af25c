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
#include "core.h"
#include "recorder.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct secco_config config = { .stripes = 1 };
struct secco_state state;

/* User space sets max_entries of all four before load. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct secco_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct secco_native_row);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct secco_compat_row);
} counts_compat SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct secco_x32_row);
} counts_x32 SEC(".maps");

/* seccomp.h; prctl(2), seccomp(2). */
#define PR_SET_SECCOMP 22
#define SECCOMP_SET_MODE_FILTER 1
#define SIGSYS 31
#define SIGNAL_GROUP_EXIT 4 /* include/linux/sched/signal.h */

enum abi { NATIVE, COMPAT, X32 };

#define ALWAYS static __always_inline
/* A global function: the verifier looks at it once, not once per path that leads to it. */
#define ON_ITS_OWN __attribute__((noinline))
#define GET(pointer, field)                                                                        \
	({                                                                                         \
		typeof((pointer)->field) got_;                                                     \
		if (direct)                                                                        \
			got_ = (pointer)->field;                                                   \
		else                                                                               \
			bpf_core_read(&got_, sizeof(got_), &(pointer)->field);                     \
		got_;                                                                              \
	})

ALWAYS struct task_struct *current_task(bool direct)
{
	if (direct)
		return (struct task_struct *)bpf_get_current_task_btf();
	return (struct task_struct *)bpf_get_current_task();
}

/* 0: no mount namespace (the task is being torn down). */
ALWAYS __u32 mntns_of(struct task_struct *task, bool direct)
{
	struct nsproxy *proxy = GET(task, nsproxy);
	if (!proxy)
		return 0;
	struct mnt_namespace *ns = GET(proxy, mnt_ns);
	if (!ns)
		return 0;
	return GET(ns, ns.inum);
}

/* By pointers: the helper costs a call and a hash map would cost two more (research memo). */
ALWAYS __u64 cgroup_of(struct task_struct *task, bool direct)
{
	struct css_set *set = GET(task, cgroups);
	struct cgroup *group = GET(set, dfl_cgrp);
	struct kernfs_node *node = GET(group, kn);
	return GET(node, id);
}

ALWAYS __u64 key_of(__u32 mntns, __u64 cgroup)
{
	return ((__u64)mntns << 32) ^ cgroup;
}

ALWAYS __u32 home_of(__u64 key)
{
	return (key * SECCO_HASH) >> (64 - SECCO_ENTRY_BITS);
}

ALWAYS volatile struct secco_entry *entry_at(__u32 at)
{
	return &state.entries[at & (SECCO_ENTRIES - 1)];
}

/* entry.word of a key; 0 when it is not in the table. */
ON_ITS_OWN __u64 find_further(__u64 key)
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

ALWAYS __u64 find(__u64 key)
{
	volatile struct secco_entry *entry = entry_at(home_of(key));
	__u64 found = entry->key;
	if (found == key)
		return entry->word;
	if (found == SECCO_KEY_EMPTY)
		return 0;
	return find_further(key);
}

ALWAYS __u32 lowest_bit(__u64 one)
{
	return ((one & 0xAAAAAAAAAAAAAAAAULL) != 0) | ((one & 0xCCCCCCCCCCCCCCCCULL) != 0) << 1 |
	       ((one & 0xF0F0F0F0F0F0F0F0ULL) != 0) << 2 | ((one & 0xFF00FF00FF00FF00ULL) != 0) << 3 |
	       ((one & 0xFFFF0000FFFF0000ULL) != 0) << 4 | ((one & 0xFFFFFFFF00000000ULL) != 0) << 5;
}

/* A free slot's number, taken; -1 when there is none. */
ON_ITS_OWN long take_slot(void)
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

/* The entry that has this key, claimed if nobody had it; -1 when all its places are taken. */
ON_ITS_OWN long claim_entry(__u64 key)
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
			/* a word that is not 0 yet: user space is just removing the entry */
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

/*
 * A number that no other mount namespace has or will have, and that grows with its youth; 0 where the
 * kernel has none. Since 6.18 the namespace's own id is given out in batches per CPU and tells no
 * age any more; the unique id of its root mount does.
 */
ALWAYS __u64 ns_id_of(struct task_struct *task)
{
	struct mnt_namespace *ns = BPF_CORE_READ(task, nsproxy, mnt_ns);
	struct mnt_namespace___seq *old = (void *)ns;
	struct mount *root = 0;
	__u64 id = 0;

	if (bpf_core_field_exists(old->seq)) {
		bpf_core_read(&id, sizeof(id), &old->seq);
	} else if (bpf_core_field_exists(root->mnt_id_unique)) {
		bpf_core_read(&root, sizeof(root), &ns->root);
		bpf_core_read(&id, sizeof(id), &root->mnt_id_unique);
	}
	return id;
}

ALWAYS void name_slot(struct secco_slot *slot, struct task_struct *task)
{
	struct kernfs_node *node = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
	struct kernfs_node *parent = 0;
	struct kernfs_node___old *old = (void *)node;
	struct kernfs_node___new *new = (void *)node;

	if (bpf_core_field_exists(new->__parent))
		bpf_core_read(&parent, sizeof(parent), &new->__parent);
	else if (bpf_core_field_exists(old->parent))
		bpf_core_read(&parent, sizeof(parent), &old->parent);
	/* Long names keep their beginning; a runtime's leaf names have at most 85 characters. */
	bpf_probe_read_kernel_str(slot->cgroup_name, SECCO_NAME, BPF_CORE_READ(node, name));
	slot->cgroup_parent[0] = 0;
	if (parent)
		bpf_probe_read_kernel_str(slot->cgroup_parent, SECCO_NAME, BPF_CORE_READ(parent, name));
}

ALWAYS void table_full(__u64 ns_id)
{
	__sync_fetch_and_add(&state.table_full, 1);
	/* It may get a slot later, but never again from its beginning. */
	if (ns_id > state.baseline_ns)
		state.baseline_ns = ns_id;
}

/* The number of the mount namespace has a new owner, and the cgroup is the same (id 1 on cgroup v1). */
ALWAYS bool is_stale(__u64 word, __u64 ns_id)
{
	__u32 index = (__u32)word - 1;
	if (!(__u32)word)
		return false;
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	return slot && slot->ns_id && ns_id && slot->ns_id != ns_id;
}

/*
 * Gives a container its slot. `began`: the call that is being handled is where counting starts.
 * Returns entry.word, whoever made it; 0 when there is no room.
 */
ON_ITS_OWN __u64 claim(__u32 mntns, __u64 cgroup, __u32 flags, __u32 began)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 ns_id = ns_id_of(task);
	long at = claim_entry(key_of(mntns, cgroup));
	if (at < 0) {
		table_full(ns_id);
		return 0;
	}
	__u64 *word = &state.entries[at & (SECCO_ENTRIES - 1)].word;
	__u64 known = *(volatile __u64 *)word;
	if (known && !(began && is_stale(known, ns_id)))
		return known;

	long taken = take_slot();
	__u64 made = (__u64)SECCO_FULL << 32;
	if (taken >= 0) {
		__u32 index = taken;
		struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
		if (!slot)
			return 0;
		if (began && (!ns_id || ns_id > state.baseline_ns))
			flags |= SECCO_COMPLETE;
		slot->cgroup_id = cgroup;
		slot->mntns = mntns;
		slot->ns_id = ns_id;
		slot->first_seen = slot->last_seen = bpf_ktime_get_ns();
		slot->pid = bpf_get_current_pid_tgid() >> 32;
		slot->entry = at;
		slot->index = index;
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
		/* Somebody was quicker: the slot goes back. */
		__sync_fetch_and_or(&state.free_slots[(taken >> 6) & (SECCO_SLOTS_MAX / 64 - 1)],
				    1ULL << (taken & 63));
		return before;
	}
	__u32 index = taken;
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	if (slot)
		__sync_lock_test_and_set(&slot->state, SECCO_SLOT_USED);
	return made;
}

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

ON_ITS_OWN int count_unknown(__u32 index)
{
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	if (slot)
		__sync_fetch_and_add(&slot->unknown, 1);
	__sync_fetch_and_add(&state.unknown, 1);
	return 0;
}

/* A counter went from 0 to 1: for a striped one that may have been another stripe's merit before. */
ON_ITS_OWN int first_time(__u32 index, __u32 at)
{
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot || at >= SECCO_SEEN_WORDS * 64)
		return 0;
	/* volatile: clang would test one copy of the number and use another */
	volatile __u32 word = at >> 6;
	__u32 checked = word;
	if (checked >= SECCO_SEEN_WORDS)
		return 0;
	__u64 bit = 1ULL << (at & 63);
	if (__sync_fetch_and_or(&slot->seen[checked], bit) & bit)
		return 0;
	slot->last_seen = bpf_ktime_get_ns();
	__sync_fetch_and_add(&slot->distinct, 1);
	return 0;
}

ALWAYS void add_native(__u32 index, __u64 nr, __s64 amount)
{
	if (nr >= SECCO_NATIVE_NUMBERS) {
		count_unknown(index);
		return;
	}
	__u32 stripes = config.stripes;
	__u32 at = index * stripes + (bpf_get_smp_processor_id() & (stripes - 1));
	struct secco_native_row *row = bpf_map_lookup_elem(&counts, &at);
	if (!row)
		return;
	__u64 before;
	if (config.one_stripe_per_cpu) {
		/*
		 * The row is this CPU's alone, and no program is entered twice on one CPU: before 6.1
		 * because tracepoints run with preemption off, since then by prog->active as well
		 * (what that turns away is in recursion_misses). So a plain addition is exact.
		 */
		before = row->count[nr];
		row->count[nr] = before + amount;
	} else {
		before = __sync_fetch_and_add(&row->count[nr], amount);
	}
	if (!before)
		first_time(index, nr);
}

/* The ABIs that few containers use: one counter per number. */
ON_ITS_OWN int add_other(__u32 index, __u32 abi, __u64 nr, __s64 amount)
{
	if (abi == COMPAT) {
		struct secco_compat_row *row = bpf_map_lookup_elem(&counts_compat, &index);
		if (nr >= SECCO_COMPAT_NUMBERS)
			count_unknown(index);
		else if (row && !__sync_fetch_and_add(&row->count[nr], amount))
			first_time(index, SECCO_COMPAT_AT + nr);
		return 0;
	}
	struct secco_x32_row *row = bpf_map_lookup_elem(&counts_x32, &index);
	if (nr >= SECCO_X32_NUMBERS)
		count_unknown(index);
	else if (row && !__sync_fetch_and_add(&row->count[nr], amount))
		first_time(index, SECCO_X32_AT + nr);
	return 0;
}

ALWAYS void add(__u32 index, __u32 abi, __u64 nr, __s64 amount)
{
	if (abi == NATIVE)
		add_native(index, nr, amount);
	else
		add_other(index, abi, nr, amount);
}

/* Before any masking: i386 getpid is x86-64 writev by number. */
ALWAYS __u32 abi_of(__u64 status, __s64 nr)
{
	if (status & COMPAT_BIT)
		return COMPAT;
	if (nr >= 0 && nr & X32_BIT)
		return X32;
	return NATIVE;
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
	 * come by sys_exit first and then take the whole group down (kernel/seccomp.c, since 5.16).
	 */
	bool killed = (task->exit_code & 0x7f) == SIGSYS &&
		      !(task->signal->flags & SIGNAL_GROUP_EXIT);
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
