/*
 * Syscalls in which processes wait now (/proc/PID/task/TID/syscall, proc(5)). The recorder counts a call when it
 * ends, so it has not counted these.
 */
#pragma once

#include <vector>

namespace secco {

struct BlockedCall {
  int pid, tid;
  bool compat;
  unsigned long long nr;
};

/*
 * blocked_calls returns the calls of those processes that are in a mount namespace. `compat`: 32-bit programs may be
 * among them, so each program's class is read.
 */
std::vector<BlockedCall> blocked_calls(const std::vector<int> &pids, unsigned mntns, bool compat);

}  // namespace secco
