#include "addon/denials/counter-watcher.h"

#include <utility>

namespace secco {

CounterWatcher::CounterWatcher(std::chrono::milliseconds interval, std::function<uint64_t()> read,
                               std::function<void()> changed)
    : thread_([this, interval, known = read(), read, changed = std::move(changed)]() mutable {
        std::unique_lock<std::mutex> lock(mutex_);
        while (!ended_.wait_for(lock, interval, [this] { return end_; })) {
          const uint64_t now = read();
          if (std::exchange(known, now) != now) changed();
        }
      }) {}

CounterWatcher::~CounterWatcher() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    end_ = true;
  }
  ended_.notify_one();
  thread_.join();
}

}  // namespace secco
