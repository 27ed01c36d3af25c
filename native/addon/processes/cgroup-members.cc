#include "addon/processes/cgroup-members.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <string>

namespace secco {

namespace {

constexpr int fileid_kernfs = 0xfe;

/* Opens the folder of a cgroup; -1 with errno. */
int open_cgroup(int mount, uint64_t id) {
  alignas(struct file_handle) char memory[sizeof(struct file_handle) + sizeof(id)] = {};
  auto *handle = reinterpret_cast<struct file_handle *>(memory);
  handle->handle_bytes = sizeof(id);
  handle->handle_type = fileid_kernfs;
  memcpy(handle->f_handle, &id, sizeof(id));
  return open_by_handle_at(mount, handle, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The numbers in a text of lines. */
std::vector<int> numbers_in(const std::string &text) {
  std::vector<int> found;
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find('\n', at);
    if (end == std::string::npos) end = text.size();
    if (end > at) found.push_back(atoi(text.substr(at, end - at).c_str()));
    at = end + 1;
  }
  return found;
}

}  // namespace

std::optional<std::vector<int>> members_of_cgroup(int mount, uint64_t id) {
  const int folder = open_cgroup(mount, id);
  if (folder < 0 && errno == ESTALE) return std::vector<int>{};
  if (folder < 0) return std::nullopt;
  const int file = openat(folder, "cgroup.procs", O_RDONLY | O_CLOEXEC);
  const bool is_gone = file < 0 && (errno == ENODEV || errno == ENOENT);
  close(folder);
  if (is_gone) return std::vector<int>{};
  if (file < 0) return std::nullopt;
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = read(file, buffer, sizeof(buffer))) > 0;) text.append(buffer, got);
  close(file);
  return numbers_in(text);
}

}  // namespace secco
