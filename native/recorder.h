/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the kernel side and the addon share, byte for byte. Fixed widths only: __u32 and __u64 are
 * typedefs of core.h in BPF and of <linux/types.h> in user space.
 *
 * Memory of one recorder, in kernel pages that are taken when it is opened:
 *   counts   slots * stripes * 4 KiB   1024 slots: 8 MiB on 2 CPUs, 64 MiB on 16 and more
 *   compat   slots * 4 KiB             1024 slots: 4 MiB
 *   x32      slots * 4.5 KiB           1024 slots: 4.5 MiB
 *   slots    slots * 0.5 KiB, and the table of 256 KiB
 */
#ifndef SECCO_RECORDER_H
#define SECCO_RECORDER_H

#define SECCO_SLOTS_DEFAULT 1024
#define SECCO_SLOTS_MAX 4096
#define SECCO_STRIPES_MAX 16

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

/* Upper half of entry.word; the same bits in slot.flags. */
#define SECCO_FILTERED (1U << 0)
#define SECCO_COMPLETE (1U << 1)
#define SECCO_ADOPTED (1U << 2)
#define SECCO_IGNORED (1U << 3)
#define SECCO_FULL (1U << 4) /* the entry has a key and got no slot */

#define SECCO_SLOT_FREE 0
#define SECCO_SLOT_USED 1
#define SECCO_SLOT_RELEASED 2 /* unlinked, waits until no CPU can still be counting in it */

#define SECCO_COMM 16
#define SECCO_NAME 128

/* Set before load. */
struct secco_config {
	__u32 host_mntns;
	__u32 self_mntns;
	__u32 stripes; /* a power of two */
	__u32 one_stripe_per_cpu;
};

/*
 * key: mount namespace in the upper half, xor the cgroup id. cgroup ids stay below 2^32 until two
 * thousand million cgroups have been made, so two containers cannot have one key before that.
 * One word, so that one compare-and-swap claims it.
 * word: slot + 1, flags in the upper half; 0 while nobody has given it a slot.
 */
struct secco_entry {
	__u64 key;
	__u64 word;
};

struct secco_state {
	__u64 table_full;
	__u64 unknown;
	/* Mount namespaces up to this ns_id began before somebody looked (attach, table full). */
	__u64 baseline_ns;
	__u32 baseline_tid;
	__u32 reserved;
	__u64 free_slots[SECCO_SLOTS_MAX / 64]; /* bit set: free */
	struct secco_entry entries[SECCO_ENTRIES];
};

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
	__u32 reserved;
	char comm[SECCO_COMM];
	char cgroup_name[SECCO_NAME];
	char cgroup_parent[SECCO_NAME];
};

struct secco_native_row {
	__u64 count[SECCO_NATIVE_NUMBERS];
};
struct secco_compat_row {
	__u64 count[SECCO_COMPAT_NUMBERS];
};
struct secco_x32_row {
	__u64 count[SECCO_X32_NUMBERS];
};

#endif
