#include "addon/lib/kernel.h"

#include <linux/membarrier.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace secco {

__u64 monotonic() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<__u64>(now.tv_sec) * 1000000000ULL + now.tv_nsec;
}

__u32 inode_of(const char *path) {
  struct stat found;
  return stat(path, &found) == 0 ? static_cast<__u32>(found.st_ino) : 0;
}

bool has_grace_period() { return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0; }

void wait_for_grace_period() {
  if (has_grace_period()) return;
  const struct timespec second = {1, 0};
  nanosleep(&second, nullptr);
}

}  // namespace secco
