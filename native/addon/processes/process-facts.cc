#include "addon/processes/process-facts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace secco {

namespace {

/* The number in "mnt:[NUMBER]"; 0 for any other text. */
unsigned mntns_in(const char *link) {
  unsigned number = 0;
  return sscanf(link, "mnt:[%u]", &number) == 1 ? number : 0;
}

/*
 * Field 22 of a stat file; 0 if the process is dead, or the text ends before the field. A process whose first thread ended
 * is a zombie that runs while it has other threads (field 20 counts the first one, too).
 */
unsigned long long start_time_in(const char *text) {
  /* Field 2 is the name in parentheses, which may itself have parentheses and spaces. */
  const char *at = strrchr(text, ')');
  if (at == nullptr || at[1] != ' ') return 0;
  const bool is_dead = at[2] == 'Z' || at[2] == 'X';
  for (int field = 2; at != nullptr && field < 20; field++) at = strchr(at + 1, ' ');
  if (at == nullptr || (is_dead && strtoull(at + 1, nullptr, 10) < 2)) return 0;
  for (int field = 20; at != nullptr && field < 22; field++) at = strchr(at + 1, ' ');
  return at == nullptr ? 0 : strtoull(at + 1, nullptr, 10);
}

unsigned mntns_at(const char *path) {
  char link[64];
  const ssize_t length = readlink(path, link, sizeof(link) - 1);
  if (length < 0) return 0;
  link[length] = 0;
  return mntns_in(link);
}

/* The mount namespace of a thread that runs, where the first one ended: that one has none any more. */
unsigned mntns_of_threads(int pid) {
  char path[96];
  snprintf(path, sizeof(path), "/proc/%d/task", pid);
  DIR *folder = opendir(path);
  if (folder == nullptr) return 0;
  unsigned found = 0;
  for (const dirent *entry = readdir(folder); entry != nullptr && found == 0; entry = readdir(folder)) {
    const int tid = atoi(entry->d_name);
    if (tid <= 0 || tid == pid) continue;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/ns/mnt", pid, tid);
    found = mntns_at(path);
  }
  closedir(folder);
  return found;
}

}  // namespace

unsigned mntns_of(int pid) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
  const unsigned found = mntns_at(path);
  return found != 0 ? found : mntns_of_threads(pid);
}

bool is_there(int pid) { return kill(pid, 0) == 0 || errno != ESRCH; }

unsigned long long start_time_of(int pid) {
  char path[64], text[2048];
  snprintf(path, sizeof(path), "/proc/%d/stat", pid);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t length = read(fd, text, sizeof(text) - 1);
  close(fd);
  text[length > 0 ? length : 0] = 0;
  return start_time_in(text);
}

}  // namespace secco
