/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Writes the seccomp filters of wanted processes, newest first. The kernel keeps the original instructions for
 * checkpoints (bpf_prog.orig_prog, with CONFIG_CHECKPOINT_RESTORE). In contrast to ptrace it stops no process.
 */
#include "task-iterator.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "../shared/filters.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct sock_fprog_kern {
	__u16 len;
	void *filter;
} CORE;
struct bpf_prog {
	struct sock_fprog_kern *orig_prog;
} CORE;
struct seccomp_filter___prog {
	struct bpf_prog *prog;
} CORE;

/* The process ids that user space wants, and whether each was written; it sets the size before load. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __s32);
	__type(value, __u8);
} wanted SEC(".maps");

struct buffer {
	__u8 bytes[FILTER_BYTES];
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct buffer);
} scratch SEC(".maps");

SEC("iter/task")
int each_filter(struct bpf_iter__task *context)
{
	struct task_struct___id *named = context->task;
	if (!named)
		return 0;
	struct task_struct *task = (void *)named;
	__s32 pid = named->tgid;
	__u8 *is_written = bpf_map_lookup_elem(&wanted, &pid);
	if (!is_written || *is_written)
		return 0;
	/* A first thread that ended has no filter any more, while others run under it. */
	if (named->pid != pid && BPF_CORE_READ(task, group_leader, exit_state) == 0)
		return 0;
	__u32 zero = 0;
	struct buffer *buffer = bpf_map_lookup_elem(&scratch, &zero);
	if (!buffer)
		return 0;
	struct seccomp_filter *filter = BPF_CORE_READ(task, seccomp.filter);
	bool has_filter = filter != NULL;
	__u32 room = TASK_BYTES - FILTERS_AT_MOST * sizeof(struct filter_head);
	for (int i = 0; i < FILTERS_AT_MOST && filter; i++) {
		struct seccomp_filter___prog *with = (void *)filter;
		struct sock_fprog_kern *program = BPF_CORE_READ(with, prog, orig_prog);
		struct filter_head head = { .pid = pid, .length = 0 };
		void *instructions = NULL;
		if (program) {
			head.length = BPF_CORE_READ(program, len);
			instructions = BPF_CORE_READ(program, filter);
		}
		__u32 bytes = head.length * 8;
		/* More than the room of a task would end the iterator, and with it every later task. */
		if (bytes > FILTER_BYTES || bytes > room || !instructions ||
		    bpf_probe_read_kernel(buffer->bytes, bytes, instructions) != 0)
			head.length = bytes = 0;
		room -= bytes;
		/* Where the output is full, the kernel drops what this call wrote, and asks for the task again. */
		if (bpf_seq_write(context->meta->seq, &head, sizeof(head)) != 0)
			return 0;
		if (bytes > 0 && bytes <= FILTER_BYTES &&
		    bpf_seq_write(context->meta->seq, buffer->bytes, bytes) != 0)
			return 0;
		filter = BPF_CORE_READ(filter, prev);
	}
	*is_written = has_filter;
	return 0;
}
