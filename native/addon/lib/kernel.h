/* What this process asks the kernel: the clock of its time stamps, inode numbers, the end of running programs. */
#pragma once

#include <linux/types.h>

namespace secco {

/* monotonic returns nanoseconds of the clock that bpf_ktime_get_ns() reads. */
__u64 monotonic();

/* inode_of returns the inode number of a file; 0 if it cannot be read. */
__u32 inode_of(const char *path);

/*
 * wait_for_grace_period waits until every CPU has left the BPF programs that run now. membarrier(2)'s GLOBAL command
 * is an RCU grace period (kernel/sched/membarrier.c); where it is denied, because CPUs run without ticks
 * (nohz_full), the function waits a second.
 */
void wait_for_grace_period();

/* has_grace_period waits as wait_for_grace_period does, and returns false at once where that is denied. */
bool has_grace_period();

}  // namespace secco
