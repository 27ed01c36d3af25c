/* Tells JavaScript that something was noted of a watched slot: it wakes up for nothing else. */
#pragma once

#include <napi.h>

#include <chrono>
#include <memory>
#include <utility>

#include "kernel-maps.h"
#include "pulse.h"

namespace {

class RefusedTeller {
 public:
  /* `heard` is called once in `every` at most. Throws std::system_error where no thread can be started. */
  RefusedTeller(Napi::Env env, std::shared_ptr<Maps> maps, std::chrono::milliseconds every, Napi::Function heard)
      : told_(Napi::ThreadSafeFunction::New(env, heard, "secco refused", 1, 1)) {
    told_.Unref(env);
    try {
      pulse_ = std::make_unique<Pulse>(
          every, [maps = std::move(maps)] { return load(&maps->table().state().told); },
          [this] { told_.NonBlockingCall(); });
    } catch (...) {
      told_.Release();
      throw;
    }
  }
  RefusedTeller(const RefusedTeller &) = delete;
  RefusedTeller &operator=(const RefusedTeller &) = delete;
  /* The thread first: it calls what is released after it. */
  ~RefusedTeller() {
    pulse_.reset();
    told_.Release();
  }

 private:
  Napi::ThreadSafeFunction told_;
  std::unique_ptr<Pulse> pulse_;
};

}  // namespace
