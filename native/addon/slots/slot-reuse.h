/* Reuse of released slots. */
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "addon/maps/recorder-maps.h"

namespace secco {

/*
 * SlotReuse waits, on a worker thread, until no CPU can be counting in a released slot, and makes the slot free on
 * the main thread. `running` is shared by all of one recorder: one waits at a time.
 */
class SlotReuse : public Napi::AsyncWorker {
 public:
  /* start queues a wait if slots were released and none is under way. */
  static void start(Napi::Env env, const std::shared_ptr<RecorderMaps> &maps, const std::shared_ptr<bool> &running);

  void Execute() override;
  void OnOK() override;

 private:
  SlotReuse(Napi::Env env, const std::shared_ptr<RecorderMaps> &maps, std::shared_ptr<bool> running);

  std::weak_ptr<RecorderMaps> maps_;
  std::shared_ptr<bool> running_;
  std::vector<__u32> indices_;
};

}  // namespace secco
