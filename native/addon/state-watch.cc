/* The face of state-watch.h for JavaScript; its typed one is state-watch.ts. */
#include "state-watch.h"

#include <napi.h>

#include <algorithm>

#include "faces.h"

namespace {

class Face : public Napi::ObjectWrap<Face> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "StateWatch",
                       {InstanceMethod<&Face::start>("start"), InstanceMethod<&Face::tell>("tell"),
                        InstanceMethod<&Face::take>("take"), InstanceMethod<&Face::read>("read"),
                        InstanceMethod<&Face::close>("close")});
  }

  /* (folders as given to `runc --root`) */
  explicit Face(const Napi::CallbackInfo &info) : Napi::ObjectWrap<Face>(info), env_(info.Env()) {
    std::vector<std::string> roots;
    const auto given = info[0].As<Napi::Array>();
    for (uint32_t at = 0; at < given.Length(); at++) roots.push_back(given.Get(at).As<Napi::String>());
    watch_ = std::make_unique<StateWatch>(std::move(roots));
    napi_add_env_cleanup_hook(env_, end, this);
  }
  ~Face() override {
    napi_remove_env_cleanup_hook(env_, end, this);
    end(this);
  }

 private:
  /* The thread first: it calls what is released after it. */
  static void end(void *self) {
    Face &face = *static_cast<Face *>(self);
    face.watch_.reset();
    if (face.told_) face.told_.Release();
    face.told_ = {};
  }
  void close(const Napi::CallbackInfo &) { end(this); }

  /* (called for a new folder) → whether folders are followed */
  Napi::Value start(const Napi::CallbackInfo &info) {
    if (watch_ == nullptr) return Napi::Boolean::New(env_, false);
    if (!told_) {
      told_ = Napi::ThreadSafeFunction::New(env_, info[0].As<Napi::Function>(), "secco state watch", 1, 1);
      told_.Unref(env_);
    }
    return Napi::Boolean::New(env_, watch_->start([this] { told_.NonBlockingCall(); }));
  }

  void tell(const Napi::CallbackInfo &info) {
    if (watch_ != nullptr) watch_->tell(info[0].ToBoolean());
  }

  /* → [missed, {root, folder, gone, state?} …] */
  Napi::Value take(const Napi::CallbackInfo &) {
    Napi::Array out = Napi::Array::New(env_);
    if (watch_ == nullptr) return out;
    bool missed = false;
    const std::vector<StateWatch::News> news = watch_->take(&missed);
    uint32_t at = 0;
    out.Set(at++, Napi::Boolean::New(env_, missed));
    for (const StateWatch::News &one : news) {
      Napi::Object object = Napi::Object::New(env_);
      object.Set("root", Napi::String::New(env_, one.root));
      object.Set("folder", Napi::String::New(env_, one.folder));
      object.Set("gone", Napi::Boolean::New(env_, one.gone));
      if (one.state) object.Set("state", state(*one.state));
      out.Set(at++, object);
    }
    return out;
  }

  /* (folder, stamp or undefined) → its state, true when that is the stamp's still, or undefined */
  Napi::Value read(const Napi::CallbackInfo &info) {
    if (watch_ == nullptr) return env_.Undefined();
    const std::string folder = info[0].As<Napi::String>();
    if (info[1].IsString() && has_stamp(folder, info[1].As<Napi::String>())) return Napi::Boolean::New(env_, true);
    const std::optional<RuncState> found = watch_->read(folder);
    return found ? state(*found) : env_.Undefined();
  }

  Napi::Value state(const RuncState &from) {
    Napi::Object out = Napi::Object::New(env_);
    const auto number = [&](const char *name, uint64_t value) {
      out.Set(name, Napi::Number::New(env_, static_cast<double>(value)));
    };
    out.Set("stamp", Napi::String::New(env_, stamp_of(from.inode, from.modified_ns, from.size)));
    number("pid", from.pid);
    number("startTime", from.start_time);
    out.Set("cgroup", Napi::String::New(env_, from.cgroup));
    out.Set("cgroupId", Napi::BigInt::New(env_, from.cgroup_id));
    out.Set("labels", Napi::String::New(env_, from.labels));
    out.Set("annotations", Napi::String::New(env_, from.annotations));
    out.Set("bounding", Napi::String::New(env_, from.bounding));
    out.Set("masked", Napi::String::New(env_, from.masked));
    number("seccompNumber", from.seccomp ? from.seccomp->number : 0);
    if (from.seccomp && is_new(from.seccomp->number)) out.Set("seccomp", Napi::String::New(env_, from.seccomp->text));
    return out;
  }

  /* JavaScript keeps more of them than this. */
  bool is_new(uint64_t number) {
    if (std::find(given_.begin(), given_.end(), number) != given_.end()) return false;
    if (given_.size() >= 2 * SharedTexts::most) given_.pop_front();
    given_.push_back(number);
    return true;
  }

  Napi::Env env_;
  std::unique_ptr<StateWatch> watch_;
  Napi::ThreadSafeFunction told_;
  std::deque<uint64_t> given_;
};

}  // namespace

Napi::Function state_watch_face(Napi::Env env) { return Face::define(env); }
