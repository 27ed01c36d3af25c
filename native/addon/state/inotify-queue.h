/* A queue of inotify(7) events, read without waiting. */
#pragma once

#include <limits.h>
#include <stdint.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <string>

namespace secco {

class InotifyQueue {
 public:
  InotifyQueue() = default;
  InotifyQueue(const InotifyQueue &) = delete;
  InotifyQueue &operator=(const InotifyQueue &) = delete;
  ~InotifyQueue();

  /* open returns false if the kernel gives no more queues (fs.inotify.max_user_instances). */
  bool open();
  void close();
  bool is_open() const { return fd_ >= 0; }
  /* fd returns the descriptor for epoll(7); -1 if the queue is not open. */
  int fd() const { return fd_; }

  /* add watches a folder. Returns the number of the watch, or -1 with errno. */
  int add(const std::string &folder, uint32_t mask);
  void remove(int watch);

  /*
   * drain reads all events that are waiting. It calls `read` after each batch, then `handle` with each event of it.
   * Returns whether there were any.
   */
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
      /* A batch with room for one more event was the last one. */
      if (length < static_cast<ssize_t>(sizeof(buffer) - sizeof(struct inotify_event) - NAME_MAX - 1)) return any;
    }
  }

 private:
  int fd_ = -1;
};

}  // namespace secco
