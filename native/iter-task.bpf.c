/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Every task's id, four bytes each. An object of its own: a kernel that refuses iterators refuses this
 * one only.
 */
#include "core.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
} CORE;
struct task_struct___id {
	__s32 pid;
} CORE;
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct___id *task;
} CORE;

SEC("iter/task")
int each_task(struct bpf_iter__task *context)
{
	struct task_struct___id *task = context->task;
	if (!task)
		return 0;
	__s32 pid = task->pid;
	bpf_seq_write(context->meta->seq, &pid, sizeof(pid));
	return 0;
}
