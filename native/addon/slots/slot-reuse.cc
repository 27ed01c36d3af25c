#include "addon/slots/slot-reuse.h"

#include <utility>

#include "addon/lib/kernel.h"

namespace secco {

SlotReuse::SlotReuse(Napi::Env env, const std::shared_ptr<RecorderMaps> &maps, std::shared_ptr<bool> running)
    : Napi::AsyncWorker(env), maps_(maps), running_(std::move(running)), indices_(maps->table().take_released()) {
  *running_ = true;
}

void SlotReuse::start(Napi::Env env, const std::shared_ptr<RecorderMaps> &maps, const std::shared_ptr<bool> &running) {
  if (!*running && maps->table().has_released()) (new SlotReuse(env, maps, running))->Queue();
}

void SlotReuse::Execute() { wait_for_grace_period(); }

void SlotReuse::OnOK() {
  *running_ = false;
  const std::shared_ptr<RecorderMaps> maps = maps_.lock();
  if (maps == nullptr) return;
  maps->table().reuse(indices_);
  start(Env(), maps, running_);
}

}  // namespace secco
