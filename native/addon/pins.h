/*
 * Pins: names on a bpf file system that keep maps and links alive while nobody has them open. One
 * folder per layout; what is in it belongs together and is only ever adopted as a whole.
 *
 *   <pin>/<layout>/map-NAME    every map of the object
 *   <pin>/<layout>/header      which slots are occupied, for releases with another layout
 *   <pin>/<layout>/link-NAME   every attached program; none while detached
 *   <pin>/<layout>-making/     maps that are not all there yet: killed half-way, nobody counts in them
 *
 * The kernel keeps names with a dot for itself (kernel/bpf/inode.c).
 */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "pin-header.h"

namespace {

constexpr long bpf_fs_magic = 0xcafe4a11; /* linux/magic.h */
const std::string half_made = "-making";

std::string pin_name(const char *kind, const char *name) {
  std::string out = std::string(kind) + "-";
  for (; *name != 0; name++) out += isalnum(*name) ? *name : '_';
  return out;
}

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

/* The links first: nothing may count into maps that are half gone. */
void remove_pins(const std::string &folder) {
  const std::vector<std::string> names = entries_of(folder);
  for (const bool links : {true, false}) {
    for (const std::string &name : names) {
      if ((name.rfind("link-", 0) == 0) == links) unlink((folder + "/" + name).c_str());
    }
  }
  rmdir(folder.c_str());
}

/* FNV-1a. Tells layouts apart, guards nothing. */
struct Digest {
  __u64 value = 0xcbf29ce484222325ULL;
  void add(const void *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) value = (value ^ static_cast<const __u8 *>(bytes)[i]) * 0x100000001b3ULL;
  }
  template <typename T>
  void add(const T &fixed) {
    add(&fixed, sizeof(fixed));
  }
  std::string text() const {
    char out[17];
    snprintf(out, sizeof(out), "%016llx", static_cast<unsigned long long>(value));
    return out;
  }
};

std::string content_of(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

/*
 * The folder with the lock of its one user. The lock goes with the process, however it ends: it is
 * on the open folder, since a bpf file system has no other files.
 */
class PinFolder {
 public:
  explicit PinFolder(const std::string &path) : path_(path) {
    struct statfs found;
    fd_ = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd_ < 0) throw Failure{"pin folder '" + path + "' cannot be opened", errno};
    if (fstatfs(fd_, &found) != 0 || static_cast<__u32>(found.f_type) != static_cast<__u32>(bpf_fs_magic)) {
      close(fd_);
      throw Failure{"pin folder '" + path + "' is not on a bpf file system", EINVAL};
    }
    if (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      const int code = errno;
      close(fd_);
      throw Failure{"pin folder '" + path + "' has another user", code};
    }
  }
  PinFolder(const PinFolder &) = delete;
  PinFolder &operator=(const PinFolder &) = delete;
  ~PinFolder() { close(fd_); }

  const std::string &path() const { return path_; }
  std::string of(const std::string &layout) const { return path_ + "/" + layout; }

  /* What was killed while it was made was never attached: nothing is in it. */
  void sweep() const {
    for (const std::string &name : entries_of(path_)) {
      if (name.size() > half_made.size() &&
          name.compare(name.size() - half_made.size(), half_made.size(), half_made) == 0) {
        remove_pins(of(name));
      }
    }
  }

 private:
  std::string path_;
  int fd_ = -1;
};

/* Mounts a bpf file system, as systemd would. */
void mount_bpf(const std::string &folder) {
  if (mount("bpf", folder.c_str(), "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME, "mode=700") != 0) {
    throw Failure{"a bpf file system cannot be mounted on '" + folder + "'", errno};
  }
}

}  // namespace
