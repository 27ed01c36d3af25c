#include "addon/processes/process-facts.h"

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

/* Field 22 of a stat file; 0 if the process is dead, or the text ends before the field. */
unsigned long long start_time_in(const char *text) {
  /* Field 2 is the name in parentheses, which may itself have parentheses and spaces. */
  const char *at = strrchr(text, ')');
  if (at == nullptr || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X') return 0;
  for (int field = 2; at != nullptr && field < 22; field++) at = strchr(at + 1, ' ');
  return at == nullptr ? 0 : strtoull(at + 1, nullptr, 10);
}

}  // namespace

unsigned mntns_of(int pid) {
  char path[64], link[64];
  snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
  const ssize_t length = readlink(path, link, sizeof(link) - 1);
  if (length < 0) return 0;
  link[length] = 0;
  return mntns_in(link);
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
