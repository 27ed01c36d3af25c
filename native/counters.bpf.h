/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Counting: one number of one ABI in one slot. */
#pragma once

#include "slots.bpf.h"

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
