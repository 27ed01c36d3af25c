#include "addon/pins/pin-folder.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/types.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "addon/lib/failure.h"

namespace secco {

PinFolder::PinFolder(const std::string &path) : path_(path) {
  struct statfs found;
  fd_ = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd_ < 0) throw Failure{"pin folder '" + path + "' cannot be opened", errno};
  if (fstatfs(fd_, &found) != 0 || static_cast<__u32>(found.f_type) != static_cast<__u32>(BPF_FS_MAGIC)) {
    close(fd_);
    throw Failure{"pin folder '" + path + "' is not on a bpf file system", EINVAL};
  }
  /* The lock is on the folder because a bpf file system has no other files. */
  if (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    const int code = errno;
    close(fd_);
    throw Failure{"pin folder '" + path + "' has another user", code};
  }
}

PinFolder::~PinFolder() { close(fd_); }

void PinFolder::remove_unfinished() const {
  const std::string suffix = unfinished_suffix;
  for (const std::string &name : entries_of(path_)) {
    if (name.size() > suffix.size() && name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0) {
      remove_pins(of(name));
    }
  }
}

std::string pin_name(const char *kind, const char *name) {
  std::string out = std::string(kind) + "-";
  for (; *name != 0; name++) out += isalnum(*name) ? *name : '_';
  return out;
}

bool is_link_pin(const std::string &name) { return name.rfind("link-", 0) == 0; }

std::vector<std::string> entries_of(const std::string &folder) {
  std::vector<std::string> names;
  DIR *open = opendir(folder.c_str());
  if (open == nullptr) return names;
  while (const struct dirent *entry = readdir(open)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  closedir(open);
  return names;
}

bool exists(const std::string &path) { return access(path.c_str(), F_OK) == 0; }

void remove_pins(const std::string &folder) {
  const std::vector<std::string> names = entries_of(folder);
  for (const bool links : {true, false}) {
    for (const std::string &name : names) {
      if (is_link_pin(name) == links) unlink((folder + "/" + name).c_str());
    }
  }
  rmdir(folder.c_str());
}

void mount_bpf(const std::string &folder) {
  if (mount("bpf", folder.c_str(), "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME, "mode=700") != 0) {
    throw Failure{"a bpf file system cannot be mounted on '" + folder + "'", errno};
  }
}

}  // namespace secco
