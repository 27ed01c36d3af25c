/* A queue of inotify(7) events, read without waiting. */
#pragma once

#include <limits.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <string>

namespace {

class InotifyQueue {
 public:
  InotifyQueue() = default;
  InotifyQueue(const InotifyQueue &) = delete;
  InotifyQueue &operator=(const InotifyQueue &) = delete;
  ~InotifyQueue() { close(); }

  /* False: the kernel gives no more of them (fs.inotify.max_user_instances). */
  bool open() {
    if (fd_ < 0) fd_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    return fd_ >= 0;
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  bool is_open() const { return fd_ >= 0; }
  /* For epoll(7); -1 when it is not open. */
  int fd() const { return fd_; }

  /* Of a folder; the watch's number, or -1 with errno. */
  int add(const std::string &folder, uint32_t mask) {
    return inotify_add_watch(fd_, folder.c_str(), IN_ONLYDIR | IN_EXCL_UNLINK | mask);
  }
  void remove(int watch) { inotify_rm_watch(fd_, watch); }

  /* Calls `read` after each batch that was read, then `handle` with its events. @returns whether there were any. */
  template <typename Read, typename Handle>
  bool drain(Read read, Handle handle) {
    alignas(struct inotify_event) char buffer[16 * 1024];
    bool any = false;
    for (;;) {
      const ssize_t length = is_open() ? ::read(fd_, buffer, sizeof(buffer)) : 0;
      if (length <= 0) return any;
      any = true;
      read();
      for (ssize_t at = 0; at < length;) {
        const auto *event = reinterpret_cast<const struct inotify_event *>(buffer + at);
        handle(*event);
        at += sizeof(*event) + event->len;
      }
      /* What did not fill the buffer was all. */
      if (length < static_cast<ssize_t>(sizeof(buffer) - sizeof(struct inotify_event) - NAME_MAX - 1)) return any;
    }
  }

 private:
  int fd_ = -1;
};

}  // namespace
