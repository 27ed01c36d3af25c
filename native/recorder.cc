/*
 * The addon: owns one set of kernel maps and links, and reads them as plain memory. Layout and
 * meaning are in recorder.h; the kernel's half in recorder.bpf.c. The typed face is recorder.ts.
 *
 * Everything runs on the thread of its JavaScript environment, but for one wait (see Grace) and one number that is
 * watched (see tell_refused).
 * Without pins the kernel detaches and frees all when the process dies, however it dies; pins.h says
 * what stays with them.
 */
#include <linux/membarrier.h>
#include <napi.h>
#include <sys/syscall.h>

#include <memory>
#include <system_error>

#include "denial-face.h"
#include "faces.h"
#include "kernel-maps.h"
#include "learned-calls.h"
#include "pulse.h"
#include "reference.h"

namespace {

/*
 * Waits, off the main thread, until every CPU has left the programs that were running when it
 * began (membarrier's GLOBAL command is an RCU grace period), then lets released slots be reused.
 */
class Grace : public Napi::AsyncWorker {
 public:
  Grace(Napi::Env env, const std::shared_ptr<Maps> &maps, std::shared_ptr<bool> running)
      : Napi::AsyncWorker(env), maps_(maps), running_(std::move(running)), indices_(maps->table().take_limbo()) {
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
                        InstanceMethod<&Recorder::snapshot>("snapshot"),
                        InstanceMethod<&Recorder::changes>("changes"), InstanceMethod<&Recorder::read>("read"),
                        InstanceMethod<&Recorder::adopt>("adopt"), InstanceMethod<&Recorder::release>("release"),
                        InstanceMethod<&Recorder::ignore>("ignore"),
                        InstanceMethod<&Recorder::seen>("seen"),
                        InstanceMethod<&Recorder::arguments>("arguments"),
                        InstanceMethod<&Recorder::watch>("watch"),
                        InstanceMethod<&Recorder::denials>("denials"),
                        InstanceMethod<&Recorder::new_denials>("newDenials"),
                        InstanceMethod<&Recorder::noted>("noted"),
                        InstanceMethod<&Recorder::tell_refused>("tellRefused"), InstanceMethod<&Recorder::stop>("stop"),
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
    Recorder &recorder = *static_cast<Recorder *>(self);
    recorder.tell_no_more();
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
    tell_no_more();
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
    out.Set("tableFull", Napi::Number::New(env_, load(&table().state().table_full)));
    out.Set("unknownSyscalls", Napi::Number::New(env_, load(&table().state().unknown)));
    out.Set("detailsLost", Napi::Number::New(env_, load(&table().state().details_lost)));
    out.Set("recursionMisses", Napi::Number::New(env_, maps().recursion_misses()));
    return out;
  }

  std::vector<__u32> used() {
    std::vector<__u32> found;
    table().each_used([&](__u32 index, const secco_slot &) { found.push_back(index); });
    return found;
  }

  /* The occupied slots' structs, one after the other; `layout` says what is where. (index): of this one. */
  Napi::Value snapshot(const Napi::CallbackInfo &info) {
    if (!info[0].IsNumber()) return structs(used());
    const __u32 index = info[0].As<Napi::Number>();
    const bool is_used = index < table().slots() &&
                         __atomic_load_n(&table().slot(index).state, __ATOMIC_ACQUIRE) == SECCO_SLOT_USED;
    return structs(is_used ? std::vector<__u32>{index} : std::vector<__u32>{});
  }

  /*
   * (most) → [structs of slots that are new or changed since they were given last, at most so many;
   * index, generation … of those that are gone; whether there is more]. The slots are looked at in turn,
   * so that none waits for ever.
   */
  Napi::Value changes(const Napi::CallbackInfo &info) {
    const size_t most = std::max<__u32>(1, info[0].As<Napi::Number>().Uint32Value());
    const SlotTable &from = table();
    given_.resize(from.slots());
    std::vector<__u32> changed, gone;
    bool more = false;
    for (__u32 step = 0; step < from.slots() && !more; step++) {
      const __u32 index = (next_ + step) % from.slots();
      Given &before = given_[index];
      const bool taken = !(load(&from.state().free_slots[index / 64]) >> (index % 64) & 1);
      const secco_slot *slot = taken ? &from.slot(index) : nullptr;
      const bool is_used = taken && __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == SECCO_SLOT_USED;
      if (before.is_used && (!is_used || slot->generation != before.generation)) {
        gone.insert(gone.end(), {index, before.generation});
        before = {};
      }
      if (!is_used) continue;
      const Given now = {true, slot->generation, slot->flags, slot->exits, slot->pid, load(&slot->distinct)};
      if (before == now) continue;
      if (changed.size() >= most) {
        more = true;
        next_ = index;
        break;
      }
      before = now;
      changed.push_back(index);
    }
    Napi::Uint32Array left = Napi::Uint32Array::New(env_, gone.size());
    std::copy(gone.begin(), gone.end(), left.Data());
    Napi::Array out = Napi::Array::New(env_, 3);
    out.Set(0U, structs(changed));
    out.Set(1U, left);
    out.Set(2U, Napi::Boolean::New(env_, more));
    return out;
  }

  Napi::ArrayBuffer structs(const std::vector<__u32> &indices) {
    Napi::ArrayBuffer out = Napi::ArrayBuffer::New(env_, indices.size() * sizeof(secco_slot));
    auto *to = static_cast<secco_slot *>(out.Data());
    for (__u32 index : indices) memcpy(to++, &table().slot(index), sizeof(secco_slot));
    return out;
  }

  /*
   * Of each occupied slot: index and generation in one word, then its bits, SECCO_SEEN_WORDS of them. A view
   * of memory that the next call writes again: new memory of that size would cost more than what is copied.
   */
  Napi::Value seen(const Napi::CallbackInfo &) {
    const SlotTable &from = table();
    const size_t each = 1 + SECCO_SEEN_WORDS, room = from.slots() * each * sizeof(__u64);
    if (seen_.IsEmpty()) seen_ = Napi::Persistent(Napi::ArrayBuffer::New(env_, room));
    Napi::ArrayBuffer buffer = seen_.Value();
    auto *to = static_cast<__u64 *>(buffer.Data());
    size_t count = 0;
    from.each_used([&](__u32 index, const secco_slot &slot) {
      to[0] = static_cast<__u64>(slot.generation) << 32 | index;
      memcpy(to + 1, slot.seen, sizeof(slot.seen));
      to += each;
      count++;
    });
    return Napi::BigUint64Array::New(env_, count * each, buffer, 0);
  }

  /* [native, compat, x32, unknown]: each ABI as number, count, number, count …; undefined: it has none */
  Napi::Value read(const Napi::CallbackInfo &info) {
    const __u32 index = info[0].As<Napi::Number>();
    if (!table().is(index, info[1].As<Napi::Number>().Uint32Value())) return env_.Undefined();
    const secco_slot &slot = table().slot(index);
    Napi::Array out = Napi::Array::New(env_, 4);
    /* Bits before counts: whatever has a bit has been counted. */
    const secco_refused_row bits = bits_of(slot);
    const std::vector<__u64> own = table().counts(index);
    out.Set(0U, pairs(bits, 0, SECCO_COMPAT_AT, [&](__u32 nr) { return own[nr]; }));
    out.Set(1U, other(bits, slot.compat_row, SECCO_COMPAT_AT, SECCO_X32_AT));
    out.Set(2U, other(bits, slot.x32_row, SECCO_X32_AT, SECCO_SEEN_WORDS * 64));
    out.Set(3U, Napi::Number::New(env_, load(&slot.unknown)));
    return out;
  }

  static secco_refused_row bits_of(const secco_slot &slot) {
    secco_refused_row bits;
    for (__u32 at = 0; at < SECCO_SEEN_WORDS; at++) bits.word[at] = load(&slot.seen[at]);
    return bits;
  }

  /* A slot that found no row has bits all the same; each says that there was at least one call. */
  Napi::Value other(const secco_refused_row &bits, __u32 number, __u32 from, __u32 to) {
    secco_row row;
    const bool has = table().details().row(number, &row);
    return pairs(bits, from, to, [&](__u32 nr) { return has ? row.count[nr] : 1; });
  }

  template <typename Count>
  Napi::Value pairs(const secco_refused_row &seen, __u32 from, __u32 to, Count count) {
    std::vector<double> found;
    for (__u32 at = from; at < to; at += 64) {
      for (__u64 bits = seen.word[at / 64]; bits != 0; bits &= bits - 1) {
        const __u32 nr = at + __builtin_ctzll(bits) - from;
        /* -1 for a moment while an execveat is under way */
        const auto calls = static_cast<long long>(count(nr));
        if (calls <= 0) continue;
        found.push_back(nr);
        found.push_back(static_cast<double>(calls));
      }
    }
    return found.empty() ? env_.Undefined() : array(found);
  }

  Napi::Value array(const std::vector<double> &from) {
    Napi::Float64Array out = Napi::Float64Array::New(env_, from.size());
    std::copy(from.begin(), from.end(), out.Data());
    return out;
  }

  /* abi, number, argument, value …; and abi, number … of the calls that had more values than are kept */
  Napi::Value arguments(const Napi::CallbackInfo &info) {
    const __u32 index = info[0].As<Napi::Number>();
    if (!table().is(index, info[1].As<Napi::Number>().Uint32Value())) return env_.Undefined();
    const secco_slot &slot = table().slot(index);
    secco_argument_row own = {};
    secco_row compat = {};
    table().details().arguments(index, &own);
    table().details().row(slot.compat_arguments, &compat);
    std::vector<double> values, many;
    for (const secco_call &call : calls) {
      const secco_value_set *sets = (call.abi == 0 ? own.sets : compat.sets) + call.first_set;
      const bool lost = call.abi == 1 && slot.compat_arguments == SECCO_NO_ROW &&
                        load(&slot.seen[(SECCO_COMPAT_AT + call.nr) / 64]) >> (call.nr % 64) & 1;
      bool full = lost;
      for (__u32 argument = 0; argument < 3; argument++) {
        if (call.masks[argument] != 0) full |= add_values(call, argument, *sets++, &values);
      }
      if (full) many.insert(many.end(), {static_cast<double>(call.abi), static_cast<double>(call.nr)});
    }
    Napi::Array out = Napi::Array::New(env_, 2);
    out.Set(0U, array(values));
    out.Set(1U, array(many));
    return out;
  }

  /* True: there were more. */
  static bool add_values(const secco_call &call, __u32 argument, const secco_value_set &set,
                         std::vector<double> *values) {
    __u32 found = 0;
    const auto add = [&](__u32 value) {
      if (found++ >= SECCO_VALUES) return;
      for (const __u32 one : {static_cast<__u32>(call.abi), static_cast<__u32>(call.nr), argument, value}) {
        values->push_back(one);
      }
    };
    if (set.flags & SECCO_HAS_ZERO) add(0);
    for (const __u32 value : set.values) {
      if (value != 0) add(value);
    }
    return found > SECCO_VALUES || set.flags & SECCO_MANY;
  }

  /* (index, generation, refused numbers of the three ABIs as one row of bits) */
  Napi::Value watch(const Napi::CallbackInfo &info) {
    secco_refused_row refused = {};
    const auto words = info[2].As<Napi::BigUint64Array>();
    for (__u32 at = 0; at < SECCO_SEEN_WORDS && at < words.ElementLength(); at++) refused.word[at] = words[at];
    return Napi::Boolean::New(env_, table().watch(info[0].As<Napi::Number>().Uint32Value(),
                                                 info[1].As<Napi::Number>().Uint32Value(), refused));
  }

  Napi::Value noted(const Napi::CallbackInfo &) {
    return Napi::Number::New(env_, static_cast<double>(load(&table().state().noted)));
  }

  /* (milliseconds, called when something was noted of a slot that is watched: once in so many at most) */
  void tell_refused(const Napi::CallbackInfo &info) {
    tell_no_more();
    maps();
    told_ = Napi::ThreadSafeFunction::New(env_, info[1].As<Napi::Function>(), "secco refused", 1, 1);
    told_.Unref(env_);
    try {
      pulse_ = std::make_unique<Pulse>(
          std::chrono::milliseconds(std::max<__u32>(1, info[0].As<Napi::Number>().Uint32Value())),
          [maps = maps_] { return load(&maps->table().state().told); }, [this] { told_.NonBlockingCall(); });
    } catch (const std::system_error &error) {
      tell_no_more();
      raise(env_, Failure{"no thread can be started that waits for refused calls", error.code().value()});
    }
  }
  /* The thread first: it calls what is released after it. */
  void tell_no_more() {
    pulse_.reset();
    if (told_) told_.Release();
    told_ = {};
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
    return Napi::Boolean::New(env_, table().ignore(info[0].As<Napi::Number>().Uint32Value(),
                                                  info[1].As<Napi::Number>().Uint32Value()));
  }

  /* What JavaScript knows of a slot. */
  struct Given {
    bool is_used = false;
    __u32 generation = 0, flags = 0, exits = 0, pid = 0;
    __u64 distinct = 0;
    bool operator==(const Given &other) const {
      return is_used == other.is_used && generation == other.generation && flags == other.flags &&
             exits == other.exits && pid == other.pid && distinct == other.distinct;
    }
  };

  Napi::Env env_;
  std::vector<Given> given_;
  DenialFace denials_;
  __u32 next_ = 0;
  std::shared_ptr<Maps> maps_;
  Napi::ThreadSafeFunction told_;
  std::unique_ptr<Pulse> pulse_;
  Napi::Reference<Napi::ArrayBuffer> seen_;
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
