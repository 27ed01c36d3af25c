/*
 * The addon: owns one set of kernel maps and links, and reads them as plain memory. Layout and
 * meaning are in recorder.h; the kernel's half in recorder.bpf.c. The typed face is recorder.ts.
 *
 * Everything runs on the thread of its JavaScript environment, but for one wait (see Grace).
 * Nothing is pinned: when the process dies, however it dies, the kernel detaches and frees all.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <linux/types.h>
#include <napi.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "recorder.h"

namespace {

/* libbpf's last complaints, for the message of the error that follows them. */
thread_local std::string complaints;

int note_complaint(enum libbpf_print_level level, const char *format, va_list args) {
  if (level != LIBBPF_WARN) return 0;
  char line[512];
  int length = vsnprintf(line, sizeof(line), format, args);
  // The verifier's log can be a megabyte; the reason is in the short lines around it.
  if (length > 0 && length < static_cast<int>(sizeof(line)) && complaints.size() < 2048) complaints += line;
  return length;
}

struct Failure {
  std::string what;
  int code;
};

std::string one_line(std::string text) {
  std::string out;
  for (char c : text) {
    if (c == '\n') {
      if (!out.empty() && out.back() != ';') out += ';';
    } else {
      out += c == '\t' ? ' ' : c;
    }
  }
  while (!out.empty() && (out.back() == ';' || out.back() == ' ')) out.pop_back();
  return out.substr(0, 400);
}

__u64 load(const __u64 *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }

__u32 inode_of(const char *path) {
  struct stat found;
  return stat(path, &found) == 0 ? static_cast<__u32>(found.st_ino) : 0;
}

__u64 monotonic() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<__u64>(now.tv_sec) * 1000000000ULL + now.tv_nsec;
}

/* A map's memory in this process. */
class Mapping {
 public:
  Mapping() = default;
  Mapping(const Mapping &) = delete;
  Mapping &operator=(const Mapping &) = delete;
  ~Mapping() { close(); }

  void open(int fd, size_t bytes, const char *name) {
    const size_t page = sysconf(_SC_PAGESIZE);
    bytes = (bytes + page - 1) / page * page;
    void *got = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (got == MAP_FAILED) throw Failure{std::string("map '") + name + "' cannot be mapped", errno};
    memory_ = got;
    bytes_ = bytes;
  }
  void close() {
    if (memory_ != nullptr) munmap(memory_, bytes_);
    memory_ = nullptr;
  }
  template <typename T>
  T *as() const {
    return static_cast<T *>(memory_);
  }

 private:
  void *memory_ = nullptr;
  size_t bytes_ = 0;
};

struct OpenOptions {
  std::string path;
  std::string btf;
  __u32 slots;
  bool typed;  // tp_btf, else raw_tp
};

struct Adopted {
  __u32 mntns;
  __u64 cgroup;
  __u32 pid;
  bool filtered;
  std::string comm, name, parent;
};

/* Cut to its field; the field ends in a zero byte. */
template <size_t N>
void put(char (&field)[N], const std::string &text) {
  const size_t length = std::min(text.size(), N - 1);
  memcpy(field, text.data(), length);
  field[length] = 0;
}

/* The maps and links. Its destructor is the one place where they end. */
class Maps {
 public:
  explicit Maps(const OpenOptions &options) : slots_(options.slots) {
    complaints.clear();
    LIBBPF_OPTS(bpf_object_open_opts, open_options);
    if (!options.btf.empty()) open_options.btf_custom_path = options.btf.c_str();
    object_ = bpf_object__open_file(options.path.c_str(), &open_options);
    if (object_ == nullptr) throw Failure{"cannot open '" + options.path + "'", errno};
    try {
      load_object(options);
      map_memory();
    } catch (...) {
      bpf_object__close(object_);
      throw;
    }
  }
  Maps(const Maps &) = delete;
  Maps &operator=(const Maps &) = delete;
  ~Maps() {
    detach();
    state_.close();
    slot_memory_.close();
    counts_.close();
    bpf_object__close(object_);
  }

  void attach() {
    if (attached()) return;
    complaints.clear();
    /* Calls were missed while nothing was attached. */
    for (__u32 i = 0; i < slots_; i++) {
      if (slot(i).state == SECCO_SLOT_USED) {
        __atomic_fetch_and(&slot(i).flags, ~SECCO_COMPLETE, __ATOMIC_ACQ_REL);
      }
    }
    struct bpf_program *program;
    bpf_object__for_each_program(program, object_) {
      if (!bpf_program__autoload(program)) continue;
      struct bpf_link *link = bpf_program__attach(program);
      if (link == nullptr) {
        const int code = errno;
        detach();
        throw Failure{std::string("program '") + bpf_program__name(program) + "' cannot be attached", code};
      }
      links_.push_back(link);
    }
    set_baseline();
  }

  void detach() {
    for (auto link = links_.rbegin(); link != links_.rend(); ++link) bpf_link__destroy(*link);
    links_.clear();
  }

  bool attached() const { return !links_.empty(); }
  __u32 slots() const { return slots_; }
  secco_state &state() const { return *state_.as<secco_state>(); }
  secco_slot &slot(__u32 index) const { return slot_memory_.as<secco_slot>()[index]; }

  __u64 count(__u32 index, __u32 nr) const {
    const secco_native_row *rows = counts_.as<secco_native_row>() + static_cast<size_t>(index) * stripes_;
    __u64 sum = 0;
    for (__u32 i = 0; i < stripes_; i++) sum += __atomic_load_n(&rows[i].count[nr], __ATOMIC_RELAXED);
    return sum;
  }

  /* Rows that are not mapped: few containers have them, and mapped pages are resident memory. */
  bool compat(__u32 index, secco_compat_row *row) const {
    return bpf_map_lookup_elem(compat_fd_, &index, row) == 0;
  }
  bool x32(__u32 index, secco_x32_row *row) const { return bpf_map_lookup_elem(x32_fd_, &index, row) == 0; }

  /* The slot of a key, made if there is none; -1: table full. The kernel's claim(), from here. */
  long adopt(const Adopted &container) {
    const long at = claim_entry((static_cast<__u64>(container.mntns) << 32) ^ container.cgroup);
    if (at < 0) return full();
    secco_entry &entry = state().entries[at];
    __u64 known = load(&entry.word);
    if (static_cast<__u32>(known) != 0) return static_cast<__u32>(known) - 1;
    /* An entry that got no slot before may get one now. */
    const long taken = take_slot();
    if (taken < 0) {
      __u64 none = 0;
      __atomic_compare_exchange_n(&entry.word, &none, static_cast<__u64>(SECCO_FULL) << 32, false,
                                  __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
      return full();
    }
    const __u32 flags = SECCO_ADOPTED | (container.filtered ? SECCO_FILTERED : 0);
    secco_slot &made = slot(taken);
    made.cgroup_id = container.cgroup;
    made.mntns = container.mntns;
    made.ns_id = 0;
    made.first_seen = made.last_seen = monotonic();
    made.pid = container.pid;
    made.entry = at;
    made.index = taken;
    made.flags = flags;
    put(made.comm, container.comm);
    put(made.cgroup_name, container.name);
    put(made.cgroup_parent, container.parent);
    const __u64 word = static_cast<__u64>(flags) << 32 | (taken + 1);
    while (!__atomic_compare_exchange_n(&entry.word, &known, word, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
      if (static_cast<__u32>(known) == 0) continue;
      give_slot(taken);
      return static_cast<__u32>(known) - 1;
    }
    __atomic_store_n(&made.state, SECCO_SLOT_USED, __ATOMIC_RELEASE);
    return taken;
  }

  bool is(__u32 index, __u32 generation) const {
    return index < slots_ && slot(index).generation == generation &&
           __atomic_load_n(&slot(index).state, __ATOMIC_ACQUIRE) == SECCO_SLOT_USED;
  }

  /* The slot is unlinked at once and free after a grace period: see Grace. */
  bool release(__u32 index, __u32 generation) {
    if (!is(index, generation)) return false;
    secco_slot &gone = slot(index);
    gone.state = SECCO_SLOT_RELEASED;
    gone.generation++;
    secco_entry &entry = state().entries[gone.entry % SECCO_ENTRIES];
    /* The entry may have gone to a later owner of the same namespace number. */
    if (static_cast<__u32>(load(&entry.word)) == index + 1) unlink(entry);
    limbo_.push_back(index);
    return true;
  }

  bool ignore(__u32 index, __u32 generation) {
    if (!is(index, generation)) return false;
    __atomic_fetch_or(&slot(index).flags, SECCO_IGNORED, __ATOMIC_ACQ_REL);
    __u64 *word = &state().entries[slot(index).entry % SECCO_ENTRIES].word;
    __u64 known = load(word);
    while (static_cast<__u32>(known) == index + 1 &&
           !__atomic_compare_exchange_n(word, &known, known | static_cast<__u64>(SECCO_IGNORED) << 32, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
    }
    return true;
  }

  bool has_limbo() const { return !limbo_.empty(); }
  std::vector<__u32> take_limbo() { return std::exchange(limbo_, {}); }

  /* After the grace period: nobody can count in these any more. */
  void reuse(const std::vector<__u32> &indices) {
    static const secco_compat_row no_compat = {};
    static const secco_x32_row no_x32 = {};
    for (__u32 index : indices) {
      secco_slot &gone = slot(index);
      const __u32 generation = gone.generation;
      memset(counts_.as<secco_native_row>() + static_cast<size_t>(index) * stripes_, 0,
             sizeof(secco_native_row) * stripes_);
      if (any(gone, SECCO_COMPAT_AT, SECCO_X32_AT)) bpf_map_update_elem(compat_fd_, &index, &no_compat, BPF_ANY);
      if (any(gone, SECCO_X32_AT, SECCO_SEEN_WORDS * 64)) bpf_map_update_elem(x32_fd_, &index, &no_x32, BPF_ANY);
      memset(&gone, 0, sizeof(gone));
      gone.generation = generation;
      give_slot(index);
    }
    if (load(&state().table_full) != 0 && !indices.empty()) forget_full();
  }

  __u64 recursion_misses() const {
    __u64 sum = 0;
    struct bpf_program *program;
    bpf_object__for_each_program(program, object_) {
      if (!bpf_program__autoload(program)) continue;
      struct bpf_prog_info info = {};
      __u32 length = sizeof(info);
      if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length) == 0) sum += info.recursion_misses;
    }
    return sum;
  }

  static bool any(const secco_slot &slot, __u32 from, __u32 to) {
    for (__u32 word = from / 64; word < to / 64; word++) {
      if (load(&slot.seen[word]) != 0) return true;
    }
    return false;
  }

 private:
  struct bpf_map *map(const char *name) const {
    struct bpf_map *found = bpf_object__find_map_by_name(object_, name);
    if (found == nullptr) throw Failure{std::string("map '") + name + "' is not in the object", ENOENT};
    return found;
  }

  void load_object(const OpenOptions &options) {
    const std::string other = options.typed ? "_raw" : "_btf";
    struct bpf_program *program;
    bpf_object__for_each_program(program, object_) {
      const std::string name = bpf_program__name(program);
      bpf_program__set_autoload(program, name.compare(name.size() - other.size(), other.size(), other) != 0);
    }
    const int cpus = std::max(1, libbpf_num_possible_cpus());
    while (stripes_ < static_cast<__u32>(cpus) && stripes_ < SECCO_STRIPES_MAX) stripes_ *= 2;

    size_t bytes = 0;
    auto *config = static_cast<secco_config *>(
        const_cast<void *>(static_cast<const void *>(bpf_map__initial_value(map(".rodata"), &bytes))));
    if (config == nullptr || bytes < sizeof(*config)) throw Failure{"configuration is not in the object", EINVAL};
    config->self_mntns = inode_of("/proc/self/ns/mnt");
    config->host_mntns = inode_of("/proc/1/ns/mnt");
    if (config->host_mntns == 0) config->host_mntns = config->self_mntns;
    config->stripes = stripes_;
    config->one_stripe_per_cpu = stripes_ >= static_cast<__u32>(cpus);
    bpf_map__set_max_entries(map("slots"), slots_);
    bpf_map__set_max_entries(map("counts"), slots_ * stripes_);
    bpf_map__set_max_entries(map("counts_compat"), slots_);
    bpf_map__set_max_entries(map("counts_x32"), slots_);

    if (const int code = bpf_object__load(object_); code != 0) {
      std::string first = "an object part";
      bpf_object__for_each_program(program, object_) {
        if (bpf_program__autoload(program) && bpf_program__fd(program) < 0) {
          first = std::string("program '") + bpf_program__name(program) + "'";
          break;
        }
      }
      throw Failure{first + " cannot be loaded", -code};
    }
  }

  void map_memory() {
    state_.open(bpf_map__fd(map(".bss")), sizeof(secco_state), ".bss");
    slot_memory_.open(bpf_map__fd(map("slots")), sizeof(secco_slot) * slots_, "slots");
    counts_.open(bpf_map__fd(map("counts")), sizeof(secco_native_row) * slots_ * stripes_, "counts");
    compat_fd_ = bpf_map__fd(map("counts_compat"));
    x32_fd_ = bpf_map__fd(map("counts_x32"));
    for (__u32 i = 0; i < slots_; i++) give_slot(i);
  }

  /*
   * Mount namespaces are numbered by age. One that is made now tells which ones are older than the
   * attachment and therefore cannot have been seen from their beginning.
   */
  void set_baseline() {
    __atomic_store_n(&state().baseline_ns, 0, __ATOMIC_RELEASE);
    std::thread([this] {
      __atomic_store_n(&state().baseline_tid, static_cast<__u32>(syscall(SYS_gettid)), __ATOMIC_RELEASE);
      if (unshare(CLONE_NEWNS) != 0) __atomic_store_n(&state().baseline_tid, 0, __ATOMIC_RELEASE);
    }).join();
    /* join() returns a little before the kernel's exit event. */
    const __u64 until = monotonic() + 1000000000ULL;
    while (__atomic_load_n(&state().baseline_tid, __ATOMIC_ACQUIRE) != 0 && monotonic() < until) sched_yield();
    __atomic_store_n(&state().baseline_tid, 0, __ATOMIC_RELEASE);
  }

  long full() {
    __atomic_fetch_add(&state().table_full, 1, __ATOMIC_ACQ_REL);
    return -1;
  }

  void give_slot(__u32 index) {
    __atomic_fetch_or(&state().free_slots[index / 64], 1ULL << (index % 64), __ATOMIC_ACQ_REL);
  }

  long take_slot() {
    for (__u32 i = 0; i < SECCO_SLOTS_MAX / 64; i++) {
      __u64 *word = &state().free_slots[i];
      for (__u64 free = load(word); free != 0; free = load(word)) {
        const __u64 bit = free & -free;
        if (__atomic_fetch_and(word, ~bit, __ATOMIC_ACQ_REL) & bit) return i * 64 + __builtin_ctzll(bit);
      }
    }
    return -1;
  }

  long claim_entry(__u64 key) {
    const __u32 home = (key * SECCO_HASH) >> (64 - SECCO_ENTRY_BITS);
    for (;;) {
      long place = -1;
      for (__u32 i = 0; i < SECCO_PROBES; i++) {
        const __u32 at = (home + i) % SECCO_ENTRIES;
        const __u64 found = load(&state().entries[at].key);
        if (found == key) return at;
        if (found > SECCO_KEY_REMOVED) continue;
        if (place < 0 && load(&state().entries[at].word) == 0) place = at;
        if (found == SECCO_KEY_EMPTY) break;
      }
      if (place < 0) return -1;
      __u64 there = load(&state().entries[place].key);
      if (there == key) return place;
      if (there <= SECCO_KEY_REMOVED &&
          __atomic_compare_exchange_n(&state().entries[place].key, &there, key, false, __ATOMIC_ACQ_REL,
                                      __ATOMIC_ACQUIRE)) {
        return place;
      }
    }
  }

  /* Containers that found the table full get another chance. */
  void forget_full() {
    for (auto &entry : state().entries) {
      if (load(&entry.word) != static_cast<__u64>(SECCO_FULL) << 32) continue;
      unlink(entry);
    }
  }

  /* In this order: nobody claims a removed entry before its word is 0. */
  static void unlink(secco_entry &entry) {
    __atomic_store_n(&entry.key, SECCO_KEY_REMOVED, __ATOMIC_RELEASE);
    __atomic_store_n(&entry.word, 0, __ATOMIC_RELEASE);
  }

  struct bpf_object *object_ = nullptr;
  std::vector<struct bpf_link *> links_;
  std::vector<__u32> limbo_;
  Mapping state_, slot_memory_, counts_;
  int compat_fd_ = -1, x32_fd_ = -1;
  __u32 slots_;
  __u32 stripes_ = 1;
};

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
                        InstanceMethod<&Recorder::ignore>("ignore"), InstanceMethod<&Recorder::stop>("stop")});
  }

  /* (object file, BTF file or '', slots, true for tp_btf) */
  explicit Recorder(const Napi::CallbackInfo &info) : Napi::ObjectWrap<Recorder>(info), env_(info.Env()) {
    OpenOptions options;
    options.path = info[0].As<Napi::String>();
    options.btf = info[1].As<Napi::String>();
    options.slots = std::clamp<__u32>(info[2].As<Napi::Number>().Uint32Value(), 1, SECCO_SLOTS_MAX);
    options.typed = info[3].As<Napi::Boolean>();
    try {
      maps_ = std::make_shared<Maps>(options);
    } catch (const Failure &failure) {
      raise(env_, failure);
    }
    napi_add_env_cleanup_hook(env_, end, this);
  }

  ~Recorder() override { napi_remove_env_cleanup_hook(env_, end, this); }

 private:
  /* The environment ends (process exit, a worker's end) and the garbage collector may never come. */
  static void end(void *self) { static_cast<Recorder *>(self)->maps_.reset(); }

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
  void stop(const Napi::CallbackInfo &) { maps_.reset(); }

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
  return out;
}

Napi::Object start(Napi::Env env, Napi::Object exports) {
  libbpf_set_print(note_complaint);
  exports.Set("Recorder", Recorder::define(env));
  exports.Set("attachObject", Napi::Function::New(env, attach_object));
  exports.Set("layout", layout(env));
  exports.Set("slotsDefault", Napi::Number::New(env, SECCO_SLOTS_DEFAULT));
  exports.Set("slotsMax", Napi::Number::New(env, SECCO_SLOTS_MAX));
  return exports;
}

}  // namespace

NODE_API_MODULE(secco_recorder, start)
