/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Counting: one number of one ABI in one slot. */
#pragma once

#include "slots.bpf.h"

ON_ITS_OWN int count_unknown(__u32 index)
{
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	/* The first one is news as a new number is: nobody would tell of it before the next of those. */
	if (slot && !__sync_fetch_and_add(&slot->unknown, 1))
		__sync_fetch_and_add(&slot->distinct, 1);
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

/* The row of a slot's counters that belongs to a CPU. */
ALWAYS __u32 native_row(__u32 index, __u32 cpu)
{
	__u32 stripes = config.stripes;
	return index * stripes + (cpu & (stripes - 1));
}

ALWAYS void count_native(__u32 index, __u32 at, __u64 nr, __s64 amount)
{
	struct secco_native_row *row = bpf_map_lookup_elem(&counts, &at);
	if (!row || nr >= SECCO_NATIVE_NUMBERS)
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

ALWAYS void add_native(__u32 index, __u64 nr, __s64 amount)
{
	if (nr >= SECCO_NATIVE_NUMBERS)
		count_unknown(index);
	else
		count_native(index, native_row(index, bpf_get_smp_processor_id()), nr, amount);
}

/* A row of the pool for a slot that has none: 1 + its number, whoever took it; else SECCO_NO_ROW. */
ON_ITS_OWN __u32 take_row(__u32 index, __u32 which)
{
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot)
		return SECCO_NO_ROW;
	__u32 taken = SECCO_NO_ROW;
	for (__u32 i = 0; i < SECCO_ROWS_MAX / 64 * 2; i++) {
		__u64 *word = &state.free_rows[(i >> 1) & (SECCO_ROWS_MAX / 64 - 1)];
		__u64 free = *(volatile __u64 *)word;
		if (!free)
			continue;
		__u64 bit = free & -free;
		if (__sync_fetch_and_and(word, ~bit) & bit) {
			taken = (i >> 1) * 64 + lowest_bit(bit) + 1;
			break;
		}
	}
	__u32 *place = &slot->compat_row;
	if (which == X32)
		place = &slot->x32_row;
	else if (which == COMPAT_VALUES)
		place = &slot->compat_arguments;
	__u32 before = __sync_val_compare_and_swap(place, 0, taken);
	if (!before)
		return taken;
	if (taken != SECCO_NO_ROW)
		__sync_fetch_and_or(
			&state.free_rows[((taken - 1) >> 6) & (SECCO_ROWS_MAX / 64 - 1)],
			1ULL << ((taken - 1) & 63));
	return before;
}

/* Without a row the bit is kept and the count is not: the set stays right, and what is lost is told. */
ON_ITS_OWN int add_other(__u32 index, __u32 abi, __u64 nr, __s64 amount)
{
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot)
		return 0;
	if (nr >= (abi == COMPAT ? SECCO_COMPAT_NUMBERS : SECCO_X32_NUMBERS)) {
		count_unknown(index);
		return 0;
	}
	__u32 number = abi == COMPAT ? slot->compat_row : slot->x32_row;
	if (!number)
		number = take_row(index, abi);
	__u32 at = number - 1;
	struct secco_row *row = bpf_map_lookup_elem(&rows, &at);
	__u32 bit = (abi == COMPAT ? SECCO_COMPAT_AT : SECCO_X32_AT) + nr;
	if (!row) {
		__sync_fetch_and_add(&slot->unknown, 1);
		__sync_fetch_and_add(&state.details_lost, 1);
		first_time(index, bit);
	} else if (nr < SECCO_X32_NUMBERS && !__sync_fetch_and_add(&row->count[nr], amount)) {
		first_time(index, bit);
	}
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
