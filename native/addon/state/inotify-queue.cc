#include "addon/state/inotify-queue.h"

namespace secco {

InotifyQueue::~InotifyQueue() { close(); }

bool InotifyQueue::open() {
  if (fd_ < 0) fd_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  return fd_ >= 0;
}

void InotifyQueue::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

int InotifyQueue::add(const std::string &folder, uint32_t mask) {
  return inotify_add_watch(fd_, folder.c_str(), IN_ONLYDIR | IN_EXCL_UNLINK | mask);
}

void InotifyQueue::remove(int watch) { inotify_rm_watch(fd_, watch); }

}  // namespace secco
