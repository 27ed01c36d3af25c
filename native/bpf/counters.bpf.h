/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Counts of one number of one ABI in one slot. */
#pragma once

#include "slots.bpf.h"

GLOBAL int count_unknown(__u32 index)
{
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	/* The first unknown number counts as a distinct one, so that user space reads the slot. */
	if (slot && !__sync_fetch_and_add(&slot->unknown, 1))
		__sync_fetch_and_add(&slot->distinct, 1);
	__sync_fetch_and_add(&state.unknown, 1);
	return 0;
}

/* Sets a number's bit. Called when a counter went from 0 to 1; another stripe may have set the bit before. */
GLOBAL int first_time(__u32 index, __u32 at)
{
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot || at >= SECCO_SEEN_WORDS * 64)
		return 0;
	/* volatile, because clang tests one copy of the number and uses another, which the verifier does not accept. */
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

/* Returns the row of a slot's counters that belongs to a CPU. */
INLINE __u32 native_row(__u32 index, __u32 cpu)
{
	__u32 stripes = config.stripes;
	return index * stripes + (cpu & (stripes - 1));
}

INLINE void count_native(__u32 index, __u32 at, __u64 nr, __s64 amount)
{
	struct secco_native_row *row = bpf_map_lookup_elem(&counts, &at);
	if (!row || nr >= SECCO_NATIVE_NUMBERS)
		return;
	__u64 before;
	if (config.one_stripe_per_cpu) {
		/*
		 * Only this CPU writes the row, and no program is entered twice on one CPU: before 6.1
		 * because tracepoints run with preemption off, since then also by prog->active, which counts
		 * what it skips in recursion_misses (kernel/trace/bpf_trace.c). So a plain addition is exact.
		 */
		before = row->count[nr];
		row->count[nr] = before + amount;
	} else {
		before = __sync_fetch_and_add(&row->count[nr], amount);
	}
	if (!before)
		first_time(index, nr);
}

INLINE void add_native(__u32 index, __u64 nr, __s64 amount)
{
	if (nr >= SECCO_NATIVE_NUMBERS)
		count_unknown(index);
	else
		count_native(index, native_row(index, bpf_get_smp_processor_id()), nr, amount);
}

/* Takes a row of the pool for a slot that has none. Returns its number + 1, also if another CPU took it first. */
GLOBAL __u32 take_row(__u32 index, __u32 which)
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

/* Counts a call of a rarer ABI. Without a row only the bit is set: the set stays right, and the loss is counted. */
GLOBAL int add_other(__u32 index, __u32 abi, __u64 nr, __s64 amount)
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

INLINE void add(__u32 index, __u32 abi, __u64 nr, __s64 amount)
{
	if (abi == NATIVE)
		add_native(index, nr, amount);
	else
		add_other(index, abi, nr, amount);
}

/* Tells the ABI before the number is masked: i386 getpid and x86-64 writev have the same number. */
INLINE __u32 abi_of(__u64 status, __s64 nr)
{
	if (status & COMPAT_BIT)
		return COMPAT;
	if (nr >= 0 && nr & X32_BIT)
		return X32;
	return NATIVE;
}
