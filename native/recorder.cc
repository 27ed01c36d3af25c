/*
 * The addon: owns one set of kernel maps and links, and reads them as plain memory. Layout and
 * meaning are in recorder.h; the kernel's half in recorder.bpf.c. The typed face is recorder.ts.
 *
 * Everything runs on the thread of its JavaScript environment, but for one wait (see Grace).
 * Without pins the kernel detaches and frees all when the process dies, however it dies; pins.h says
 * what stays with them.
 */
#include <linux/membarrier.h>
#include <napi.h>
#include <sys/syscall.h>

#include <memory>

#include "kernel-maps.h"

namespace {

/*
 * Waits, off the main thread, until every CPU has left the programs that were running when it
 * began (membarrier's GLOBAL command is an RCU grace period), then lets released slots be reused.
 */
class Grace : public Napi::AsyncWorker {
 public:
  Grace(Napi::Env env, const std::shared_ptr<Maps> &maps, std::shared_ptr<bool> running)
      : Napi::AsyncWorker(env), maps_(maps), running_(std::move(running)), indices_(maps->take_limbo()) {
    *running_ = true;
  }
  void Execute() override {
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0) return;
    /* Refused where CPUs run without ticks (nohz_full). */
    const struct timespec second = {1, 0};
    nanosleep(&second, nullptr);
  }
  void OnOK() override {
    *running_ = false;
    const std::shared_ptr<Maps> maps = maps_.lock();
    if (maps == nullptr) return;
    maps->reuse(indices_);
    start(Env(), maps, running_);
  }
  static void start(Napi::Env env, const std::shared_ptr<Maps> &maps, const std::shared_ptr<bool> &running) {
    if (!*running && maps->has_limbo()) (new Grace(env, maps, running))->Queue();
  }

 private:
  std::weak_ptr<Maps> maps_;
  std::shared_ptr<bool> running_;
  std::vector<__u32> indices_;
};

[[noreturn]] void raise(Napi::Env env, const Failure &failure) {
  const std::string detail = one_line(complaints);
  Napi::Error error = Napi::Error::New(
      env, failure.what + ": " + strerror(failure.code) + " (errno " + std::to_string(failure.code) + ")");
  error.Set("errno", Napi::Number::New(env, failure.code));
  error.Set("detail", Napi::String::New(env, detail));
  throw error;
}

class Recorder : public Napi::ObjectWrap<Recorder> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Recorder",
                       {InstanceMethod<&Recorder::attach>("attach"), InstanceMethod<&Recorder::detach>("detach"),
                        InstanceMethod<&Recorder::attached>("attached"),
                        InstanceMethod<&Recorder::counters>("counters"),
                        InstanceMethod<&Recorder::snapshot>("snapshot"), InstanceMethod<&Recorder::read>("read"),
                        InstanceMethod<&Recorder::adopt>("adopt"), InstanceMethod<&Recorder::release>("release"),
                        InstanceMethod<&Recorder::ignore>("ignore"), InstanceMethod<&Recorder::stop>("stop"),
                        InstanceMethod<&Recorder::adopted>("adopted"),
                        InstanceMethod<&Recorder::leftovers>("leftovers")});
  }

  /* (object file, BTF file or '', slots, true for tp_btf, pin folder or '') */
  explicit Recorder(const Napi::CallbackInfo &info) : Napi::ObjectWrap<Recorder>(info), env_(info.Env()) {
    OpenOptions options;
    options.path = info[0].As<Napi::String>();
    options.btf = info[1].As<Napi::String>();
    options.slots = std::clamp<__u32>(info[2].As<Napi::Number>().Uint32Value(), 1, SECCO_SLOTS_MAX);
    options.typed = info[3].As<Napi::Boolean>();
    options.pin = info[4].As<Napi::String>();
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
    const std::shared_ptr<Maps> maps = std::move(static_cast<Recorder *>(self)->maps_);
    if (maps != nullptr) maps->keep();
  }

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
    if (maps_ != nullptr && info[0].ToBoolean()) maps_->keep();
    maps_.reset();
  }
  Napi::Value adopted(const Napi::CallbackInfo &) { return Napi::Boolean::New(env_, maps().adopted()); }

  /* What was taken over: [{layout, slots, problem}] */
  Napi::Value leftovers(const Napi::CallbackInfo &) {
    Napi::Array out = Napi::Array::New(env_);
    for (const Maps::Leftover &one : maps().take_leftovers()) {
      Napi::Object object = Napi::Object::New(env_);
      object.Set("layout", Napi::String::New(env_, one.layout));
      object.Set("slots", Napi::Number::New(env_, one.slots));
      object.Set("problem", Napi::String::New(env_, one.problem));
      out.Set(out.Length(), object);
    }
    return out;
  }

  Napi::Value counters(const Napi::CallbackInfo &) {
    Napi::Object out = Napi::Object::New(env_);
    out.Set("tableFull", Napi::Number::New(env_, load(&maps().state().table_full)));
    out.Set("unknownSyscalls", Napi::Number::New(env_, load(&maps().state().unknown)));
    out.Set("recursionMisses", Napi::Number::New(env_, maps().recursion_misses()));
    return out;
  }

  /* The occupied slots' structs, one after the other; `layout` says what is where. */
  Napi::Value snapshot(const Napi::CallbackInfo &) {
    std::vector<__u32> used;
    for (__u32 i = 0; i < maps().slots(); i++) {
      if (__atomic_load_n(&maps().slot(i).state, __ATOMIC_ACQUIRE) == SECCO_SLOT_USED) used.push_back(i);
    }
    Napi::ArrayBuffer out = Napi::ArrayBuffer::New(env_, used.size() * sizeof(secco_slot));
    auto *to = static_cast<secco_slot *>(out.Data());
    for (__u32 index : used) memcpy(to++, &maps().slot(index), sizeof(secco_slot));
    return out;
  }

  /* [native, compat, x32, unknown]: each ABI as number, count, number, count … */
  Napi::Value read(const Napi::CallbackInfo &info) {
    const __u32 index = info[0].As<Napi::Number>();
    if (!maps().is(index, info[1].As<Napi::Number>().Uint32Value())) return env_.Undefined();
    const secco_slot &slot = maps().slot(index);
    Napi::Array out = Napi::Array::New(env_, 4);
    out.Set(0U, pairs(slot, 0, SECCO_COMPAT_AT, [&](__u32 nr) { return maps().count(index, nr); }));
    secco_compat_row compat;
    const bool has_compat = Maps::any(slot, SECCO_COMPAT_AT, SECCO_X32_AT) && maps().compat(index, &compat);
    out.Set(1U, pairs(slot, SECCO_COMPAT_AT, has_compat ? SECCO_X32_AT : SECCO_COMPAT_AT,
                      [&](__u32 nr) { return compat.count[nr]; }));
    secco_x32_row x32;
    const bool has_x32 = Maps::any(slot, SECCO_X32_AT, SECCO_SEEN_WORDS * 64) && maps().x32(index, &x32);
    out.Set(2U, pairs(slot, SECCO_X32_AT, has_x32 ? SECCO_SEEN_WORDS * 64 : SECCO_X32_AT,
                      [&](__u32 nr) { return x32.count[nr]; }));
    out.Set(3U, Napi::Number::New(env_, load(&slot.unknown)));
    return out;
  }

  template <typename Count>
  Napi::Value pairs(const secco_slot &slot, __u32 from, __u32 to, Count count) {
    std::vector<double> found;
    for (__u32 at = from; at < to; at += 64) {
      for (__u64 bits = load(&slot.seen[at / 64]); bits != 0; bits &= bits - 1) {
        const __u32 nr = at + __builtin_ctzll(bits) - from;
        /* -1 for a moment while an execveat is under way */
        const auto calls = static_cast<long long>(count(nr));
        if (calls <= 0) continue;
        found.push_back(nr);
        found.push_back(static_cast<double>(calls));
      }
    }
    Napi::Float64Array out = Napi::Float64Array::New(env_, found.size());
    std::copy(found.begin(), found.end(), out.Data());
    return out;
  }

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
    return Napi::Number::New(env_, maps().adopt(container));
  }

  Napi::Value release(const Napi::CallbackInfo &info) {
    const bool done =
        maps().release(info[0].As<Napi::Number>().Uint32Value(), info[1].As<Napi::Number>().Uint32Value());
    Grace::start(env_, maps_, grace_);
    return Napi::Boolean::New(env_, done);
  }
  Napi::Value ignore(const Napi::CallbackInfo &info) {
    return Napi::Boolean::New(env_, maps().ignore(info[0].As<Napi::Number>().Uint32Value(),
                                                  info[1].As<Napi::Number>().Uint32Value()));
  }

  Napi::Env env_;
  std::shared_ptr<Maps> maps_;
  std::shared_ptr<bool> grace_ = std::make_shared<bool>(false);
};

/* Any object with all its programs attached, for comparisons: attachObject(file) → {stop()}. */
struct Attached {
  struct bpf_object *object = nullptr;
  std::vector<struct bpf_link *> links;
  ~Attached() {
    for (auto *link : links) bpf_link__destroy(link);
    bpf_object__close(object);
  }
};

Napi::Value attach_object(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  complaints.clear();
  auto attached = std::make_shared<Attached>();
  const std::string path = info[0].As<Napi::String>();
  attached->object = bpf_object__open_file(path.c_str(), nullptr);
  if (attached->object == nullptr) raise(env, {"cannot open '" + path + "'", errno});
  if (const int code = bpf_object__load(attached->object); code != 0) raise(env, {"cannot load '" + path + "'", -code});
  struct bpf_program *program;
  bpf_object__for_each_program(program, attached->object) {
    struct bpf_link *link = bpf_program__attach(program);
    if (link == nullptr) raise(env, {std::string("cannot attach '") + bpf_program__name(program) + "'", errno});
    attached->links.push_back(link);
  }
  Napi::Object out = Napi::Object::New(env);
  out.Set("stop", Napi::Function::New(env, [attached](const Napi::CallbackInfo &) mutable { attached.reset(); }));
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

Napi::Object layout(Napi::Env env) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("size", Napi::Number::New(env, sizeof(secco_slot)));
#define FIELD(name, field) out.Set(name, Napi::Number::New(env, offsetof(secco_slot, field)))
  FIELD("index", index);
  FIELD("generation", generation);
  FIELD("mntns", mntns);
  FIELD("cgroupId", cgroup_id);
  FIELD("cgroupName", cgroup_name);
  FIELD("cgroupParent", cgroup_parent);
  FIELD("pid", pid);
  FIELD("comm", comm);
  FIELD("firstSeen", first_seen);
  FIELD("lastSeen", last_seen);
  FIELD("flags", flags);
  FIELD("distinct", distinct);
#undef FIELD
  out.Set("nameBytes", Napi::Number::New(env, SECCO_NAME));
  out.Set("commBytes", Napi::Number::New(env, SECCO_COMM));
  out.Set("filteredFlag", Napi::Number::New(env, SECCO_FILTERED));
  out.Set("completeFlag", Napi::Number::New(env, SECCO_COMPLETE));
  out.Set("ignoredFlag", Napi::Number::New(env, SECCO_IGNORED));
  return out;
}

Napi::Object start(Napi::Env env, Napi::Object exports) {
  libbpf_set_print(note_complaint);
  exports.Set("Recorder", Recorder::define(env));
  exports.Set("attachObject", Napi::Function::New(env, attach_object));
  exports.Set("mountPins", Napi::Function::New(env, mount_pins));
  exports.Set("cleanPins", Napi::Function::New(env, clean_pins));
  exports.Set("layout", layout(env));
  exports.Set("slotsDefault", Napi::Number::New(env, SECCO_SLOTS_DEFAULT));
  exports.Set("slotsMax", Napi::Number::New(env, SECCO_SLOTS_MAX));
  return exports;
}

}  // namespace

NODE_API_MODULE(secco_recorder, start)
