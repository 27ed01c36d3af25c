/*
 * The addon: owns one set of kernel maps and links, and reads them as plain memory. Layout and
 * meaning are in recorder.h; the kernel's half in recorder.bpf.c. The typed face is recorder.ts.
 *
 * Everything runs on the thread of its JavaScript environment, but for one wait (grace.h) and one number that is
 * watched (pulse.h).
 * Without pins the kernel detaches and frees all when the process dies, however it dies; pins.h says
 * what stays with them.
 */
#include <napi.h>

#include <memory>
#include <optional>
#include <system_error>

#include "denial-face.h"
#include "faces.h"
#include "failure-face.h"
#include "grace.h"
#include "kernel-maps.h"
#include "reference.h"
#include "refused-teller.h"
#include "set-face.h"
#include "slot-face.h"

namespace {

class Recorder : public Napi::ObjectWrap<Recorder> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Recorder",
                       {InstanceMethod<&Recorder::attach>("attach"),
                        InstanceMethod<&Recorder::detach>("detach"),
                        InstanceMethod<&Recorder::attached>("attached"),
                        InstanceMethod<&Recorder::counters>("counters"),
                        InstanceMethod<&Recorder::snapshot>("snapshot"),
                        InstanceMethod<&Recorder::changes>("changes"),
                        InstanceMethod<&Recorder::read>("read"),
                        InstanceMethod<&Recorder::adopt>("adopt"),
                        InstanceMethod<&Recorder::release>("release"),
                        InstanceMethod<&Recorder::ignore>("ignore"),
                        InstanceMethod<&Recorder::host_mntns>("hostMntns"),
                        InstanceMethod<&Recorder::own_cgroup>("ownCgroup"),
                        InstanceMethod<&Recorder::admit>("admit"),
                        InstanceMethod<&Recorder::seen>("seen"),
                        InstanceMethod<&Recorder::arguments>("arguments"),
                        InstanceMethod<&Recorder::watch>("watch"),
                        InstanceMethod<&Recorder::denials>("denials"),
                        InstanceMethod<&Recorder::new_denials>("newDenials"),
                        InstanceMethod<&Recorder::noted>("noted"),
                        InstanceMethod<&Recorder::tell_refused>("tellRefused"),
                        InstanceMethod<&Recorder::stop>("stop"),
                        InstanceMethod<&Recorder::adopted>("adopted"),

                        InstanceMethod<&Recorder::leftovers>("leftovers")});
  }

  /* (object file, BTF file or '', slots, true for tp_btf, pin folder or '', stripes at most or 0) */
  explicit Recorder(const Napi::CallbackInfo &info) : Napi::ObjectWrap<Recorder>(info), env_(info.Env()) {
    OpenOptions options;
    options.path = info[0].As<Napi::String>();
    options.btf = info[1].As<Napi::String>();
    options.slots = std::clamp<__u32>(info[2].As<Napi::Number>().Uint32Value(), 1, SECCO_SLOTS_MAX);
    options.typed = info[3].As<Napi::Boolean>();
    options.pin = info[4].As<Napi::String>();
    options.stripes = info[5].As<Napi::Number>();
    try {
      maps_ = std::make_shared<Maps>(options);
      Grace::start(env_, maps_, grace_);
    } catch (const Failure &failure) {
      raise(env_, failure);
    }
    napi_add_env_cleanup_hook(env_, end, this);
  }

  ~Recorder() override {
    napi_remove_env_cleanup_hook(env_, end, this);
    end(this);
  }

 private:
  /*
   * The environment ends (process exit, a worker's end) and the garbage collector may never come.
   * Nobody said that recording is over: what is pinned stays.
   */
  static void end(void *self) {
    Recorder &recorder = *static_cast<Recorder *>(self);
    recorder.teller_.reset();
    const std::shared_ptr<Maps> maps = std::move(recorder.maps_);
    if (maps != nullptr) maps->keep();
  }

  SlotTable &table() { return maps().table(); }
  Maps &maps() {
    if (maps_ == nullptr) throw Napi::Error::New(env_, "the recorder was stopped");
    return *maps_;
  }

  void attach(const Napi::CallbackInfo &) {
    try {
      maps().attach();
    } catch (const Failure &failure) {
      raise(env_, failure);
    }
  }
  void detach(const Napi::CallbackInfo &) {
    if (maps_ != nullptr) maps_->detach();
  }
  Napi::Value attached(const Napi::CallbackInfo &) {
    return Napi::Boolean::New(env_, maps_ != nullptr && maps_->attached());
  }
  /* (true: leave what is pinned to the next process) */
  void stop(const Napi::CallbackInfo &info) {
    teller_.reset();
    if (maps_ != nullptr && info[0].ToBoolean()) maps_->keep();
    maps_.reset();
  }
  Napi::Value adopted(const Napi::CallbackInfo &) { return Napi::Boolean::New(env_, maps().adopted()); }

  /* Pins of other layouts, which are removed: [{layout, missed, problem}] */
  Napi::Value leftovers(const Napi::CallbackInfo &) {
    Napi::Array out = Napi::Array::New(env_);
    for (const Maps::Leftover &one : maps().remove_leftovers()) {
      Napi::Object object = Napi::Object::New(env_);
      object.Set("layout", Napi::String::New(env_, one.layout));
      object.Set("missed", Napi::Number::New(env_, one.missed));
      object.Set("problem", Napi::String::New(env_, one.problem));
      out.Set(out.Length(), object);
    }
    return out;
  }

  Napi::Value counters(const Napi::CallbackInfo &) {
    Napi::Object out = Napi::Object::New(env_);
    out.Set("tableFull", Napi::Number::New(env_, load(&table().state().table_full)));
    out.Set("unknownSyscalls", Napi::Number::New(env_, load(&table().state().unknown)));
    out.Set("detailsLost", Napi::Number::New(env_, load(&table().state().details_lost)));
    out.Set("argumentsLost", Napi::Number::New(env_, load(&table().state().arguments_lost)));
    out.Set("recursionMisses", Napi::Number::New(env_, maps().recursion_misses()));
    return out;
  }

  /* () → of each occupied slot; (index) → of this one */
  Napi::Value snapshot(const Napi::CallbackInfo &info) {
    if (!info[0].IsNumber()) return SlotFace::all(env_, table());
    return SlotFace::of(env_, table(), info[0].As<Napi::Number>());
  }
  /* (most) */
  Napi::Value changes(const Napi::CallbackInfo &info) {
    return slots_.changes(env_, table(), std::max<__u32>(1, info[0].As<Napi::Number>().Uint32Value()));
  }
  Napi::Value seen(const Napi::CallbackInfo &) { return slots_.seen(env_, table()); }

  /* (index, generation) */
  Napi::Value read(const Napi::CallbackInfo &info) {
    return SetFace::counts(env_, table(), info[0].As<Napi::Number>(), info[1].As<Napi::Number>());
  }
  Napi::Value arguments(const Napi::CallbackInfo &info) {
    return SetFace::arguments(env_, table(), info[0].As<Napi::Number>(), info[1].As<Napi::Number>());
  }

  /*
   * (index, generation, refused numbers of the three ABIs as one row of bits, those whose arguments decide as place in
   * `seen`, asked arguments …, whether these are told of whatever their result)
   */
  Napi::Value watch(const Napi::CallbackInfo &info) {
    secco_refused_row refused = {};
    const auto words = info[2].As<Napi::BigUint64Array>();
    for (__u32 at = 0; at < SECCO_SEEN_WORDS && at < words.ElementLength(); at++) refused.word[at] = words[at];
    const auto deciding = info[3].As<Napi::Uint32Array>();
    for (size_t i = 0; i + 1 < deciding.ElementLength(); i += 2) {
      const __u32 at = deciding[i];
      if (at >= SECCO_SEEN_WORDS * 64) continue;
      table().ask(at, static_cast<__u8>(deciding[i + 1]));
      refused.word[at / 64] |= 1ULL << (at % 64);
      refused.by_arguments[at / 64] |= 1ULL << (at % 64);
    }
    refused.any_result = info[4].ToBoolean();
    return Napi::Boolean::New(env_, table().watch(info[0].As<Napi::Number>().Uint32Value(),
                                                  info[1].As<Napi::Number>().Uint32Value(), refused));
  }

  Napi::Value noted(const Napi::CallbackInfo &) {
    return Napi::Number::New(env_, static_cast<double>(load(&table().state().noted)));
  }

  /* (milliseconds, called when something was noted of a slot that is watched: once in so many at most) */
  void tell_refused(const Napi::CallbackInfo &info) {
    teller_.reset();
    maps();
    const std::chrono::milliseconds every(std::max<__u32>(1, info[0].As<Napi::Number>().Uint32Value()));
    try {
      teller_.emplace(env_, maps_, every, info[1].As<Napi::Function>());
    } catch (const std::system_error &error) {
      raise(env_, Failure{"no thread can be started that waits for refused calls", error.code().value()});
    }
  }

  /* (index, generation): of this slot alone */
  Napi::Value denials(const Napi::CallbackInfo &info) {
    if (!info[0].IsNumber()) return denials_.all(env_, table());
    return denials_.of(env_, table(), info[0].As<Napi::Number>(), info[1].As<Napi::Number>());
  }
  Napi::Value new_denials(const Napi::CallbackInfo &) { return denials_.news(env_, table()); }

  /* (mntns, cgroup id, pid, filtered, comm, cgroup name, its parent's) → index or -1 */
  Napi::Value adopt(const Napi::CallbackInfo &info) {
    bool lossless = false;
    Adopted container;
    container.mntns = info[0].As<Napi::Number>();
    container.cgroup = info[1].As<Napi::BigInt>().Uint64Value(&lossless);
    container.pid = info[2].As<Napi::Number>();
    container.filtered = info[3].As<Napi::Boolean>();
    container.comm = info[4].As<Napi::String>();
    container.name = info[5].As<Napi::String>();
    container.parent = info[6].As<Napi::String>();
    return Napi::Number::New(env_, table().adopt(container));
  }

  Napi::Value release(const Napi::CallbackInfo &info) {
    const bool done =
        table().release(info[0].As<Napi::Number>().Uint32Value(), info[1].As<Napi::Number>().Uint32Value());
    Grace::start(env_, maps_, grace_);
    return Napi::Boolean::New(env_, done);
  }
  Napi::Value ignore(const Napi::CallbackInfo &info) {
    return Napi::Boolean::New(
        env_, table().ignore(info[0].As<Napi::Number>().Uint32Value(), info[1].As<Napi::Number>().Uint32Value()));
  }

  Napi::Value host_mntns(const Napi::CallbackInfo &) { return Napi::Number::New(env_, maps().host_mntns()); }
  Napi::Value own_cgroup(const Napi::CallbackInfo &) {
    return Napi::BigInt::New(env_, static_cast<uint64_t>(maps().own_cgroup()));
  }
  Napi::Value admit(const Napi::CallbackInfo &info) {
    const bool done = table().admit(info[0].As<Napi::Number>().Uint32Value());
    Grace::start(env_, maps_, grace_);
    return Napi::Boolean::New(env_, done);
  }

  Napi::Env env_;
  DenialFace denials_;
  SlotFace slots_;
  std::shared_ptr<Maps> maps_;
  std::optional<RefusedTeller> teller_;
  std::shared_ptr<bool> grace_ = std::make_shared<bool>(false);
};

/* For comparisons: attachObject(file) → {stop(), events()}. */
Napi::Value attach_object(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  complaints.clear();
  std::shared_ptr<Attached> attached;
  try {
    attached = std::make_shared<Attached>(info[0].As<Napi::String>());
  } catch (const Failure &failure) {
    raise(env, failure);
  }
  auto kept = std::make_shared<std::shared_ptr<Attached>>(std::move(attached));
  Napi::Object out = Napi::Object::New(env);
  out.Set("stop", Napi::Function::New(env, [kept](const Napi::CallbackInfo &) { kept->reset(); }));
  out.Set("events", Napi::Function::New(env, [kept](const Napi::CallbackInfo &call) {
            return Napi::Number::New(call.Env(), *kept == nullptr ? 0 : (*kept)->events());
          }));
  return out;
}

Napi::Value mount_pins(const Napi::CallbackInfo &info) {
  complaints.clear();
  try {
    mount_bpf(info[0].As<Napi::String>());
  } catch (const Failure &failure) {
    raise(info.Env(), failure);
  }
  return info.Env().Undefined();
}

/* (pin folder) → the layouts that were detached and unpinned */
Napi::Value clean_pins(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  complaints.clear();
  Napi::Array out = Napi::Array::New(env);
  try {
    const PinFolder pins(info[0].As<Napi::String>());
    for (const std::string &name : entries_of(pins.path())) {
      remove_pins(pins.of(name));
      out.Set(out.Length(), Napi::String::New(env, name));
    }
    rmdir(pins.path().c_str());
  } catch (const Failure &failure) {
    raise(env, failure);
  }
  return out;
}

Napi::Object start(Napi::Env env, Napi::Object exports) {
  libbpf_set_print(note_complaint);
  exports.Set("Recorder", Recorder::define(env));
  exports.Set("StateWatch", state_watch_face(env));
  exports.Set("attachObject", Napi::Function::New(env, attach_object));
  process_faces(env, exports);
  memory_faces(env, exports);
  durable_file_faces(env, exports);
  table_faces(env, exports);
  exports.Set("mountPins", Napi::Function::New(env, mount_pins));
  exports.Set("cleanPins", Napi::Function::New(env, clean_pins));
  return exports;
}

}  // namespace

NODE_API_MODULE(secco_recorder, start)
