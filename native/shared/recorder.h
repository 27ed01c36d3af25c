/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the kernel side and the addon share, byte for byte. Fixed widths only: __u32 and __u64 are
 * typedefs of core.h in BPF and of <linux/types.h> in user space.
 *
 * Memory of one recorder: sizes.h.
 */
#ifndef SECCO_RECORDER_H
#define SECCO_RECORDER_H

#include "arguments.h"

#define SECCO_SLOTS_DEFAULT 4096
#define SECCO_SLOTS_MAX 4096

/* Numbers per ABI. x32 has its own calls from 512 on (arch/x86/entry/syscalls/syscall_64.tbl). */
#define SECCO_NATIVE_NUMBERS 512
#define SECCO_COMPAT_NUMBERS 512
#define SECCO_X32_NUMBERS 576
#define SECCO_COMPAT_AT SECCO_NATIVE_NUMBERS
#define SECCO_X32_AT (SECCO_COMPAT_AT + SECCO_COMPAT_NUMBERS)
#define SECCO_SEEN_WORDS ((SECCO_X32_AT + SECCO_X32_NUMBERS) / 64)

/* The table is four times as large as it can have slots: chains stay short, a miss is cheap. */
#define SECCO_ENTRY_BITS 14
#define SECCO_ENTRIES (1 << SECCO_ENTRY_BITS)
#define SECCO_PROBES 16
#define SECCO_HASH 0x9E3779B97F4A7C15ULL

/* Keys that are no container. A real key has a mount namespace number in its upper half. */
#define SECCO_KEY_EMPTY 0ULL
#define SECCO_KEY_REMOVED 1ULL

/*
 * The processes of a container that came in by an exec have slots of their own. Their keys are the
 * container's with one bit turned: mount namespace numbers are 0xEFFFFFF8 and above
 * (include/linux/proc_fs.h), so no container has such a key.
 */
#define SECCO_ENTRY_POINT 0
#define SECCO_PROBE 1 /* without a terminal */
#define SECCO_SESSION 2 /* on a terminal */
/* No part of a container: a child of the self-test in Secco's own, which counts nothing else. */
#define SECCO_TEST 3
#define SECCO_PART_KEY(part) ((__u64)(part) << 62)

/* Upper half of entry.word; the same bits in slot.flags. */
#define SECCO_FILTERED (1U << 0)
#define SECCO_COMPLETE (1U << 1)
#define SECCO_ADOPTED (1U << 2)
#define SECCO_IGNORED (1U << 3)
#define SECCO_FULL (1U << 4) /* the entry has a key and got no slot */
#define SECCO_WATCHED (1U << 5) /* refused_row says which numbers its filter refuses */

#define SECCO_SLOT_FREE 0
#define SECCO_SLOT_USED 1
#define SECCO_SLOT_RELEASED 2 /* unlinked, waits until no CPU can still be counting in it */

/* Filters of execs that are remembered: of one that is forgotten its processes tell. */
#define SECCO_FILTERS_BITS 10
/* Living processes of execs, each in one of so many places. */
#define SECCO_PROCESSES 4096
#define SECCO_PROCESS_PLACES 8
#define SECCO_EXECS 64
/* CPUs above it look their containers up each time. */
#define SECCO_CPUS 1024
#define SECCO_ROWS_MAX 1024 /* see sizes.h */

#define SECCO_COMM 16
#define SECCO_NAME 128

/* Set before load. */
struct secco_config {
	__u32 host_mntns;
	__u32 stripes; /* a power of two */
	__u32 one_stripe_per_cpu;
	__u32 rows;
	__u32 sees_execveat; /* the program at sched_prepare_exec is loaded (6.10) */
	__u32 reads_registers; /* of a call that ends, wherever it is asked for: bpf_task_pt_regs() by BTF */
	__u32 reserved;
	/* SECCO_FORKS … by number; what is not in it is only counted */
	__u8 native[SECCO_NATIVE_NUMBERS];
	__u8 compat[SECCO_COMPAT_NUMBERS];
	struct secco_call calls[SECCO_CALL_BITS + 1];
};

/*
 * key: mount namespace in the upper half, xor the cgroup id. cgroup ids stay below 2^32 until two
 * thousand million cgroups have been made, so two containers cannot have one key before that.
 * One word, so that one compare-and-swap claims it.
 * word: slot + 1, flags in the upper half; 0 while nobody has given it a slot.
 * filter: the outermost seccomp filter of the entry point's tree, which fork hands down and every exec
 * has another of; 0 while it is not known (adopted), SECCO_NO_FILTER when it is gone.
 */
struct secco_entry {
	__u64 key;
	__u64 word;
	__u64 filter;
};
#define SECCO_NO_FILTER 1ULL

/*
 * What the CPU's newest counted call belonged to. All its keys are addresses or numbers that can be
 * given to somebody else once their owner is gone, and nobody goes without `epoch` moving on.
 */
struct secco_last {
	__u64 epoch;
	__u64 process; /* signal_struct */
	__u64 filter;
	__u64 group; /* css_set */
	__u64 word;
	__u32 mntns;
	__u32 row; /* of counts */
	__u32 reserved[4];
};

struct secco_state {
	__u64 table_full;
	__u64 unknown;
	/*
	 * Mount namespaces up to this ns_id began before somebody looked (attach, table full). SECCO_ALL_OLD:
	 * nobody can tell, so each of them may have.
	 */
	__u64 baseline_ns;
	__u32 baseline_tid;
	__u32 reserved;
	__u64 free_slots[SECCO_SLOTS_MAX / 64]; /* bit set: free */
	__u64 free_rows[SECCO_ROWS_MAX / 64];
	struct secco_entry entries[SECCO_ENTRIES];
	__u64 details_lost;
	__u64 noted; /* moves before and after anything in `denials` does: unmoved, a walk finds what the last one found */
	__u64 watched_notes; /* moves after each note of a slot that is watched: somebody may wait for it */
	__u64 filters[1 << SECCO_FILTERS_BITS]; /* address | part + 1 */
	__u64 processes
		[SECCO_PROCESSES]; /* thread group id << 8 | part, of execs and the self-test only */
	__u64 execs[SECCO_EXECS]; /* task | SECCO_BY_*, from sched_prepare_exec to the exec */
	__u64 arguments_lost; /* calls that `argument_denials` had no room for: no count and no set lacks them */
	__u64 notes_allowed; /* some profile lets calls through, by their arguments, and tells of them */
	__u8 deciding[SECCO_SEEN_WORDS *
		      64]; /* bit n: some profile's rule for this number asks for argument n */
	/* Moves when a remembered answer may have become wrong. Apart from what is written often. */
	__u64 epoch __attribute__((aligned(64)));
	struct secco_last last[SECCO_CPUS] __attribute__((aligned(64)));
};

/* baseline_ns while attach is under way, and where it could not be found. */
#define SECCO_ATTACHING (~0ULL)
#define SECCO_ALL_OLD (~0ULL - 1)

#define SECCO_BY_EXECVEAT 1ULL
#define SECCO_BY_RUNTIME 2ULL

struct secco_slot {
	__u64 cgroup_id;
	__u64 ns_id;
	__u64 first_seen;
	__u64 last_seen; /* moves with `distinct` only */
	__u64 distinct;
	__u64 unknown;
	__u64 seen[SECCO_SEEN_WORDS]; /* the three ABIs' bits one after the other */
	__u32 mntns;
	__u32 pid;
	__u32 entry;
	__u32 generation;
	__u32 state;
	__u32 flags;
	__u32 index;
	__u32 part;
	/* Rows of the pool + 1; 0: none yet, SECCO_NO_ROW: none was left. */
	__u32 compat_row;
	__u32 x32_row;
	__u32 compat_arguments;
	__u32 exits; /* moves when a process of the container ends: the time to look whether any is left */
	__u32 argument_denials; /* how many it was given */
	__u32 reserved;
	char comm[SECCO_COMM];
	char cgroup_name[SECCO_NAME];
	char cgroup_parent[SECCO_NAME];
};

struct secco_native_row {
	__u64 count[SECCO_NATIVE_NUMBERS];
};

/* A slot takes one when it first needs it: for compat calls, for x32 calls, for compat arguments. */
struct secco_row {
	union {
		__u64 count[SECCO_X32_NUMBERS];
		struct secco_value_set sets[SECCO_COMPAT_SETS];
	};
};
#define SECCO_NO_ROW 0xFFFFFFFFU

/* Numbers, in the order of `seen`. */
struct secco_bits {
	__u64 word[SECCO_SEEN_WORDS];
};

/* What a slot's profile does not simply let through. */
struct secco_denied_row {
	__u64 word[SECCO_SEEN_WORDS]; /* refused, or decided by arguments */
	__u64 by_arguments[SECCO_SEEN_WORDS]; /* of those */
	__u64 any_result; /* what is decided may be let through, and told of all the same (LOG) */
};

struct secco_denial_key {
	__u32 index;
	__u32 generation;
	__u32 abi;
	__u32 nr;
};

struct secco_denial {
	__u64 count;
	__u64 succeeded;
	__s64 result;
	__u64 at;
	__u32 pid;
	__u32 reserved;
	char comm[SECCO_COMM];
};

/*
 * The same, for numbers whose arguments decide, told apart by them: user space asks the rules. Of no slot more
 * than so many, so that nobody takes the others' places.
 */
#define SECCO_ARGUMENT_DENIALS 64
#define SECCO_REGISTERS 6
struct secco_argument_denial_key {
	struct secco_denial_key call;
	__u64 asked; /* bit n: arguments[n] is there; else it is 0 */
	__u64 arguments[SECCO_REGISTERS];
};

#endif
