/*
 * Calls that processes are waiting in now (proc(5), /proc/PID/task/TID/syscall): the recorder counts a
 * call when it ends, and these have not.
 */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace {

struct BlockedCall {
  int pid, tid;
  bool compat;
  unsigned long long nr;
};

inline bool begins_with(int folder, const char *name, char *text, size_t bytes) {
  const int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t got = read(fd, text, bytes - 1);
  close(fd);
  if (got <= 0) return false;
  text[got] = 0;
  return true;
}

/* The mount namespace's number; 0: the process is gone. */
inline unsigned mntns_at(int process) {
  char target[64];
  const ssize_t got = readlinkat(process, "ns/mnt", target, sizeof(target) - 1);
  if (got <= 5) return 0;
  target[got] = 0;
  return static_cast<unsigned>(strtoul(target + 5, nullptr, 10));
}

/* EI_CLASS of the program that runs (elf(5)): 32-bit programs call by the compat table. */
inline bool is_32_bit(int process) {
  char head[6];
  return begins_with(process, "exe", head, sizeof(head)) && head[4] == 1;
}

/* Of those of `pids` that are in the mount namespace. `compat`: 32-bit programs may be among them. */
inline std::vector<BlockedCall> blocked_calls(const std::vector<int> &pids, unsigned mntns, bool compat) {
  std::vector<BlockedCall> found;
  for (const int pid : pids) {
    const int process = open(("/proc/" + std::to_string(pid)).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (process < 0) continue;
    const int tasks = mntns_at(process) == mntns ? openat(process, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    DIR *opened = tasks < 0 ? nullptr : fdopendir(tasks);
    if (opened != nullptr) {
      const bool narrow = compat && is_32_bit(process);
      while (const struct dirent *entry = readdir(opened)) {
        char text[256];
        if (entry->d_name[0] == '.') continue;
        if (!begins_with(dirfd(opened), (std::string(entry->d_name) + "/syscall").c_str(), text, sizeof(text)))
          continue;
        /* "running", or -1 outside of a call */
        if (text[0] < '0' || text[0] > '9') continue;
        found.push_back({pid, atoi(entry->d_name), narrow, strtoull(text, nullptr, 10)});
      }
      closedir(opened);
    }
    close(process);
  }
  return found;
}

}  // namespace
