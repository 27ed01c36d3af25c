/*
 * One set of kernel maps and links, read and written as plain memory. No JavaScript here: recorder.cc
 * has the face, recorder.h the layout and its meaning.
 */
#pragma once

#include <bpf/bpf.h>
#include <sched.h>
#include <string.h>

#include <algorithm>
#include <cstddef>
#include <thread>
#include <utility>
#include <vector>

#include "mapping.h"
#include "recorder.h"

namespace {

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

}  // namespace
