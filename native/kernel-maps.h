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
#include "details.h"
#include "sizes.h"

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
    bpf_object__close(object_);
  }

  void attach() {
    if (attached()) return;
    complaints.clear();
    forget_execs();
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

  /*
   * A slot's counters, summed over the stripes. Copied by the kernel: a mapping of all counters would
   * make every page of them resident memory of this process.
   */
  std::vector<__u64> counts(__u32 index) const {
    std::vector<__u64> sum(SECCO_NATIVE_NUMBERS);
    secco_native_row row;
    for (__u32 stripe = 0; stripe < sizes_.stripes; stripe++) {
      const __u32 at = index * sizes_.stripes + stripe;
      if (bpf_map_lookup_elem(counts_fd_, &at, &row) != 0) continue;
      for (__u32 nr = 0; nr < SECCO_NATIVE_NUMBERS; nr++) sum[nr] += row.count[nr];
    }
    return sum;
  }

  const secco_sizes &sizes() const { return sizes_; }
  const Details &details() const { return details_; }

  /* The slot of a key, made if there is none; -1: table full. The kernel's claim(), from here. */
  long adopt(const Adopted &container) {
    const long at = claim_entry((static_cast<__u64>(container.mntns) << 32) ^ container.cgroup);
    if (at < 0) return full();
    secco_entry &entry = state().entries[at];
    __u64 known = load(&entry.word);
    if (static_cast<__u32>(known) != 0) return take_over(static_cast<__u32>(known) - 1, entry, container);
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
    forget_last();
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
    forget_last();
    limbo_.push_back(index);
    return true;
  }

  bool ignore(__u32 index, __u32 generation) {
    if (!is(index, generation)) return false;
    mark(index, SECCO_IGNORED);
    return true;
  }

  /* The numbers first: whoever sees the flag finds them. */
  bool watch(__u32 index, __u32 generation, const secco_refused_row &refused) {
    if (!is(index, generation)) return false;
    details_.refuse(index, refused);
    mark(index, SECCO_WATCHED);
    return true;
  }

  bool has_limbo() const { return !limbo_.empty(); }
  std::vector<__u32> take_limbo() { return std::exchange(limbo_, {}); }

  /* After the grace period: nobody can count in these any more. */
  void reuse(const std::vector<__u32> &indices) {
    static const secco_native_row no_counts = {};
    for (__u32 index : indices) {
      secco_slot &gone = slot(index);
      const __u32 generation = gone.generation;
      for (__u32 stripe = 0; stripe < sizes_.stripes; stripe++) {
        const __u32 at = index * sizes_.stripes + stripe;
        bpf_map_update_elem(counts_fd_, &at, &no_counts, BPF_ANY);
      }
      for (const __u32 row : {gone.compat_row, gone.x32_row, gone.compat_arguments}) give_row(row);
      details_.forget(index, (gone.flags & SECCO_WATCHED) != 0);
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
    const bool sees_execveat = libbpf_find_vmlinux_btf_id("sched_prepare_exec", BPF_TRACE_RAW_TP) > 0;
    bpf_program__set_autoload(bpf_object__find_program_by_name(object_, "prepare_exec"), sees_execveat);
    sizes_ = secco_sizes_of(slots_, std::max(1, libbpf_num_possible_cpus()));

    size_t bytes = 0;
    auto *config = static_cast<secco_config *>(
        const_cast<void *>(static_cast<const void *>(bpf_map__initial_value(map(".rodata"), &bytes))));
    if (config == nullptr || bytes < sizeof(*config)) throw Failure{"configuration is not in the object", EINVAL};
    config->self_mntns = inode_of("/proc/self/ns/mnt");
    config->host_mntns = inode_of("/proc/1/ns/mnt");
    if (config->host_mntns == 0) config->host_mntns = config->self_mntns;
    config->stripes = sizes_.stripes;
    config->one_stripe_per_cpu = sizes_.one_stripe_per_cpu;
    config->sees_execveat = sees_execveat;
    bpf_map__set_max_entries(map("slots"), slots_);
    bpf_map__set_max_entries(map("counts"), slots_ * sizes_.stripes);
    bpf_map__set_max_entries(map("rows"), sizes_.rows);
    bpf_map__set_max_entries(map("arguments"), slots_);
    bpf_map__set_max_entries(map("refused"), slots_);
    bpf_map__set_max_entries(map("denials"), sizes_.denials);

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
    counts_fd_ = bpf_map__fd(map("counts"));
    details_ = {bpf_map__fd(map("rows")), bpf_map__fd(map("arguments")), bpf_map__fd(map("refused")),
                bpf_map__fd(map("denials"))};
    for (__u32 i = 0; i < slots_; i++) give_slot(i);
    for (__u32 i = 0; i < sizes_.rows; i++) give_row(i + 1);
    state().epoch = 1;
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

  /* Filters and processes that were noted may have ended unseen, and others have their addresses and numbers. */
  void forget_execs() {
    for (auto &filter : state().filters) __atomic_store_n(&filter, 0, __ATOMIC_RELEASE);
    for (auto &process : state().processes) __atomic_store_n(&process, 0, __ATOMIC_RELEASE);
    forget_last();
  }

  /* What the kernel side remembers of a CPU's newest call may be wrong from now on. */
  void forget_last() { __atomic_fetch_add(&state().epoch, 1, __ATOMIC_ACQ_REL); }

  /* A flag that the kernel side finds in the entry's word. */
  void mark(__u32 index, __u32 flag) {
    __atomic_fetch_or(&slot(index).flags, flag, __ATOMIC_ACQ_REL);
    __u64 *word = &state().entries[slot(index).entry % SECCO_ENTRIES].word;
    __u64 known = load(word);
    while (static_cast<__u32>(known) == index + 1 &&
           !__atomic_compare_exchange_n(word, &known, known | static_cast<__u64>(flag) << 32, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
    }
    forget_last();
  }

  /*
   * The kernel side met a container that is not new, and cannot know who of it was met: an exec may have
   * come before the entry point's next call. The runtime knows, so its word counts.
   */
  long take_over(__u32 index, secco_entry &entry, const Adopted &container) {
    secco_slot &known = slot(index);
    if (known.flags & (SECCO_COMPLETE | SECCO_ADOPTED) || known.pid == container.pid) return index;
    known.pid = container.pid;
    put(known.comm, container.comm);
    __atomic_store_n(&entry.filter, 0, __ATOMIC_RELEASE);
    __atomic_fetch_or(&known.flags, SECCO_ADOPTED, __ATOMIC_ACQ_REL);
    forget_last();
    return index;
  }

  /* As in slot.compat_row: one more than the row's number. */
  void give_row(__u32 row) {
    if (row == 0 || row == SECCO_NO_ROW) return;
    details_.clear_row(row - 1);
    __atomic_fetch_or(&state().free_rows[(row - 1) / 64], 1ULL << ((row - 1) % 64), __ATOMIC_ACQ_REL);
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
    forget_last();
  }

  /* In this order: nobody claims a removed entry before its word is 0. */
  static void unlink(secco_entry &entry) {
    __atomic_store_n(&entry.key, SECCO_KEY_REMOVED, __ATOMIC_RELEASE);
    __atomic_store_n(&entry.filter, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&entry.word, 0, __ATOMIC_RELEASE);
  }

  struct bpf_object *object_ = nullptr;
  std::vector<struct bpf_link *> links_;
  std::vector<__u32> limbo_;
  Mapping state_, slot_memory_;
  Details details_;
  int counts_fd_ = -1;
  __u32 slots_;
  secco_sizes sizes_ = {};
};

}  // namespace
