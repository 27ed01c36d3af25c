/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Identity of a mount namespace: its inode number is reused. */
#pragma once

#include "core.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/*
 * Returns an id that is never reused; later mount namespaces have greater ids. 0 if the kernel has none. Before 6.18
 * that is the namespace's `seq`. Since 6.18 the namespace's own id is taken from batches per CPU, so it does not grow
 * with time; the unique id of the root mount does (since 6.8).
 */
static __always_inline __u64 ns_id_of(struct task_struct *task)
{
	struct mnt_namespace *ns = BPF_CORE_READ(task, nsproxy, mnt_ns);
	struct mnt_namespace___seq *old = (void *)ns;
	struct mount *root = 0;
	__u64 id = 0;

	if (bpf_core_field_exists(old->seq)) {
		bpf_core_read(&id, sizeof(id), &old->seq);
	} else if (bpf_core_field_exists(root->mnt_id_unique)) {
		bpf_core_read(&root, sizeof(root), &ns->root);
		bpf_core_read(&id, sizeof(id), &root->mnt_id_unique);
	}
	return id;
}
