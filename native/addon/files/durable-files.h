/*
 * Small files of one folder, written so that a crash at any moment leaves the old content or the new, never a part:
 * temporary name, fsync, rename. One fsync of the folder makes all the names durable.
 */
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

namespace secco {

struct DurableFile {
  std::string name, content;
};

/* FileFailure has errno, or 0, and the name of the file that failed; empty: the folder. */
struct FileFailure {
  int code = 0;
  std::string name;
};

/* write_files writes all files. What was written before a failure stays. */
FileFailure write_files(const std::string &folder, const std::vector<DurableFile> &files, mode_t mode);

/* remove_files removes all files. A file that does not exist is no failure. */
FileFailure remove_files(const std::string &folder, const std::vector<DurableFile> &files);

}  // namespace secco
