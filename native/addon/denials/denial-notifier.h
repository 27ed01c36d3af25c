/* Calls of JavaScript when the kernel side noted a denial: nothing else wakes it. */
#pragma once

#include <napi.h>

#include <chrono>
#include <memory>

#include "addon/denials/counter-watcher.h"
#include "addon/maps/recorder-maps.h"

namespace secco {

class DenialNotifier {
 public:
  /*
   * Calls `noted` at most once per interval, when a denial was noted in a slot that is watched. Throws
   * std::system_error if no thread can be started.
   */
  DenialNotifier(Napi::Env env, std::shared_ptr<RecorderMaps> maps, std::chrono::milliseconds interval,
                 Napi::Function noted);
  DenialNotifier(const DenialNotifier &) = delete;
  DenialNotifier &operator=(const DenialNotifier &) = delete;
  ~DenialNotifier();

 private:
  Napi::ThreadSafeFunction noted_;
  std::unique_ptr<CounterWatcher> watcher_;
};

}  // namespace secco
