#include "addon/files/durable-files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <atomic>

namespace secco {

namespace {

int open_folder(const std::string &folder) { return open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }

bool write_all(int fd, const std::string &content) {
  for (size_t at = 0; at < content.size();) {
    const ssize_t wrote = write(fd, content.data() + at, content.size() - at);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return false;
    at += wrote;
  }
  return true;
}

/* Writes one file under a temporary name and renames it. Returns errno, or 0. */
int write_renamed(int folder, const DurableFile &file, mode_t mode) {
  static std::atomic<unsigned> count{0};
  /* src/lib/durable-file.ts knows temporary files by the beginning of their names. */
  const std::string temporary = ".tmp-" + std::to_string(getpid()) + "-n" + std::to_string(count++);
  const int fd = openat(folder, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return errno;
  int code = write_all(fd, file.content) && fsync(fd) == 0 ? 0 : errno;
  if (close(fd) != 0 && code == 0) code = errno;
  if (code == 0 && renameat(folder, temporary.c_str(), folder, file.name.c_str()) != 0) code = errno;
  if (code != 0) unlinkat(folder, temporary.c_str(), 0);
  return code;
}

}  // namespace

FileFailure write_files(const std::string &folder, const std::vector<DurableFile> &files, mode_t mode) {
  const int fd = open_folder(folder);
  if (fd < 0) return {errno, ""};
  FileFailure failure;
  for (const DurableFile &file : files) {
    failure = {write_renamed(fd, file, mode), file.name};
    if (failure.code != 0) break;
  }
  if (failure.code == 0 && fsync(fd) != 0) failure = {errno, ""};
  close(fd);
  return failure;
}

FileFailure remove_files(const std::string &folder, const std::vector<DurableFile> &files) {
  const int fd = open_folder(folder);
  if (fd < 0) return {errno, ""};
  FileFailure failure;
  for (const DurableFile &file : files) {
    if (unlinkat(fd, file.name.c_str(), 0) == 0 || errno == ENOENT) continue;
    failure = {errno, file.name};
    break;
  }
  if (failure.code == 0 && fsync(fd) != 0) failure = {errno, ""};
  close(fd);
  return failure;
}

}  // namespace secco
