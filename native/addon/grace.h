/* Released slots are used again when nobody can be in the middle of them any more. */
#pragma once

#include <napi.h>

#include <memory>
#include <utility>
#include <vector>

#include "kernel-maps.h"

namespace {

/* Waits, off the main thread, until nobody can be in a released slot, then lets it be reused. */
class Grace : public Napi::AsyncWorker {
 public:
  Grace(Napi::Env env, const std::shared_ptr<Maps> &maps, std::shared_ptr<bool> running)
      : Napi::AsyncWorker(env), maps_(maps), running_(std::move(running)), indices_(maps->table().take_limbo()) {
    *running_ = true;
  }
  void Execute() override { await_grace(); }
  void OnOK() override {
    *running_ = false;
    const std::shared_ptr<Maps> maps = maps_.lock();
    if (maps == nullptr) return;
    maps->table().reuse(indices_);
    start(Env(), maps, running_);
  }
  static void start(Napi::Env env, const std::shared_ptr<Maps> &maps, const std::shared_ptr<bool> &running) {
    if (!*running && maps->table().has_limbo()) (new Grace(env, maps, running))->Queue();
  }

 private:
  std::weak_ptr<Maps> maps_;
  std::shared_ptr<bool> running_;
  std::vector<__u32> indices_;
};

}  // namespace
