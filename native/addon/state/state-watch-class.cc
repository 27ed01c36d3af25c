/* The class StateWatch of JavaScript. native/state-watch.ts has its types. */
#include <napi.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "addon/exports.h"
#include "addon/state/state-watch.h"

namespace secco {

namespace {

class StateWatchClass : public Napi::ObjectWrap<StateWatchClass> {
 public:
  static Napi::Function define(Napi::Env env);

  /* (folders as given to `runc --root`) */
  explicit StateWatchClass(const Napi::CallbackInfo &info);
  ~StateWatchClass() override;

 private:
  static void end(void *self);

  Napi::Value start(const Napi::CallbackInfo &info);
  void notify(const Napi::CallbackInfo &info);
  Napi::Value take(const Napi::CallbackInfo &);
  Napi::Value read(const Napi::CallbackInfo &info);
  void close(const Napi::CallbackInfo &) { end(this); }

  Napi::Value object_of(const RuncState &state);
  bool is_new(uint64_t number);

  Napi::Env env_;
  std::unique_ptr<StateWatch> watch_;
  Napi::ThreadSafeFunction appeared_;
  /* Numbers of seccomp sections that JavaScript has. */
  std::deque<uint64_t> given_;
};

Napi::Function StateWatchClass::define(Napi::Env env) {
  return DefineClass(
      env, "StateWatch",
      {InstanceMethod<&StateWatchClass::start>("start"), InstanceMethod<&StateWatchClass::notify>("notify"),
       InstanceMethod<&StateWatchClass::take>("take"), InstanceMethod<&StateWatchClass::read>("read"),
       InstanceMethod<&StateWatchClass::close>("close")});
}

StateWatchClass::StateWatchClass(const Napi::CallbackInfo &info)
    : Napi::ObjectWrap<StateWatchClass>(info), env_(info.Env()) {
  std::vector<std::string> roots;
  const auto given = info[0].As<Napi::Array>();
  for (uint32_t at = 0; at < given.Length(); at++) roots.push_back(given.Get(at).As<Napi::String>());
  watch_ = std::make_unique<StateWatch>(std::move(roots));
  napi_add_env_cleanup_hook(env_, end, this);
}

StateWatchClass::~StateWatchClass() {
  napi_remove_env_cleanup_hook(env_, end, this);
  end(this);
}

void StateWatchClass::end(void *self) {
  StateWatchClass &watch = *static_cast<StateWatchClass *>(self);
  /* The thread ends first: it calls the function. */
  watch.watch_.reset();
  if (watch.appeared_) watch.appeared_.Release();
  watch.appeared_ = {};
}

/* (called for a new folder) → whether folders are followed */
Napi::Value StateWatchClass::start(const Napi::CallbackInfo &info) {
  if (watch_ == nullptr) return Napi::Boolean::New(env_, false);
  if (!appeared_) {
    appeared_ = Napi::ThreadSafeFunction::New(env_, info[0].As<Napi::Function>(), "secco state watch", 1, 1);
    appeared_.Unref(env_);
  }
  return Napi::Boolean::New(env_, watch_->start([this] { appeared_.NonBlockingCall(); }));
}

/* (whether the function is to be called) */
void StateWatchClass::notify(const Napi::CallbackInfo &info) {
  if (watch_ != nullptr) watch_->notify(info[0].ToBoolean());
}

/* () → [missed, {root, folder, gone, state?}, …] */
Napi::Value StateWatchClass::take(const Napi::CallbackInfo &) {
  Napi::Array out = Napi::Array::New(env_);
  if (watch_ == nullptr) return out;
  bool missed = false;
  const std::vector<StateChange> changes = watch_->take(&missed);
  uint32_t at = 0;
  out.Set(at++, Napi::Boolean::New(env_, missed));
  for (const StateChange &one : changes) {
    Napi::Object object = Napi::Object::New(env_);
    object.Set("root", Napi::String::New(env_, one.root));
    object.Set("folder", Napi::String::New(env_, one.folder));
    object.Set("gone", Napi::Boolean::New(env_, one.gone));
    if (one.state) object.Set("state", object_of(*one.state));
    out.Set(at++, object);
  }
  return out;
}

/* (folder, stamp or undefined) → its state, or true if it still has the stamp, or undefined */
Napi::Value StateWatchClass::read(const Napi::CallbackInfo &info) {
  if (watch_ == nullptr) return env_.Undefined();
  const std::string folder = info[0].As<Napi::String>();
  if (info[1].IsString() && has_stamp(folder, info[1].As<Napi::String>())) return Napi::Boolean::New(env_, true);
  const std::optional<RuncState> found = watch_->read(folder);
  return found ? object_of(*found) : env_.Undefined();
}

Napi::Value StateWatchClass::object_of(const RuncState &state) {
  Napi::Object out = Napi::Object::New(env_);
  const auto number = [&](const char *name, uint64_t value) {
    out.Set(name, Napi::Number::New(env_, static_cast<double>(value)));
  };
  out.Set("stamp", Napi::String::New(env_, stamp_of(state.inode, state.modified_ns, state.size)));
  number("pid", state.pid);
  number("startTime", state.start_time);
  out.Set("cgroup", Napi::String::New(env_, state.cgroup));
  out.Set("cgroupId", Napi::BigInt::New(env_, state.cgroup_id));
  out.Set("labels", Napi::String::New(env_, state.labels));
  out.Set("annotations", Napi::String::New(env_, state.annotations));
  out.Set("bounding", Napi::String::New(env_, state.bounding));
  out.Set("masked", Napi::String::New(env_, state.masked));
  const char *doubts[] = {"", "bundle", "config"};
  out.Set("doubt", Napi::String::New(env_, doubts[static_cast<int>(state.doubt)]));
  number("seccompNumber", state.seccomp ? state.seccomp->number : 0);
  if (state.seccomp && is_new(state.seccomp->number)) out.Set("seccomp", Napi::String::New(env_, state.seccomp->text));
  return out;
}

/* Whether JavaScript lacks a seccomp section. It keeps more of them than are remembered here. */
bool StateWatchClass::is_new(uint64_t number) {
  if (std::find(given_.begin(), given_.end(), number) != given_.end()) return false;
  if (given_.size() >= 2 * SharedTexts::at_most) given_.pop_front();
  given_.push_back(number);
  return true;
}

}  // namespace

void export_state_watch(Napi::Env env, Napi::Object exports) {
  exports.Set("StateWatch", StateWatchClass::define(env));
}

}  // namespace secco
