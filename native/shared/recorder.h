/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the kernel side and the addon share, byte for byte. All widths are fixed: __u32 and __u64 are typedefs of core.h
 * in BPF and of <linux/types.h> in user space. sizes.h computes the memory of a recorder.
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

/* Four entries for each slot: probing stays short, and a miss is cheap. */
#define SECCO_ENTRY_BITS 14
#define SECCO_ENTRIES (1 << SECCO_ENTRY_BITS)
#define SECCO_PROBES 16
#define SECCO_HASH 0x9E3779B97F4A7C15ULL

/* Keys of no container. A container's key has a mount namespace number in its upper half. */
#define SECCO_KEY_EMPTY 0ULL
#define SECCO_KEY_REMOVED 1ULL

/*
 * Parts of a container. The processes that came in by an exec have slots of their own. Their keys are the container's
 * with the upper bits flipped: mount namespace numbers start at 0xEFFFFFF8 (include/linux/proc_fs.h), so no container has
 * such a key.
 */
#define SECCO_ENTRY_POINT 0
#define SECCO_PROBE 1 /* without a terminal */
#define SECCO_SESSION 2 /* on a terminal */
/* Not a part: a child of the self-test in Secco's own container, which is otherwise ignored. */
#define SECCO_TEST 3
#define SECCO_PART_KEY(part) ((__u64)(part) << 62)

/* Flags in the upper half of entry.word, and in slot.flags. */
#define SECCO_FILTERED (1U << 0)
#define SECCO_COMPLETE (1U << 1)
#define SECCO_ADOPTED (1U << 2)
#define SECCO_IGNORED (1U << 3)
#define SECCO_FULL (1U << 4) /* the entry has a key, and no slot was free */
#define SECCO_WATCHED (1U << 5) /* the denied row has the numbers that its profile denies */
#define SECCO_STARTING (1U << 6) /* its process had executed nothing: is_starting() */
#define SECCO_STARTED (1U << 7) /* ... and then it did: mark_started() */
#define SECCO_BEGUN (1U << 8) /* it has executed a program: mark_started() */
#define SECCO_NAMED (1U << 9) /* user space knows that it is of a container */

/* Set in slot.ending once it is known how the first process ended; below it is its status, as wait(2) has it. */
#define SECCO_ENDED (1U << 31)

#define SECCO_SLOT_FREE 0
#define SECCO_SLOT_USED 1
#define SECCO_SLOT_RELEASED 2 /* unlinked; waits until no CPU can be counting in it */

/* Places for the filters of execs. If a filter's place is taken by another one, its processes decide. */
#define SECCO_FILTERS_BITS 10
/* Places for living processes of execs; each process can be in one of SECCO_PROCESS_PLACES. */
#define SECCO_PROCESSES 4096
#define SECCO_PROCESS_PLACES 8
#define SECCO_EXECS 64
/* CPUs that have a cached slot; CPUs above look up the slot at each call. */
#define SECCO_CPUS 1024
#define SECCO_ROWS_MAX 1024 /* see sizes.h */

#define SECCO_COMM 16
#define SECCO_NAME 128

/* Constants, set before load. */
struct secco_config {
	__u32 host_mntns;
	__u32 stripes; /* a power of two */
	__u32 one_stripe_per_cpu;
	__u32 rows;
	__u32 sees_execveat; /* the program at sched_prepare_exec is loaded (since 6.10) */
	__u32 reads_registers; /* bpf_task_pt_regs() can be used: it needs BTF */
	__u32 reserved;
	/* Traits and learned calls by number (arguments.h); other calls are only counted. */
	__u8 native[SECCO_NATIVE_NUMBERS];
	__u8 compat[SECCO_COMPAT_NUMBERS];
	struct secco_call calls[SECCO_CALL_BITS + 1];
};

/*
 * One place of the hash table.
 * key: mount namespace in the upper half, xor the cgroup id. cgroup ids stay below 2^32 for the first two thousand
 * million cgroups, so until then two containers have different keys. It is one word, so that one compare-and-swap claims it.
 * word: slot + 1, and flags in the upper half; 0 until it has a slot.
 * filter: the outermost seccomp filter of the entry point's tree. fork inherits it, and each exec has another one. 0 while
 * it is unknown (adopted), SECCO_NO_FILTER when it is gone.
 */
struct secco_entry {
	__u64 key;
	__u64 word;
	__u64 filter;
};
#define SECCO_NO_FILTER 1ULL

/*
 * The slot of a CPU's newest call, with the process that made it. The keys are addresses and numbers that may be reused
 * when their owner is gone; `epoch` changes whenever an owner goes.
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
	 * Mount namespaces up to this ns_id began before they were recorded (before attach, or while the table was
	 * full). SECCO_ALL_OLD: it is unknown, so all of them may have.
	 */
	__u64 baseline_ns;
	__u32 baseline_tid;
	__u32 reserved;
	__u64 free_slots[SECCO_SLOTS_MAX / 64]; /* bit set: free */
	__u64 free_rows[SECCO_ROWS_MAX / 64];
	struct secco_entry entries[SECCO_ENTRIES];
	__u64 details_lost;
	__u64 noted; /* changes before and after each change of the notes: unchanged, a walk finds the same as before */
	__u64 watched_notes; /* changes after each note in a watched slot: user space may wait for it */
	__u64 filters[1 << SECCO_FILTERS_BITS]; /* address | part + 1 */
	/* Thread group id << 8 | part, of execs and the self-test only. */
	__u64 processes[SECCO_PROCESSES];
	__u64 execs[SECCO_EXECS]; /* task | SECCO_BY_*, from sched_prepare_exec to the exec */
	__u64 arguments_lost; /* calls without room in `argument_denials`; counts and sets have them */
	__u64 notes_allowed; /* a profile allows calls by their arguments and logs them (LOG) */
	/* Bit n: a profile's rules for this number read argument n. */
	__u8 deciding[SECCO_SEEN_WORDS * 64];
	/* Changes when `last` may be wrong. Aligned, so that it shares no cache line with what is written often. */
	__u64 epoch __attribute__((aligned(64)));
	struct secco_last last[SECCO_CPUS] __attribute__((aligned(64)));
};

/* Values of baseline_ns while attach is under way, and if it could not be found. */
#define SECCO_ATTACHING (~0ULL)
#define SECCO_ALL_OLD (~0ULL - 1)

#define SECCO_BY_EXECVEAT 1ULL
#define SECCO_BY_RUNTIME 2ULL
#define SECCO_BY_STARTING 4ULL

struct secco_slot {
	__u64 cgroup_id;
	__u64 ns_id;
	__u64 first_seen;
	__u64 last_seen; /* changes only with `distinct` */
	__u64 distinct;
	__u64 unknown;
	__u64 last_exit; /* when a process of the container ended last; 0: none has */
	__u64 seen[SECCO_SEEN_WORDS]; /* bits of the three ABIs, one ABI after the other */
	__u32 mntns;
	__u32 pid;
	__u32 entry;
	__u32 generation;
	__u32 state;
	__u32 flags;
	__u32 index;
	__u32 part;
	/* Row of the pool + 1; 0: none yet, SECCO_NO_ROW: none was free. */
	__u32 compat_row;
	__u32 x32_row;
	__u32 compat_arguments;
	__u32 exits; /* changes when a process of the container ends: user space looks then whether any is left */
	__u32 argument_denials; /* how many notes with arguments it has */
	__u32 ending; /* how the process `pid` ended: SECCO_ENDED | status; 0 while it runs, or if nobody saw its end */
	char comm[SECCO_COMM];
	char cgroup_name[SECCO_NAME];
	char cgroup_parent[SECCO_NAME];
};

struct secco_native_row {
	__u64 count[SECCO_NATIVE_NUMBERS];
};

/* A row of the pool. A slot takes one when it first needs it: for compat calls, x32 calls, or compat arguments. */
struct secco_row {
	union {
		__u64 count[SECCO_X32_NUMBERS];
		struct secco_value_set sets[SECCO_COMPAT_SETS];
	};
};
#define SECCO_NO_ROW 0xFFFFFFFFU

/* A set of numbers, in the order of `seen`. */
struct secco_bits {
	__u64 word[SECCO_SEEN_WORDS];
};

/* The numbers that a slot's profile does not simply allow. */
struct secco_denied_row {
	__u64 word[SECCO_SEEN_WORDS]; /* denied, or decided by arguments */
	__u64 by_arguments[SECCO_SEEN_WORDS]; /* those of them that are decided by arguments */
	__u64 any_result; /* calls decided by arguments are noted even if they were allowed (LOG) */
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
	__u64 first; /* when the first and the newest call ended, ns since the boot */
	__u64 at;
	__u32 pid;
	__u32 reserved;
	char comm[SECCO_COMM];
};

/*
 * A note of calls whose arguments decide, one for each combination of them: user space evaluates the rules. A slot has at
 * most SECCO_ARGUMENT_DENIALS, so that one container cannot take all places.
 */
#define SECCO_ARGUMENT_DENIALS 64
#define SECCO_REGISTERS 6
struct secco_argument_denial_key {
	struct secco_denial_key call;
	__u64 asked; /* bit n: arguments[n] is set; the others are 0 */
	__u64 arguments[SECCO_REGISTERS];
};

#endif
