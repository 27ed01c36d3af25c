#include "addon/processes/blocked-calls.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>

namespace secco {

namespace {

/* Reads the beginning of a file as text. */
bool read_beginning(int folder, const char *name, char *text, size_t bytes) {
  const int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t got = read(fd, text, bytes - 1);
  close(fd);
  if (got <= 0) return false;
  text[got] = 0;
  return true;
}

/* The number in "mnt:[NUMBER]"; 0 if the process is gone. */
unsigned mntns_at(int process) {
  char target[64];
  const ssize_t got = readlinkat(process, "ns/mnt", target, sizeof(target) - 1);
  if (got <= 5) return 0;
  target[got] = 0;
  return static_cast<unsigned>(strtoul(target + 5, nullptr, 10));
}

/*
 * 32-bit programs call by the compat table. The auxiliary vector (proc_pid_auxv(5)) has the size of a program header:
 * 32 bytes in ELF32, 56 in ELF64. The program itself is not opened: its file system belongs to the container, and may
 * not answer.
 */
bool is_32_bit(int process) {
  uint32_t words[128] = {};
  const int fd = openat(process, "auxv", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t got = read(fd, words, sizeof(words));
  close(fd);
  for (ssize_t at = 0; at + 1 < got / static_cast<ssize_t>(sizeof(words[0])); at += 2) {
    if (words[at] == AT_PHENT && words[at + 1] == sizeof(Elf32_Phdr)) return true;
  }
  return false;
}

/* Adds the blocked calls of all threads in an opened task folder. */
void add_calls(DIR *tasks, int pid, bool compat, std::vector<BlockedCall> *found) {
  while (const struct dirent *entry = readdir(tasks)) {
    char text[256];
    if (entry->d_name[0] == '.') continue;
    const std::string file = std::string(entry->d_name) + "/syscall";
    if (!read_beginning(dirfd(tasks), file.c_str(), text, sizeof(text))) continue;
    /* "running", or -1 outside of a call. */
    if (text[0] < '0' || text[0] > '9') continue;
    found->push_back({pid, atoi(entry->d_name), compat, strtoull(text, nullptr, 10)});
  }
}

}  // namespace

std::vector<BlockedCall> blocked_calls(const std::vector<int> &pids, unsigned mntns, bool compat) {
  std::vector<BlockedCall> found;
  for (const int pid : pids) {
    const int process = open(("/proc/" + std::to_string(pid)).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (process < 0) continue;
    const int tasks = mntns_at(process) == mntns ? openat(process, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    DIR *opened = tasks < 0 ? nullptr : fdopendir(tasks);
    if (opened != nullptr) {
      add_calls(opened, pid, compat && is_32_bit(process), &found);
      closedir(opened);
    }
    close(process);
  }
  return found;
}

}  // namespace secco
