/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which mount namespace it is, beyond its number, which is given again. */
#pragma once

#include "core.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/*
 * A number that no other mount namespace has or will have, and that grows with its youth; 0 where the
 * kernel has none. Since 6.18 the namespace's own id is given out in batches per CPU and tells no
 * age any more; the unique id of its root mount does.
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
