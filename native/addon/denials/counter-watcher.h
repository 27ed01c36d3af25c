/* A thread that watches a counter, so that no other thread wakes up to find it unchanged. */
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace secco {

class CounterWatcher {
 public:
  /*
   * Reads the counter once per interval, and calls `changed` on its thread when it differs from the last time.
   * Throws std::system_error if no thread can be started.
   */
  CounterWatcher(std::chrono::milliseconds interval, std::function<uint64_t()> read, std::function<void()> changed);
  CounterWatcher(const CounterWatcher &) = delete;
  CounterWatcher &operator=(const CounterWatcher &) = delete;
  /* Ends the thread. */
  ~CounterWatcher();

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool end_ = false;
  /* The last member, because the thread uses the others. */
  std::thread thread_;
};

}  // namespace secco
