/*
 * Reads small files with a time limit. The path of a bundle comes from a container's state: a file system that does not
 * answer there (FUSE, NFS) must not stop whoever reads. A thread reads; if it does not answer in time it is left behind,
 * and its path is not read again until it has ended.
 */
#pragma once

#include <sys/stat.h>

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace secco {

class BoundedReader {
 public:
  BoundedReader();
  BoundedReader(const BoundedReader &) = delete;
  BoundedReader &operator=(const BoundedReader &) = delete;
  /* Does not wait for a thread that was left behind. */
  ~BoundedReader();

  /* read is Document::read(); nullopt also if the file cannot be read in time. */
  std::optional<std::string_view> read(const std::string &path, struct stat *about);

 private:
  struct Helper;

  std::shared_ptr<Helper> helper_;
  /* Helpers that still wait for a file. */
  std::list<std::shared_ptr<Helper>> left_behind_;
};

}  // namespace secco
