/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Writes every task with its namespaces. It is an object of its own, because a kernel without iterators rejects a whole
 * object.
 */
#include "ns-id.bpf.h"
#include "task-iterator.bpf.h"
#include "../shared/iter-task.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("iter/task")
int each_task(struct bpf_iter__task *context)
{
	struct task_struct___id *named = context->task;
	if (!named)
		return 0;
	struct task_struct *task = (void *)named;
	struct secco_task one = {
		.ns_id = ns_id_of(task),
		.cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id),
		.pid = named->pid,
		.mntns = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum),
	};
	bpf_seq_write(context->meta->seq, &one, sizeof(one));
	return 0;
}
