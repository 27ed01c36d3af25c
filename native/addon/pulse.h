/*
 * Watches a number that others move, with a thread of its own: nobody else wakes up to find that it stands still.
 */
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace {

class Pulse {
 public:
  /* Looks once in `every`, at what moves from now on; `moved` is called on the thread. Throws std::system_error. */
  Pulse(std::chrono::milliseconds every, std::function<uint64_t()> read, std::function<void()> moved)
      : thread_([this, every, known = read(), read, moved = std::move(moved)]() mutable {
          std::unique_lock<std::mutex> lock(mutex_);
          while (!ended_.wait_for(lock, every, [this] { return end_; })) {
            const uint64_t now = read();
            if (std::exchange(known, now) != now) moved();
          }
        }) {}
  Pulse(const Pulse &) = delete;
  Pulse &operator=(const Pulse &) = delete;
  ~Pulse() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      end_ = true;
    }
    ended_.notify_one();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool end_ = false;
  /* Last: it uses the others. */
  std::thread thread_;
};

}  // namespace
