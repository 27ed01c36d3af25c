/*
 * The class Recorder of JavaScript: one set of kernel maps and links. native/recorder.ts gives its numbers their
 * types. Without pins the kernel detaches and frees everything when the process ends, however it ends;
 * pins/pin-folder.h describes what stays with pins.
 */
#include <napi.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "addon/denials/denial-list.h"
#include "addon/denials/denial-notifier.h"
#include "addon/exports.h"
#include "addon/lib/failure.h"
#include "addon/lib/node-error.h"
#include "addon/maps/recorder-maps.h"
#include "addon/slots/slot-contents.h"
#include "addon/slots/slot-reuse.h"
#include "addon/slots/slot-snapshots.h"

namespace secco {

namespace {

__u32 number(const Napi::Value &value) { return value.As<Napi::Number>().Uint32Value(); }

class Recorder : public Napi::ObjectWrap<Recorder> {
 public:
  static Napi::Function define(Napi::Env env);

  /* (object file, BTF file or '', slots, true for tp_btf, pin folder or '', most stripes or 0) */
  explicit Recorder(const Napi::CallbackInfo &info);
  ~Recorder() override;

 private:
  static void end(void *self);

  RecorderMaps &maps();
  SlotTable &table() { return maps().table(); }

  void attach(const Napi::CallbackInfo &);
  void detach(const Napi::CallbackInfo &);
  Napi::Value attached(const Napi::CallbackInfo &);
  void stop(const Napi::CallbackInfo &info);
  Napi::Value adopted(const Napi::CallbackInfo &);
  Napi::Value pins(const Napi::CallbackInfo &);
  Napi::Value leftovers(const Napi::CallbackInfo &);
  Napi::Value counters(const Napi::CallbackInfo &);
  Napi::Value snapshot(const Napi::CallbackInfo &info);
  Napi::Value changes(const Napi::CallbackInfo &info);
  Napi::Value seen(const Napi::CallbackInfo &);
  Napi::Value read(const Napi::CallbackInfo &info);
  Napi::Value arguments(const Napi::CallbackInfo &info);
  Napi::Value watch(const Napi::CallbackInfo &info);
  Napi::Value noted(const Napi::CallbackInfo &);
  void notify_denials(const Napi::CallbackInfo &info);
  Napi::Value denials(const Napi::CallbackInfo &info);
  Napi::Value changed_denials(const Napi::CallbackInfo &);
  Napi::Value adopt(const Napi::CallbackInfo &info);
  Napi::Value release(const Napi::CallbackInfo &info);
  Napi::Value name(const Napi::CallbackInfo &info);
  Napi::Value ignore(const Napi::CallbackInfo &info);
  Napi::Value host_mntns(const Napi::CallbackInfo &);
  Napi::Value own_cgroup(const Napi::CallbackInfo &);
  Napi::Value admit(const Napi::CallbackInfo &info);

  Napi::Env env_;
  DenialList denials_;
  SlotSnapshots snapshots_;
  std::shared_ptr<RecorderMaps> maps_;
  std::optional<DenialNotifier> notifier_;
  /* Whether a SlotReuse is under way. */
  std::shared_ptr<bool> reuse_running_ = std::make_shared<bool>(false);
};

Napi::Function Recorder::define(Napi::Env env) {
  return DefineClass(env, "Recorder",
                     {InstanceMethod<&Recorder::attach>("attach"),
                      InstanceMethod<&Recorder::detach>("detach"),
                      InstanceMethod<&Recorder::attached>("attached"),
                      InstanceMethod<&Recorder::stop>("stop"),
                      InstanceMethod<&Recorder::adopted>("adopted"),
                      InstanceMethod<&Recorder::pins>("pins"),
                      InstanceMethod<&Recorder::leftovers>("leftovers"),
                      InstanceMethod<&Recorder::counters>("counters"),
                      InstanceMethod<&Recorder::snapshot>("snapshot"),
                      InstanceMethod<&Recorder::changes>("changes"),
                      InstanceMethod<&Recorder::seen>("seen"),
                      InstanceMethod<&Recorder::read>("read"),
                      InstanceMethod<&Recorder::arguments>("arguments"),
                      InstanceMethod<&Recorder::watch>("watch"),
                      InstanceMethod<&Recorder::noted>("noted"),
                      InstanceMethod<&Recorder::notify_denials>("notifyDenials"),
                      InstanceMethod<&Recorder::denials>("denials"),
                      InstanceMethod<&Recorder::changed_denials>("newDenials"),
                      InstanceMethod<&Recorder::adopt>("adopt"),
                      InstanceMethod<&Recorder::release>("release"),
                      InstanceMethod<&Recorder::name>("name"),
                      InstanceMethod<&Recorder::ignore>("ignore"),
                      InstanceMethod<&Recorder::host_mntns>("hostMntns"),
                      InstanceMethod<&Recorder::own_cgroup>("ownCgroup"),
                      InstanceMethod<&Recorder::admit>("admit")});
}

Recorder::Recorder(const Napi::CallbackInfo &info) : Napi::ObjectWrap<Recorder>(info), env_(info.Env()) {
  OpenOptions options;
  options.path = info[0].As<Napi::String>();
  options.btf = info[1].As<Napi::String>();
  options.slots = std::clamp<__u32>(number(info[2]), 1, SECCO_SLOTS_MAX);
  options.typed = info[3].As<Napi::Boolean>();
  options.pin = info[4].As<Napi::String>();
  options.stripes = info[5].As<Napi::Number>();
  try {
    maps_ = std::make_shared<RecorderMaps>(options);
    SlotReuse::start(env_, maps_, reuse_running_);
  } catch (const Failure &failure) {
    throw_failure(env_, failure);
  }
  napi_add_env_cleanup_hook(env_, end, this);
}

Recorder::~Recorder() {
  napi_remove_env_cleanup_hook(env_, end, this);
  end(this);
}

/*
 * Called at the end of the environment (process exit, a worker's end), when the garbage collector may never run.
 * Nobody asked for an end of recording, so what is pinned stays.
 */
void Recorder::end(void *self) {
  Recorder &recorder = *static_cast<Recorder *>(self);
  recorder.notifier_.reset();
  const std::shared_ptr<RecorderMaps> maps = std::move(recorder.maps_);
  if (maps != nullptr) maps->keep();
}

RecorderMaps &Recorder::maps() {
  if (maps_ == nullptr) throw Napi::Error::New(env_, "the recorder was stopped");
  return *maps_;
}

void Recorder::attach(const Napi::CallbackInfo &) {
  try {
    maps().attach();
  } catch (const Failure &failure) {
    throw_failure(env_, failure);
  }
}

void Recorder::detach(const Napi::CallbackInfo &) {
  if (maps_ != nullptr) maps_->detach();
}

Napi::Value Recorder::attached(const Napi::CallbackInfo &) {
  return Napi::Boolean::New(env_, maps_ != nullptr && maps_->attached());
}

/* (true: leave what is pinned to the next process) */
void Recorder::stop(const Napi::CallbackInfo &info) {
  notifier_.reset();
  if (maps_ != nullptr && info[0].ToBoolean()) maps_->keep();
  maps_.reset();
}

Napi::Value Recorder::pins(const Napi::CallbackInfo &) { return Napi::String::New(env_, maps().pins()); }

Napi::Value Recorder::adopted(const Napi::CallbackInfo &) { return Napi::Boolean::New(env_, maps().adopted()); }

/* () → [{layout, missed, problem}] of the layouts that were removed */
Napi::Value Recorder::leftovers(const Napi::CallbackInfo &) {
  Napi::Array out = Napi::Array::New(env_);
  for (const Leftover &one : maps().remove_leftovers()) {
    Napi::Object object = Napi::Object::New(env_);
    object.Set("layout", Napi::String::New(env_, one.layout));
    object.Set("missed", Napi::Number::New(env_, one.missed));
    object.Set("problem", Napi::String::New(env_, one.problem));
    out.Set(out.Length(), object);
  }
  return out;
}

Napi::Value Recorder::counters(const Napi::CallbackInfo &) {
  const secco_state &state = table().state();
  Napi::Object out = Napi::Object::New(env_);
  out.Set("tableFull", Napi::Number::New(env_, load(&state.table_full)));
  out.Set("unknownSyscalls", Napi::Number::New(env_, load(&state.unknown)));
  out.Set("detailsLost", Napi::Number::New(env_, load(&state.details_lost)));
  out.Set("argumentsLost", Napi::Number::New(env_, load(&state.arguments_lost)));
  out.Set("recursionMisses", Napi::Number::New(env_, maps().recursion_misses()));
  return out;
}

/* () → all occupied slots; (index) → one slot */
Napi::Value Recorder::snapshot(const Napi::CallbackInfo &info) {
  if (!info[0].IsNumber()) return SlotSnapshots::all(env_, table());
  return SlotSnapshots::one(env_, table(), number(info[0]));
}

/* (at most) */
Napi::Value Recorder::changes(const Napi::CallbackInfo &info) {
  return snapshots_.changes(env_, table(), std::max<__u32>(1, number(info[0])));
}

Napi::Value Recorder::seen(const Napi::CallbackInfo &) { return snapshots_.seen(env_, table()); }

/* (index, generation) */
Napi::Value Recorder::read(const Napi::CallbackInfo &info) {
  return slot_counts(env_, table(), number(info[0]), number(info[1]));
}

/* (index, generation) */
Napi::Value Recorder::arguments(const Napi::CallbackInfo &info) {
  return slot_arguments(env_, table(), number(info[0]), number(info[1]));
}

/*
 * (index, generation, denied numbers of the three ABIs as one row of bits, the numbers whose arguments decide as place
 * in `seen`, arguments, …, whether calls with these numbers are noted whatever their result)
 */
Napi::Value Recorder::watch(const Napi::CallbackInfo &info) {
  secco_denied_row denied = {};
  const auto words = info[2].As<Napi::BigUint64Array>();
  for (__u32 at = 0; at < SECCO_SEEN_WORDS && at < words.ElementLength(); at++) denied.word[at] = words[at];
  const auto deciding = info[3].As<Napi::Uint32Array>();
  for (size_t i = 0; i + 1 < deciding.ElementLength(); i += 2) {
    const __u32 at = deciding[i];
    if (at >= SECCO_SEEN_WORDS * 64) continue;
    table().note_arguments(at, static_cast<__u8>(deciding[i + 1]));
    denied.word[at / 64] |= 1ULL << (at % 64);
    denied.by_arguments[at / 64] |= 1ULL << (at % 64);
  }
  denied.any_result = info[4].ToBoolean();
  return Napi::Boolean::New(env_, table().watch(number(info[0]), number(info[1]), denied));
}

Napi::Value Recorder::noted(const Napi::CallbackInfo &) {
  return Napi::Number::New(env_, static_cast<double>(load(&table().state().noted)));
}

/* (interval in milliseconds, function) */
void Recorder::notify_denials(const Napi::CallbackInfo &info) {
  notifier_.reset();
  maps();
  const std::chrono::milliseconds interval(std::max<__u32>(1, number(info[0])));
  try {
    notifier_.emplace(env_, maps_, interval, info[1].As<Napi::Function>());
  } catch (const std::system_error &error) {
    throw_failure(env_, Failure{"no thread can be started that watches for denials", error.code().value()});
  }
}

/* () → of all slots; (index, generation) → of one slot */
Napi::Value Recorder::denials(const Napi::CallbackInfo &info) {
  if (!info[0].IsNumber()) return DenialList::all(env_, table());
  return DenialList::of_slot(env_, table(), number(info[0]), number(info[1]));
}

Napi::Value Recorder::changed_denials(const Napi::CallbackInfo &) { return denials_.changed(env_, table()); }

/* (mntns, cgroup id, pid, filtered, comm, name of its cgroup, of the cgroup's parent) → index or -1 */
Napi::Value Recorder::adopt(const Napi::CallbackInfo &info) {
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

/* (index, generation) */
Napi::Value Recorder::release(const Napi::CallbackInfo &info) {
  const bool done = table().release(number(info[0]), number(info[1]));
  SlotReuse::start(env_, maps_, reuse_running_);
  return Napi::Boolean::New(env_, done);
}

/* (index, generation) */
Napi::Value Recorder::name(const Napi::CallbackInfo &info) {
  return Napi::Boolean::New(env_, table().name(number(info[0]), number(info[1])));
}

Napi::Value Recorder::ignore(const Napi::CallbackInfo &info) {
  return Napi::Boolean::New(env_, table().ignore(number(info[0]), number(info[1])));
}

Napi::Value Recorder::host_mntns(const Napi::CallbackInfo &) { return Napi::Number::New(env_, maps().host_mntns()); }

Napi::Value Recorder::own_cgroup(const Napi::CallbackInfo &) {
  return Napi::BigInt::New(env_, static_cast<uint64_t>(maps().own_cgroup()));
}

/* (thread group id) */
Napi::Value Recorder::admit(const Napi::CallbackInfo &info) {
  const bool done = table().admit(number(info[0]));
  SlotReuse::start(env_, maps_, reuse_running_);
  return Napi::Boolean::New(env_, done);
}

}  // namespace

void export_recorder(Napi::Env env, Napi::Object exports) { exports.Set("Recorder", Recorder::define(env)); }

}  // namespace secco
