/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The context of a program of an iterator over tasks (iter/task). */
#pragma once

#include "core.h"

struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
} CORE;
struct task_struct___id {
	__s32 pid;
	__s32 tgid;
} CORE;
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct___id *task;
} CORE;
