/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The sizes of a recorder's maps, computed from its slots and the machine's CPUs. All memory is taken when it is opened
 * and does not grow; the sum stays within SECCO_BUDGET for any number of CPUs.
 *
 *   per slot   slot and bitmaps 0.8 KiB, argument values 1.9 KiB, a quarter of a row of the rarer ABIs
 *              1.1 KiB, four notes of denials 0.5 KiB, two notes with arguments 0.4 KiB, denied numbers
 *              0.4 KiB, and `stripes` rows of exact counters, 4 KiB each
 *   per CPU    1 KiB
 *   once       secco_state 0.6 MiB
 *
 *   stripes    the smallest power of two that gives every CPU its own, halved until the sum fits.
 *              A CPU with a stripe of its own counts without an atomic operation.
 *
 *   4096 slots: 2 stripes, 52 MiB on 2 CPUs and on 512, as measured (memlock in fdinfo). 1024 slots: 1 stripe for each of
 *   up to 8 CPUs, 37 MiB. docs/how-to/monitoring.md describes it for operators.
 */
#ifndef SECCO_SIZES_H
#define SECCO_SIZES_H

#include "recorder.h"

#define SECCO_BUDGET (64ULL << 20)
#define SECCO_STRIPES_MAX 64
#define SECCO_DENIALS_PER_SLOT 4
/* In kernel/bpf/hashtab.c: the head of an element and a bucket; free lists and spare elements for each CPU. */
#define SECCO_HASH_OVERHEAD (48 + 16)
#define SECCO_PER_CPU 1024ULL

struct secco_sizes {
	__u32 stripes;
	__u32 one_stripe_per_cpu;
	__u32 rows;
	__u32 denials;
	__u32 argument_denials;
	__u64 bytes;
};

static inline __u64 secco_bytes(__u32 slots, __u32 cpus, const struct secco_sizes *sizes)
{
	__u64 per_slot = sizeof(struct secco_slot) + sizeof(struct secco_denied_row) +
			 sizeof(struct secco_argument_row) +
			 sizes->stripes * (__u64)sizeof(struct secco_native_row);
	return sizeof(struct secco_state) + slots * per_slot +
	       sizes->rows * (__u64)sizeof(struct secco_row) +
	       sizes->denials * (__u64)(SECCO_HASH_OVERHEAD + sizeof(struct secco_denial_key) +
					sizeof(struct secco_denial)) +
	       sizes->argument_denials *
		       (__u64)(SECCO_HASH_OVERHEAD + sizeof(struct secco_argument_denial_key) +
			       sizeof(struct secco_denial)) +
	       cpus * SECCO_PER_CPU;
}

/* most_stripes: 0 for as many as fit. CPUs share stripes if there are fewer stripes than CPUs. */
static inline struct secco_sizes secco_sizes_of(__u32 slots, __u32 cpus, __u32 most_stripes)
{
	struct secco_sizes sizes = {
		1, 0, slots / 4, slots * SECCO_DENIALS_PER_SLOT, slots * 2, 0
	};
	if (sizes.rows < 1)
		sizes.rows = 1;
	/* Containers of a small table make as many different calls as those of a large one. */
	if (sizes.argument_denials < 16 * SECCO_ARGUMENT_DENIALS)
		sizes.argument_denials = 16 * SECCO_ARGUMENT_DENIALS;
	if (!most_stripes || most_stripes > SECCO_STRIPES_MAX)
		most_stripes = SECCO_STRIPES_MAX;
	while (sizes.stripes < cpus && sizes.stripes * 2 <= most_stripes)
		sizes.stripes *= 2;
	while (sizes.stripes > 1 && secco_bytes(slots, cpus, &sizes) > SECCO_BUDGET)
		sizes.stripes /= 2;
	sizes.one_stripe_per_cpu = sizes.stripes >= cpus;
	sizes.bytes = secco_bytes(slots, cpus, &sizes);
	return sizes;
}

#endif
