/*
 * Small files of one folder, written so that a crash at any moment leaves the old content or the new, never a part:
 * temporary name, fsync, rename; the folder's fsync makes the names of all of them durable together.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <vector>

namespace {

struct DurableFile {
  std::string name, content;
};

/* Which file it was, and errno; 0: none. */
struct FileFailure {
  int code = 0;
  std::string name;
};

inline int open_folder(const std::string &folder) { return open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }

inline bool write_all(int fd, const std::string &content) {
  for (size_t at = 0; at < content.size();) {
    const ssize_t wrote = write(fd, content.data() + at, content.size() - at);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return false;
    at += wrote;
  }
  return true;
}

/* errno, or 0. */
inline int write_aside(int folder, const DurableFile &file, mode_t mode) {
  static std::atomic<unsigned> count{0};
  /* Known as temporary by its beginning (src/lib/durable-file.ts). */
  const std::string temporary = ".tmp-" + std::to_string(getpid()) + "-n" + std::to_string(count++);
  const int fd = openat(folder, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return errno;
  int code = write_all(fd, file.content) && fsync(fd) == 0 ? 0 : errno;
  if (close(fd) != 0 && code == 0) code = errno;
  if (code == 0 && renameat(folder, temporary.c_str(), folder, file.name.c_str()) != 0) code = errno;
  if (code != 0) unlinkat(folder, temporary.c_str(), 0);
  return code;
}

/* What was written before a failure stays. */
inline FileFailure write_files(const std::string &where, const std::vector<DurableFile> &files, mode_t mode) {
  const int folder = open_folder(where);
  if (folder < 0) return {errno, ""};
  FileFailure failure;
  for (const DurableFile &file : files) {
    failure = {write_aside(folder, file, mode), file.name};
    if (failure.code != 0) break;
  }
  if (failure.code == 0 && fsync(folder) != 0) failure = {errno, ""};
  close(folder);
  return failure;
}

/* Those that are not there are no failure. */
inline FileFailure remove_files(const std::string &where, const std::vector<DurableFile> &files) {
  const int folder = open_folder(where);
  if (folder < 0) return {errno, ""};
  FileFailure failure;
  for (const DurableFile &file : files) {
    if (unlinkat(folder, file.name.c_str(), 0) == 0 || errno == ENOENT) continue;
    failure = {errno, file.name};
    break;
  }
  if (failure.code == 0 && fsync(folder) != 0) failure = {errno, ""};
  close(folder);
  return failure;
}

}  // namespace
