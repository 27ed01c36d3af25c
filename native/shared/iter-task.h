/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What iter-task.bpf.c writes for each task, byte for byte. */
#ifndef SECCO_ITER_TASK_H
#define SECCO_ITER_TASK_H

struct secco_task {
	__u64 ns_id; /* id of its mount namespace (ns-id.bpf.h); 0: it has none */
	__u64 cgroup; /* id in the unified hierarchy */
	__u32 pid; /* thread id in the first pid namespace */
	__u32 mntns;
};

#endif
