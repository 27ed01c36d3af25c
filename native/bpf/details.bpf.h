/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Beside the counts: values of the arguments that decide power, and how refused calls ended. */
#pragma once

#include "counters.bpf.h"

#define EPERM 1
#define ENOSYS 38

/*
 * Places are filled from the first on and never emptied while the slot lasts, so a value is where it
 * is found first or nowhere, and a race for one place has one winner.
 */
ALWAYS void learn_value(struct secco_value_set *set, __u32 value)
{
	if (!value) {
		if (!(set->flags & SECCO_HAS_ZERO))
			__sync_fetch_and_or(&set->flags, SECCO_HAS_ZERO);
		return;
	}
	for (__u32 i = 0; i < SECCO_VALUES; i++) {
		__u32 there = *(volatile __u32 *)&set->values[i];
		if (!there)
			there = __sync_val_compare_and_swap(&set->values[i], 0, value);
		if (!there || there == value)
			return;
	}
	if (!(set->flags & SECCO_MANY))
		__sync_fetch_and_or(&set->flags, SECCO_MANY);
}

ON_ITS_OWN int learn_native(__u32 index, __u32 number, __u64 first, __u64 second, __u64 third)
{
	struct secco_argument_row *row = bpf_map_lookup_elem(&arguments, &index);
	if (!row || number >= SECCO_CALLS)
		return 0;
	__u32 set = config.calls[number].first_set;
	for (__u32 i = 0; i < 3; i++) {
		__u32 mask = config.calls[number].masks[i];
		__u64 value = i == 0 ? first : i == 1 ? second : third;
		if (!mask || set >= SECCO_NATIVE_SETS)
			continue;
		learn_value(&row->sets[set++], value & mask);
	}
	return 0;
}

ON_ITS_OWN int learn_compat(__u32 index, __u32 number, __u64 first, __u64 second, __u64 third)
{
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot || number >= SECCO_CALLS)
		return 0;
	__u32 at = slot->compat_arguments;
	if (!at)
		at = take_row(index, COMPAT_VALUES);
	at--;
	struct secco_row *row = bpf_map_lookup_elem(&rows, &at);
	if (!row) {
		__sync_fetch_and_add(&state.details_lost, 1);
		return 0;
	}
	__u32 set = config.calls[number].first_set;
	for (__u32 i = 0; i < 3; i++) {
		__u32 mask = config.calls[number].masks[i];
		__u64 value = i == 0 ? first : i == 1 ? second : third;
		if (!mask || set >= SECCO_COMPAT_SETS)
			continue;
		learn_value(&row->sets[set++], value & mask);
	}
	return 0;
}

/*
 * A filter that refuses by argument answers EPERM or ENOSYS in every profile of a runtime: such a
 * call's values are not learned. One that fails with these by itself has no need of them either.
 */
ALWAYS bool teaches(__s64 result)
{
	return result != -EPERM && result != -ENOSYS;
}

/* How one call ended, in its element of either map. */
ALWAYS void note_end(struct secco_denial *denial, __s64 result, __u32 succeeded)
{
	__sync_fetch_and_add(&denial->count, 1);
	if (succeeded)
		__sync_fetch_and_add(&denial->succeeded, 1);
	denial->result = result;
	denial->at = bpf_ktime_get_ns();
	denial->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(denial->comm, sizeof(denial->comm));
}

/* Where a number stands in `seen`; SECCO_SEEN_WORDS * 64 when it is none of the table's. */
ALWAYS __u32 place_in_seen(__u32 abi, __u64 nr)
{
	if (nr >= (abi == X32 ? SECCO_X32_NUMBERS : SECCO_NATIVE_NUMBERS))
		return SECCO_SEEN_WORDS * 64;
	return nr + (abi == COMPAT ? SECCO_COMPAT_AT : abi == X32 ? SECCO_X32_AT : 0);
}

/* Arguments that some profile's rules ask for; of a number that none has rules for, those that are learned. */
ALWAYS __u32 asked_of(__u32 abi, __u32 nr, __u32 at)
{
	__u32 asked = 0;
	/* volatile: see first_time() */
	volatile __u32 place = at, number = nr;
	__u32 checked = place, known = number;
	if (checked < SECCO_SEEN_WORDS * 64)
		asked = state.deciding[checked];
	if (asked || abi == X32 || known >= SECCO_NATIVE_NUMBERS)
		return asked;
	__u32 call =
		(abi == COMPAT ? config.compat[known] : config.native[known]) & SECCO_CALL_BITS;
	for (__u32 i = 0; call && i < 3; i++)
		if (config.calls[(call - 1) & SECCO_CALL_BITS].masks[i])
			asked |= 1 << i;
	return asked;
}

/*
 * With the arguments that decide. They still have the values of the call's beginning: on exit as on entry
 * (src/seccomp has the rules, and asks them).
 */
ON_ITS_OWN int note_arguments(__u32 index, __u32 abi, __u32 nr, __s64 result, __u32 succeeded)
{
	/* Before anything that wants BTF: where there is none, the verifier looks no further. */
	if (!config.reads_registers)
		return 0;
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	__u32 asked = asked_of(abi, nr, place_in_seen(abi, nr));
	if (!slot || !asked)
		return 0;
	struct secco_argument_denial_key key = { { index, slot->generation, abi, nr }, asked, {} };
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs((void *)task);
#define TAKE(number)                                                                               \
	if (asked & 1 << number)                                                                   \
	key.arguments[number] = abi == COMPAT ? (__u32)regs->COMPAT_ARGUMENT_##number              \
					      : regs->NATIVE_ARGUMENT_##number
	TAKE(0);
	TAKE(1);
	TAKE(2);
	TAKE(3);
	TAKE(4);
	TAKE(5);
#undef TAKE
	__sync_fetch_and_add(&state.noted, 1);
	struct secco_denial *denial = bpf_map_lookup_elem(&argument_denials, &key);
	if (!denial) {
		if (__sync_fetch_and_add(&slot->argument_denials, 1) < SECCO_ARGUMENT_DENIALS) {
			struct secco_denial none = {};
			bpf_map_update_elem(&argument_denials, &key, &none, BPF_NOEXIST);
			denial = bpf_map_lookup_elem(&argument_denials, &key);
		}
		if (!denial) {
			__sync_fetch_and_add(&slot->argument_denials, -1);
			__sync_fetch_and_add(&state.arguments_lost, 1);
			return 0;
		}
	}
	note_end(denial, result, succeeded);
	__sync_fetch_and_add(&state.noted, 1);
	return 0;
}

ON_ITS_OWN int note_denial(__u32 index, __u32 abi, __u32 nr, __s64 result, __u32 succeeded)
{
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot)
		return 0;
	struct secco_denial_key key = { index, slot->generation, abi, nr };
	__sync_fetch_and_add(&state.noted, 1);
	struct secco_denial *denial = bpf_map_lookup_elem(&denials, &key);
	if (!denial) {
		struct secco_denial none = {};
		bpf_map_update_elem(&denials, &key, &none, BPF_NOEXIST);
		denial = bpf_map_lookup_elem(&denials, &key);
	}
	if (!denial) {
		__sync_fetch_and_add(&state.details_lost, 1);
		return 0;
	}
	note_end(denial, result, succeeded);
	__sync_fetch_and_add(&state.noted, 1);
	return 0;
}

/* Let through by a filter that nobody knows yet: it may be one that tells of it all the same (LOG). */
ON_ITS_OWN int note_passed(__u32 index, __u32 abi, __u32 nr, __s64 result)
{
	if (state.notes_allowed)
		note_arguments(index, abi, nr, result, result >= 0);
	return 0;
}

/* Of a filter that nobody knows yet: by number, and by arguments where these may turn out to decide. */
ON_ITS_OWN int note_early(__u32 index, __u32 abi, __u32 nr, __s64 result)
{
	note_denial(index, abi, nr, result, 0);
	note_arguments(index, abi, nr, result, 0);
	return 0;
}

/* Of a number that is watched. What came back with success was refused by nobody, unless it is LOG's. */
ON_ITS_OWN int note_watched(__u32 index, __u32 abi, __u32 nr, __s64 result, __u32 passed)
{
	struct secco_denied_row *row = bpf_map_lookup_elem(&denied, &index);
	__u32 at = place_in_seen(abi, nr);
	/* volatile: see first_time() */
	volatile __u32 word = at >> 6;
	__u32 checked = word;
	if (row && checked < SECCO_SEEN_WORDS && row->by_arguments[checked] >> (at & 63) & 1) {
		if (passed && !row->any_result)
			return 0;
		note_arguments(index, abi, nr, result, passed);
		/* Most of it is simply allowed: nobody is woken for that. */
		if (passed)
			return 0;
	} else {
		note_denial(index, abi, nr, result, passed);
	}
	__sync_fetch_and_add(&state.watched_notes, 1);
	return 0;
}

/* Of a filtered slot nobody has said yet what its filter refuses. */
ALWAYS bool is_unknown_filter(__u64 word)
{
	return (word >> 32 & (SECCO_FILTERED | SECCO_WATCHED)) == SECCO_FILTERED;
}

/*
 * Can this be the answer of a filter that nobody knows? EPERM and ENOSYS are what runtimes' filters
 * give; TRAP and KILL leave the number. A read that comes back with 0 is the end of a file.
 */
ALWAYS bool may_be_refused(__s64 result, __s64 called)
{
	return !teaches(result) || (result == called && called > 1);
}

/*
 * Called for slots that are watched. TRAP and KILL leave the number where the result is; whoever gets
 * another number that is no error was let through.
 */
ALWAYS void watch(__u32 index, __u32 abi, __u64 nr, __s64 result, bool passed)
{
	struct secco_denied_row *row = bpf_map_lookup_elem(&denied, &index);
	__u32 at = nr;
	if (abi == COMPAT)
		at += SECCO_COMPAT_AT;
	else if (abi == X32)
		at += SECCO_X32_AT;
	if (!row || at >= SECCO_SEEN_WORDS * 64)
		return;
	/* volatile: see first_time() */
	volatile __u32 word = at >> 6;
	__u32 checked = word;
	if (checked < SECCO_SEEN_WORDS && row->word[checked] >> (at & 63) & 1)
		note_watched(index, abi, nr, result, passed);
}
