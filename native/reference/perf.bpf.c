/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A reference design: an event for each call, over perf buffers. */
#include "reference.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

SEC("raw_tp/sys_enter")
int perf(__u64 *context)
{
	__u32 mntns = recorded_mntns();
	if (!mntns)
		return 0;
	struct event event;
	fill(&event, mntns, context[1]);
	bpf_perf_event_output(context, &events, BPF_F_CURRENT_CPU, &event, sizeof(event));
	return 0;
}
