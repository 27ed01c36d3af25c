#include "addon/denials/denial-notifier.h"

#include <utility>

namespace secco {

DenialNotifier::DenialNotifier(Napi::Env env, std::shared_ptr<RecorderMaps> maps, std::chrono::milliseconds interval,
                               Napi::Function noted)
    : noted_(Napi::ThreadSafeFunction::New(env, noted, "secco denials", 1, 1)) {
  noted_.Unref(env);
  try {
    watcher_ = std::make_unique<CounterWatcher>(
        interval, [maps = std::move(maps)] { return load(&maps->table().state().watched_notes); },
        [this] { noted_.NonBlockingCall(); });
  } catch (...) {
    noted_.Release();
    throw;
  }
}

DenialNotifier::~DenialNotifier() {
  /* The thread ends first: it calls the function. */
  watcher_.reset();
  noted_.Release();
}

}  // namespace secco
