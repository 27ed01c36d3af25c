/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the reference objects share: designs of other recorders, rebuilt as small as possible, for test/bench. */
#pragma once

#include "../bpf/core.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

enum { BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4, BPF_MAP_TYPE_RINGBUF = 27 };
#define BPF_F_CURRENT_CPU 0xFFFFFFFFULL

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Set before load by native/addon/maps/attached-object.cc. */
const volatile __u32 host_mntns = 0;

/* What such a recorder sends for one call. */
struct event {
	__u64 time;
	__u64 cgroup;
	__u32 mntns;
	__u32 pid;
	__u32 nr;
	__u32 reserved;
	char comm[16];
};

/* Returns the current mount namespace; 0 for the host's, which is not recorded. */
static __always_inline __u32 recorded_mntns(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 mntns = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	return mntns == host_mntns ? 0 : mntns;
}

static __always_inline void fill(struct event *event, __u32 mntns, __u64 nr)
{
	event->time = bpf_ktime_get_ns();
	event->cgroup = bpf_get_current_cgroup_id();
	event->mntns = mntns;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->nr = nr;
	event->reserved = 0;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
}
