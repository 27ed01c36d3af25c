/*
 * One set of kernel maps and links, read and written as plain memory. No JavaScript here: recorder.cc
 * has the face, recorder.h the layout and its meaning.
 */
#pragma once

#include <bpf/bpf.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "leftovers.h"
#include "mapping.h"
#include "details.h"
#include "pins.h"
#include "sizes.h"
#include "undisturbed.h"

namespace {

struct OpenOptions {
  std::string path;
  std::string btf;
  __u32 slots;
  bool typed;       // tp_btf, else raw_tp
  std::string pin;  // folder on a bpf file system; empty: everything ends with the process
};

struct Adopted {
  __u32 mntns;
  __u64 cgroup;
  __u32 pid;
  bool filtered;
  std::string comm, name, parent;
  __u32 part = SECCO_ENTRY_POINT;
};

/* Cut to its field; the field ends in a zero byte. */
template <size_t N>
void put(char (&field)[N], const std::string &text) {
  const size_t length = std::min(text.size(), N - 1);
  memcpy(field, text.data(), length);
  field[length] = 0;
}

/* A slot's sum of two recorders' counts is written on the CPU that may be adding to it just now. */
class OnThisCpu {
 public:
  OnThisCpu() {
    if (sched_getaffinity(0, sizeof(before_), &before_) != 0) return;
    const int cpu = sched_getcpu();
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu < 0 ? 0 : cpu, &one);
    if (cpu >= 0 && sched_setaffinity(0, sizeof(one), &one) == 0) cpu_ = cpu;
  }
  OnThisCpu(const OnThisCpu &) = delete;
  OnThisCpu &operator=(const OnThisCpu &) = delete;
  ~OnThisCpu() {
    if (cpu_ >= 0) sched_setaffinity(0, sizeof(before_), &before_);
  }
  __u32 cpu() const { return cpu_ < 0 ? 0 : cpu_; }

 private:
  cpu_set_t before_;
  int cpu_ = -1;
};

/*
 * The maps and links. Its destructor is the one place where they end; what is pinned and to be kept
 * goes on without a process.
 */
class Maps {
 public:
  explicit Maps(const OpenOptions &options) : slots_(options.slots) {
    complaints.clear();
    LIBBPF_OPTS(bpf_object_open_opts, open_options);
    if (!options.btf.empty()) open_options.btf_custom_path = options.btf.c_str();
    if (!options.pin.empty()) pins_ = std::make_unique<PinFolder>(options.pin);
    object_ = bpf_object__open_file(options.path.c_str(), &open_options);
    if (object_ == nullptr) throw Failure{"cannot open '" + options.path + "'", errno};
    try {
      configure(options);
      if (pins_ != nullptr) prepare_pins(options);
      load_object();
      map_memory();
      if (pins_ != nullptr) finish_pins();
    } catch (...) {
      for (struct bpf_link *link : links_) bpf_link__destroy(link);
      bpf_object__close(object_);
      if (pins_ != nullptr && !adopted_) pins_->sweep();
      throw;
    }
  }
  Maps(const Maps &) = delete;
  Maps &operator=(const Maps &) = delete;
  ~Maps() {
    if (keep_ && pinned()) {
      for (struct bpf_link *link : links_) bpf_link__destroy(link);
      links_.clear();
    } else {
      detach();
      if (pinned()) remove_pins(folder_);
    }
    state_.close();
    slot_memory_.close();
    bpf_object__close(object_);
  }

  /* What is pinned is left to the next process. */
  void keep() { keep_ = true; }
  bool pinned() const { return pins_ != nullptr; }
  /* The maps are those of an earlier process. */
  bool adopted() const { return adopted_; }

  void attach() {
    if (attached()) return;
    complaints.clear();
    forget_execs();
    /* Calls were missed while nothing was attached. */
    forget_complete();
    /* Until it is known who is older than the attachment, everybody is. */
    __atomic_store_n(&state().baseline_ns, ~0ULL, __ATOMIC_RELEASE);
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
    if (pinned()) pin_links();
  }

  void detach() {
    const bool was = attached();
    if (pinned()) unpin_links();
    for (auto link = links_.rbegin(); link != links_.rend(); ++link) bpf_link__destroy(*link);
    links_.clear();
    if (was) forget_complete();
  }

  struct Leftover {
    std::string layout, problem;
    __u32 slots;
  };

  /*
   * Takes over what other layouts hold and removes them. To be called after attach(): then a
   * container that was seen from its beginning still is. A layout that cannot be read is removed too.
   */
  std::vector<Leftover> take_leftovers() {
    std::vector<Leftover> done;
    if (!pinned()) return done;
    for (const std::string &name : entries_of(pins_->path())) {
      const std::string folder = pins_->of(name);
      if (folder == folder_) continue;
      Leftover one = {name, "", 0};
      try {
        const OldLayout old(folder);
        const bool seamless = attached() && old.attached();
        old.each([&](const OldSlot &slot) {
          if (take_over(slot, seamless)) one.slots++;
        });
      } catch (const Failure &failure) {
        one.problem = failure.what;
      }
      remove_pins(folder);
      done.push_back(one);
    }
    return done;
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
    const long at = claim_entry((static_cast<__u64>(container.mntns) << 32) ^ container.cgroup ^ SECCO_PART_KEY(container.part));
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
    made.part = container.part;
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
    /* What failed for another reason before the profile was known has told all it can. */
    const secco_slot &known = slot(index);
    for (__u32 at = 0; at < SECCO_SEEN_WORDS * 64; at++) {
      if ((load(&known.seen[at >> 6]) & ~refused.word[at >> 6]) >> (at & 63) & 1) details_.drop(index, generation, at);
    }
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
      details_.forget(index, (gone.flags & (SECCO_WATCHED | SECCO_FILTERED)) != 0);
      /* Never without its generation, whenever this process is killed. */
      secco_slot empty = {};
      empty.generation = generation;
      memcpy(&gone, &empty, sizeof(gone));
      give_slot(index);
    }
    if (load(&state().table_full) != 0 && !indices.empty()) forget_full();
  }

  __u64 recursion_misses() const {
    __u64 sum = 0;
    std::vector<__u32> known;
    const auto add = [&](int fd) {
      struct bpf_prog_info info = {};
      __u32 length = sizeof(info);
      if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &length) != 0) return;
      if (std::find(known.begin(), known.end(), info.id) != known.end()) return;
      known.push_back(info.id);
      sum += info.recursion_misses;
    };
    struct bpf_program *program;
    bpf_object__for_each_program(program, object_) {
      if (bpf_program__autoload(program)) add(bpf_program__fd(program));
    }
    /* Adopted links run the programs of the process that attached them. */
    if (!adopted_) return sum;
    for (struct bpf_link *link : links_) {
      struct bpf_link_info info = {};
      __u32 length = sizeof(info);
      if (bpf_obj_get_info_by_fd(bpf_link__fd(link), &info, &length) != 0) continue;
      const int fd = bpf_prog_get_fd_by_id(info.prog_id);
      add(fd);
      if (fd >= 0) close(fd);
    }
    return sum;
  }

 private:
  struct bpf_map *map(const char *name) const {
    struct bpf_map *found = bpf_object__find_map_by_name(object_, name);
    if (found == nullptr) throw Failure{std::string("map '") + name + "' is not in the object", ENOENT};
    return found;
  }

  void configure(const OpenOptions &options) {
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
    /* Frozen here, and the number of a process that ended is the next container's: ignore() instead. */
    if (pins_ != nullptr) config->self_mntns = config->host_mntns;
    config->stripes = sizes_.stripes;
    config->one_stripe_per_cpu = sizes_.one_stripe_per_cpu;
    config->sees_execveat = sees_execveat;
    bpf_map__set_max_entries(map("slots"), slots_);
    bpf_map__set_max_entries(map("counts"), slots_ * sizes_.stripes);
    bpf_map__set_max_entries(map("rows"), sizes_.rows);
    bpf_map__set_max_entries(map("arguments"), slots_);
    bpf_map__set_max_entries(map("refused"), slots_);
    bpf_map__set_max_entries(map("denials"), sizes_.denials);
    config_ = *config;
  }

  /* The layout's name: another object, size or configuration is another layout. */
  std::string layout_of(const OpenOptions &options) const {
    Digest digest;
    const std::string object = content_of(options.path);
    digest.add(object.data(), object.size());
    digest.add(config_);
    digest.add(about_this(slots_, sizes_.stripes));
    digest.add(static_cast<__u32>(options.typed));
    digest.add(static_cast<__u64>(sizeof(secco_state)));
    return "v" + std::to_string(about_version) + "-" + digest.text();
  }

  template <typename Do>
  void each_map(Do what) {
    struct bpf_map *map;
    bpf_object__for_each_map(map, object_) what(map, "/" + pin_name("map", bpf_map__name(map)));
  }

  /* Load then takes pinned maps, or makes them and pins them in a folder that does not count yet. */
  void prepare_pins(const OpenOptions &options) {
    pins_->sweep();
    folder_ = pins_->of(layout_of(options));
    bool whole = exists(folder_) && exists(folder_ + "/about");
    each_map([&](struct bpf_map *, const std::string &name) { whole = whole && exists(folder_ + name); });
    if (!whole) remove_pins(folder_);
    adopted_ = whole;
    const std::string folder = whole ? folder_ : folder_ + half_made;
    if (!whole && mkdir(folder.c_str(), 0700) != 0) throw Failure{"'" + folder + "' cannot be made", errno};
    each_map([&](struct bpf_map *map, const std::string &name) {
      if (const int code = bpf_map__set_pin_path(map, (folder + name).c_str()); code != 0) {
        throw Failure{"map '" + name + "' cannot be pinned", -code};
      }
    });
  }

  void finish_pins() {
    if (!adopted_) {
      const std::string making = folder_ + half_made;
      pin_about(making, about_this(slots_, sizes_.stripes));
      if (rename(making.c_str(), folder_.c_str()) != 0) throw Failure{"'" + folder_ + "' cannot be made", errno};
      return;
    }
    adopt_links();
    recover();
  }

  std::string link_path(struct bpf_program *program) const {
    return folder_ + "/" + pin_name("link", bpf_program__name(program));
  }

  /* All or none: with one missing, calls were missed, and attach() begins anew. */
  void adopt_links() {
    struct bpf_program *program;
    bool whole = true;
    bpf_object__for_each_program(program, object_) {
      if (!bpf_program__autoload(program)) continue;
      struct bpf_link *link = bpf_link__open(link_path(program).c_str());
      if (link == nullptr) whole = false;
      else links_.push_back(link);
    }
    /* Killed while it was attached: the baseline is set before the first link is pinned. */
    if (!whole || load(&state().baseline_ns) == ~0ULL) detach();
  }

  void pin_links() {
    size_t at = 0;
    struct bpf_program *program;
    bpf_object__for_each_program(program, object_) {
      if (!bpf_program__autoload(program)) continue;
      const int code = bpf_link__pin(links_[at++], link_path(program).c_str());
      if (code == 0) continue;
      detach();
      throw Failure{std::string("the link of '") + bpf_program__name(program) + "' cannot be pinned", -code};
    }
  }

  void unpin_links() {
    for (const std::string &name : entries_of(folder_)) {
      if (name.rfind("link-", 0) == 0) ::unlink((folder_ + "/" + name).c_str());
    }
  }

  void load_object() {
    if (const int code = load_undisturbed(object_); code != 0) {
      std::string first = "an object part";
      struct bpf_program *program;
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
    if (adopted_) return;
    for (__u32 i = 0; i < slots_; i++) give_slot(i);
    for (__u32 i = 0; i < sizes_.rows; i++) give_row(i + 1);
    state().epoch = 1;
  }

  /* What a process that was killed had begun with a slot and not ended. */
  void recover() {
    for (secco_entry &entry : state().entries) {
      if (load(&entry.key) == SECCO_KEY_REMOVED && load(&entry.word) != 0) unlink(entry);
    }
    std::vector<__u32> odd;
    for (__u32 i = 0; i < slots_; i++) {
      const __u32 is = __atomic_load_n(&slot(i).state, __ATOMIC_ACQUIRE);
      if (is == SECCO_SLOT_RELEASED) {
        secco_entry &entry = state().entries[slot(i).entry % SECCO_ENTRIES];
        if (static_cast<__u32>(load(&entry.word)) == i + 1) unlink(entry);
        limbo_.push_back(i);
      } else if (is == SECCO_SLOT_FREE && !is_free(i)) {
        odd.push_back(i);
      }
    }
    if (odd.empty()) return;
    /* The kernel may be about to give these out: it has, after a grace period. */
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0) return;
    for (__u32 index : odd) {
      if (__atomic_load_n(&slot(index).state, __ATOMIC_ACQUIRE) != SECCO_SLOT_FREE || is_free(index)) continue;
      bool linked = false;
      for (const secco_entry &entry : state().entries) linked = linked || static_cast<__u32>(load(&entry.word)) == index + 1;
      if (linked) __atomic_store_n(&slot(index).state, SECCO_SLOT_USED, __ATOMIC_RELEASE);
      else limbo_.push_back(index);
    }
  }
  bool is_free(__u32 index) { return load(&state().free_slots[index / 64]) >> (index % 64) & 1; }

  void forget_complete() {
    for (__u32 i = 0; i < slots_; i++) {
      if (slot(i).state == SECCO_SLOT_USED) __atomic_fetch_and(&slot(i).flags, ~SECCO_COMPLETE, __ATOMIC_ACQ_REL);
    }
  }

  /* One container of another layout, with what it has done so far. False: no room. */
  bool take_over(const OldSlot &old, bool seamless) {
    const long index =
        adopt({old.mntns, old.cgroup_id, old.pid, old.filtered, old.comm, old.name, old.parent, old.part});
    if (index < 0) return false;
    secco_slot &mine = slot(index);
    /* The same observation goes on under the same id. */
    if (mine.generation < old.generation) mine.generation = old.generation;
    if (mine.ns_id == 0) mine.ns_id = old.ns_id;
    mine.first_seen = std::min(mine.first_seen, old.first_seen);
    mine.last_seen = std::max(mine.last_seen, old.last_seen);
    __atomic_fetch_add(&mine.unknown, old.unknown, __ATOMIC_ACQ_REL);
    const OnThisCpu here;
    for (const OldSlot::Count &one : old.counts) add(index, one, here.cpu());
    if (old.complete && seamless) __atomic_fetch_or(&mine.flags, SECCO_COMPLETE, __ATOMIC_ACQ_REL);
    if (old.ignored) ignore(index, mine.generation);
    return true;
  }

  /* One instruction on the CPU that the row belongs to: exact beside the kernel's plain addition. */
  void add(__u32 index, const OldSlot::Count &one, __u32 cpu) {
    static const __u32 starts[] = {0, SECCO_COMPAT_AT, SECCO_X32_AT, SECCO_SEEN_WORDS * 64};
    if (one.abi > 2 || starts[one.abi] + one.nr >= starts[one.abi + 1]) {
      __atomic_fetch_add(&slot(index).unknown, one.count, __ATOMIC_ACQ_REL);
      return;
    }
    if (one.abi == 0) {
      add_native(index * sizes_.stripes + (cpu & (sizes_.stripes - 1)), one);
    } else {
      add_pooled(one.abi == 1 ? slot(index).compat_row : slot(index).x32_row, one);
    }
    const __u32 at = starts[one.abi] + one.nr;
    const __u64 bit = 1ULL << (at % 64);
    if (!(__atomic_fetch_or(&slot(index).seen[at / 64], bit, __ATOMIC_ACQ_REL) & bit)) {
      __atomic_fetch_add(&slot(index).distinct, 1, __ATOMIC_ACQ_REL);
    }
  }
  /* A row is a page: only that one is mapped. */
  void add_native(__u32 at, const OldSlot::Count &one) {
    const size_t bytes = sizeof(secco_native_row);
    void *page = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, counts_fd_, static_cast<off_t>(at) * bytes);
    if (page == MAP_FAILED) return;
    __atomic_fetch_add(&static_cast<secco_native_row *>(page)->count[one.nr], one.count, __ATOMIC_ACQ_REL);
    munmap(page, bytes);
  }
  /* Beside the kernel's additions one may be lost here; the bit, and so the set, is not. */
  void add_pooled(__u32 &place, const OldSlot::Count &one) {
    if (__atomic_load_n(&place, __ATOMIC_ACQUIRE) == 0) {
      const __u32 taken = take_row();
      __u32 none = 0;
      if (!__atomic_compare_exchange_n(&place, &none, taken, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) give_row(taken);
    }
    secco_row row;
    if (!details_.row(place, &row)) return;
    row.count[one.nr] += one.count;
    details_.write_row(place, row);
  }
  __u32 take_row() {
    for (__u32 i = 0; i < SECCO_ROWS_MAX / 64; i++) {
      __u64 *word = &state().free_rows[i];
      for (__u64 free = load(word); free != 0; free = load(word)) {
        const __u64 bit = free & -free;
        if (__atomic_fetch_and(word, ~bit, __ATOMIC_ACQ_REL) & bit) return i * 64 + __builtin_ctzll(bit) + 1;
      }
    }
    return SECCO_NO_ROW;
  }

  /*
   * Mount namespaces are numbered by age. One that is made now tells which ones are older than the
   * attachment and therefore cannot have been seen from their beginning. Where that cannot be told
   * (0) all of them count as younger.
   */
  void set_baseline() {
    std::thread([this] {
      __atomic_store_n(&state().baseline_tid, static_cast<__u32>(syscall(SYS_gettid)), __ATOMIC_RELEASE);
      if (unshare(CLONE_NEWNS) != 0) __atomic_store_n(&state().baseline_tid, 0, __ATOMIC_RELEASE);
    }).join();
    /* join() returns a little before the kernel's exit event. */
    const __u64 until = monotonic() + 1000000000ULL;
    while (__atomic_load_n(&state().baseline_tid, __ATOMIC_ACQUIRE) != 0 && monotonic() < until) sched_yield();
    __atomic_store_n(&state().baseline_tid, 0, __ATOMIC_RELEASE);
    __u64 unknown = ~0ULL;
    __atomic_compare_exchange_n(&state().baseline_ns, &unknown, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
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

  std::unique_ptr<PinFolder> pins_;
  std::string folder_;
  bool adopted_ = false, keep_ = false;
  secco_config config_ = {};
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
