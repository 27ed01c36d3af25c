/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* An empty program at the recorder's hook, for benchmarks: what any program there costs. */
#include "core.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/sys_exit")
int empty(void *context)
{
	(void)context;
	return 0;
}
