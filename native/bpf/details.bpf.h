/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Next to the counts: values of security-relevant arguments, and notes of how denied calls ended. */
#pragma once

#include "counters.bpf.h"

#define EPERM 1
#define ENOSYS 38

/*
 * Adds a value to a set. Places are filled in order and not emptied while the slot lasts, so a value is in one place
 * only, and of two CPUs that want one place one gets it.
 */
INLINE void learn_value(struct secco_value_set *set, __u32 value)
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

GLOBAL int learn_native(__u32 index, __u32 number, __u64 first, __u64 second, __u64 third)
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

GLOBAL int learn_compat(__u32 index, __u32 number, __u64 first, __u64 second, __u64 third)
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
 * Returns whether a call's argument values are learned. In the default profiles of runtimes a filter that denies by
 * argument returns EPERM or ENOSYS: those values are not learned. A call that fails with these errors by itself does not
 * need its values either.
 */
INLINE bool is_learned(__s64 result)
{
	return result != -EPERM && result != -ENOSYS;
}

/* Notes how a call ended, in an element of either map. */
INLINE void note_end(struct secco_denial *denial, __s64 result, __u32 succeeded)
{
	__sync_fetch_and_add(&denial->count, 1);
	if (succeeded)
		__sync_fetch_and_add(&denial->succeeded, 1);
	denial->result = result;
	denial->at = bpf_ktime_get_ns();
	if (!denial->first)
		denial->first = denial->at;
	denial->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(denial->comm, sizeof(denial->comm));
}

/* Returns a number's place in `seen`; SECCO_SEEN_WORDS * 64 if the number is outside the table. */
INLINE __u32 place_in_seen(__u32 abi, __u64 nr)
{
	if (nr >= (abi == X32 ? SECCO_X32_NUMBERS : SECCO_NATIVE_NUMBERS))
		return SECCO_SEEN_WORDS * 64;
	return nr + (abi == COMPAT ? SECCO_COMPAT_AT : abi == X32 ? SECCO_X32_AT : 0);
}

/* Returns the arguments that any profile's rules read; for a number without rules, the learned arguments. */
INLINE __u32 deciding_arguments(__u32 abi, __u32 nr, __u32 at)
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
 * Notes a call with the arguments that decide; user space evaluates the rules (src/seccomp). The registers still have
 * the values of the call's beginning when it ends.
 */
GLOBAL int note_arguments(__u32 index, __u32 abi, __u32 nr, __s64 result, __u32 succeeded)
{
	/* First, because the verifier does not check what follows if this is a constant 0, and that needs BTF. */
	if (!config.reads_registers)
		return 0;
	struct secco_slot *slot = bpf_map_lookup_elem(&slots, &index);
	__u32 asked = deciding_arguments(abi, nr, place_in_seen(abi, nr));
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

GLOBAL int note_denial(__u32 index, __u32 abi, __u32 nr, __s64 result, __u32 succeeded)
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

/* Notes a call that an unknown filter allowed: its profile may log it (LOG). */
GLOBAL int note_allowed(__u32 index, __u32 abi, __u32 nr, __s64 result)
{
	if (state.notes_allowed)
		note_arguments(index, abi, nr, result, result >= 0);
	return 0;
}

/* Notes a call that an unknown filter may have denied: by number, and by arguments if these may decide. */
GLOBAL int note_early(__u32 index, __u32 abi, __u32 nr, __s64 result)
{
	note_denial(index, abi, nr, result, 0);
	note_arguments(index, abi, nr, result, 0);
	return 0;
}

/* Notes a call with a watched number. A call that succeeded was not denied, but it may be logged (LOG). */
GLOBAL int note_watched(__u32 index, __u32 abi, __u32 nr, __s64 result, __u32 allowed)
{
	struct secco_denied_row *row = bpf_map_lookup_elem(&denied, &index);
	__u32 at = place_in_seen(abi, nr);
	/* volatile: see first_time() */
	volatile __u32 word = at >> 6;
	__u32 checked = word;
	if (row && checked < SECCO_SEEN_WORDS && row->by_arguments[checked] >> (at & 63) & 1) {
		if (allowed && !row->any_result)
			return 0;
		note_arguments(index, abi, nr, result, allowed);
		/* Most of these calls are allowed: user space does not wake up for them. */
		if (allowed)
			return 0;
	} else {
		note_denial(index, abi, nr, result, allowed);
	}
	__sync_fetch_and_add(&state.watched_notes, 1);
	return 0;
}

/* Returns whether user space has not yet set what the filter of a slot denies. */
INLINE bool is_unknown_filter(__u64 word)
{
	return (word >> 32 & (SECCO_FILTERED | SECCO_WATCHED)) == SECCO_FILTERED;
}

/*
 * Returns whether an unknown filter may have denied a call. Filters of runtimes return EPERM and ENOSYS; TRAP and KILL
 * leave the number as the result. read() (0) with the result 0 is the end of a file.
 */
INLINE bool may_be_denied(__s64 result, __s64 called)
{
	return !is_learned(result) || (result == called && called > 1);
}

/*
 * Notes a call of a watched slot if its number is watched. TRAP and KILL leave the number as the result; any other
 * result that is no error means that the call was allowed.
 */
INLINE void watch(__u32 index, __u32 abi, __u64 nr, __s64 result, bool allowed)
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
		note_watched(index, abi, nr, result, allowed);
}
