#include "addon/state/bundle-folder.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace secco {

namespace {

/* Returns the names in an absolute path; empty for a path that is relative, or not in its shortest form. */
std::vector<std::string_view> names_of(std::string_view path) {
  std::vector<std::string_view> names;
  while (!path.empty() && path.front() == '/') {
    path.remove_prefix(1);
    const std::string_view name = path.substr(0, path.find('/'));
    if (name.empty() || name == "." || name == "..") return {};
    names.push_back(name);
    path.remove_prefix(name.size());
  }
  return path.empty() ? names : std::vector<std::string_view>{};
}

bool begins(std::string_view text, std::string_view beginning) { return text.substr(0, beginning.size()) == beginning; }

/* Folders whose content containers, images or pods write: file systems of containers, volumes, other processes' files. */
bool is_of_containers(std::string_view name) {
  constexpr std::array<std::string_view, 8> names = {"rootfs", "merged", "diff",    "snapshots",
                                                     "pods",   "proc",   "volumes", "volume-subpaths"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

/* The folders of containers/storage: `overlay-containers`, `vfs-containers` and so on. */
bool is_storage(std::string_view name) {
  constexpr std::array<std::string_view, 5> names = {"overlay-containers", "vfs-containers", "btrfs-containers",
                                                     "zfs-containers", "aufs-containers"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

/*
 * Whether the path has the form in which its runtime names the bundle of this container.
 *   containerd, docker, nerdctl  …/io.containerd.runtime.v2.task/NAMESPACE/ID (runtime/v2/bundle.go)
 *   podman, CRI-O                …/overlay-containers/ID/userdata (containers/storage)
 * A bundle elsewhere belongs to somebody who calls runc by hand.
 */
bool has_form(const std::vector<std::string_view> &names, std::string_view id) {
  for (size_t at = 0; at < names.size(); at++) {
    if (begins(names[at], "io.containerd.runtime.")) return at + 3 == names.size() && names[at + 2] == id;
    if (is_storage(names[at])) return at + 3 == names.size() && names[at + 1] == id && names[at + 2] == "userdata";
    if (is_of_containers(names[at])) return false;
  }
  return !names.empty();
}

/* Whether only root, or the user of this process, can change what is in the folder; as in satellite/containers/only-roots.ts. */
bool is_closed(const struct stat &about, bool last) {
  if (!S_ISDIR(about.st_mode) || (about.st_uid != 0 && about.st_uid != geteuid())) return false;
  /* In a sticky folder, like /tmp, nobody else can move or replace root's files: inode(7). */
  if (!last && (about.st_mode & S_ISVTX)) return true;
  return !(about.st_mode & S_IWOTH) && !((about.st_mode & S_IWGRP) && about.st_gid != 0);
}

}  // namespace

BundlePlace place_of(const std::string &bundle, const std::string &id) {
  if (!has_form(names_of(bundle), id)) return BundlePlace::foreign;
  for (size_t end = 0; end < bundle.size();) {
    end = std::min(bundle.find('/', end + 1), bundle.size());
    struct stat about;
    if (lstat(bundle.substr(0, end).c_str(), &about) != 0) {
      return errno == ENOENT || errno == ENOTDIR ? BundlePlace::gone : BundlePlace::foreign;
    }
    if (!is_closed(about, end == bundle.size())) return BundlePlace::foreign;
  }
  return BundlePlace::own;
}

}  // namespace secco
