/*
 * One set of kernel maps and links: loaded, attached, pinned, adopted. What is in the maps is
 * slot-table.h's. No JavaScript here: recorder.cc has the face.
 */
#pragma once

#include <bpf/bpf.h>
#include <sched.h>
#include <sys/syscall.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include "mapping.h"
#include "pins.h"
#include "../shared/sizes.h"
#include "slot-table.h"
#include "tasks.h"
#include "undisturbed.h"

namespace {

struct OpenOptions {
  std::string path;
  std::string btf;
  __u32 slots;
  bool typed;  // tp_btf, else raw_tp
  std::string pin;  // folder on a bpf file system; empty: everything ends with the process
  __u32 stripes;  // at most; 0: as many as fit
};

/*
 * The maps and links. Its destructor is the one place where they end; what is pinned and to be kept
 * goes on without a process.
 */
class Maps {
 public:
  explicit Maps(const OpenOptions &options)
      : pins_(options.pin.empty() ? nullptr : std::make_unique<PinFolder>(options.pin)),
        walker_(options.path.substr(0, options.path.rfind('/') + 1) + "iter-task.bpf.o"),
        table_(options.slots) {
    complaints.clear();
    LIBBPF_OPTS(bpf_object_open_opts, open_options);
    if (!options.btf.empty()) open_options.btf_custom_path = options.btf.c_str();
    object_ = bpf_object__open_file(options.path.c_str(), &open_options);
    if (object_ == nullptr) throw Failure{"cannot open '" + options.path + "'", errno};
    try {
      configure(options);
      resize(options);
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
    table_.forget_execs();
    /* Calls were missed while nothing was attached. */
    table_.forget_complete();
    /* Until it is known who is older than the attachment, everybody is. */
    __atomic_store_n(&table_.state().baseline_ns, SECCO_ATTACHING, __ATOMIC_RELEASE);
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
    if (was) table_.forget_complete();
  }

  struct Leftover {
    std::string layout, problem;
    __u32 missed; /* containers that were recorded in it */
  };

  /*
   * Removes the pins of other layouts and counts the containers that were recorded in them. To be called after
   * attach(), so that no call goes unseen meanwhile.
   */
  std::vector<Leftover> remove_leftovers() {
    std::vector<Leftover> removed;
    if (!pinned()) return removed;
    for (const std::string &name : entries_of(pins_->path())) {
      const std::string folder = pins_->of(name);
      if (folder == folder_) continue;
      Leftover one = {name, "", 0};
      try {
        one.missed = used_slots_in(folder);
      } catch (const Failure &failure) {
        one.problem = failure.what;
      }
      remove_pins(folder);
      removed.push_back(one);
    }
    return removed;
  }

  bool attached() const { return !links_.empty(); }
  SlotTable &table() { return table_; }

  __u32 host_mntns() const { return config_.host_mntns; }
  /* The id of this process' cgroup as the kernel side sees it, from within a cgroup namespace too; 0: not known. */
  __u64 own_cgroup() const { return place_of(getpid()).cgroup; }

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
    /* libbpf would take a vmlinux on the disk as well, but only the kernel's own types let a program attach. */
    const bool sees_execveat =
        exists("/sys/kernel/btf/vmlinux") && libbpf_find_vmlinux_btf_id("sched_prepare_exec", BPF_TRACE_RAW_TP) > 0;
    bpf_program__set_autoload(bpf_object__find_program_by_name(object_, "prepare_exec"), sees_execveat);
    secco_config *config = initial_config();
    config->host_mntns = inode_of("/proc/1/ns/mnt");
    /* Where pid 1 shows nothing: that of kthreadd, which has the machine's first namespaces. */
    if (config->host_mntns == 0) config->host_mntns = place_of(2).mntns;
    if (config->host_mntns == 0) config->host_mntns = inode_of("/proc/self/ns/mnt");
    config->sees_execveat = sees_execveat;
    config->reads_registers = options.typed;
  }

  secco_config *initial_config() const {
    size_t bytes = 0;
    auto *config = static_cast<secco_config *>(
        const_cast<void *>(static_cast<const void *>(bpf_map__initial_value(map(".rodata"), &bytes))));
    if (config == nullptr || bytes < sizeof(*config)) throw Failure{"configuration is not in the object", EINVAL};
    return config;
  }

  void resize(const OpenOptions &options) {
    const __u32 slots = table_.slots();
    sizes_ = secco_sizes_of(slots, std::max(1, libbpf_num_possible_cpus()), options.stripes);
    secco_config *config = initial_config();
    config->stripes = sizes_.stripes;
    config->one_stripe_per_cpu = sizes_.one_stripe_per_cpu;
    bpf_map__set_max_entries(map("slots"), slots);
    bpf_map__set_max_entries(map("counts"), slots * sizes_.stripes);
    bpf_map__set_max_entries(map("rows"), sizes_.rows);
    bpf_map__set_max_entries(map("arguments"), slots);
    bpf_map__set_max_entries(map("refused"), slots);
    bpf_map__set_max_entries(map("denials"), sizes_.denials);
    bpf_map__set_max_entries(map("argument_denials"), sizes_.argument_denials);
    config_ = *config;
  }

  /* The layout's name: another object, size or configuration is another layout. */
  std::string layout_of(const OpenOptions &options) const {
    Digest digest;
    const std::string object = content_of(options.path);
    digest.add(object.data(), object.size());
    digest.add(config_);
    digest.add(pin_header_of(table_.slots()));
    digest.add(static_cast<__u32>(options.typed));
    digest.add(static_cast<__u64>(sizeof(secco_state)));
    return "v" + std::to_string(pin_header_version) + "-" + digest.text();
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
    bool whole = exists(folder_) && exists(folder_ + pin_header_name);
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
      pin_header(making, pin_header_of(table_.slots()));
      if (rename(making.c_str(), folder_.c_str()) != 0) throw Failure{"'" + folder_ + "' cannot be made", errno};
      return;
    }
    adopt_links();
    table_.recover();
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
    if (!whole || load(&table_.state().baseline_ns) == SECCO_ATTACHING) detach();
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
    const auto fd = [this](const char *name) { return bpf_map__fd(map(name)); };
    const SlotMaps maps = {fd(".bss"),      fd("slots"),   fd("counts"),  fd("rows"),
                           fd("arguments"), fd("refused"), fd("denials"), fd("argument_denials")};
    table_.open(maps, sizes_, adopted_);
  }

  /*
   * Mount namespaces are numbered by age. One that is made now tells which ones are older than the
   * attachment and therefore cannot have been seen from their beginning. Where none can be made (in a
   * pod) the youngest that somebody lives in tells it.
   */
  void set_baseline() {
    __u32 *tid = &table_.state().baseline_tid;
    std::thread([tid] {
      __atomic_store_n(tid, static_cast<__u32>(syscall(SYS_gettid)), __ATOMIC_RELEASE);
      if (unshare(CLONE_NEWNS) != 0) __atomic_store_n(tid, 0, __ATOMIC_RELEASE);
    }).join();
    /* join() returns a little before the kernel's exit event. */
    const __u64 until = monotonic() + 1000000000ULL;
    while (__atomic_load_n(tid, __ATOMIC_ACQUIRE) != 0 && monotonic() < until) sched_yield();
    __atomic_store_n(tid, 0, __ATOMIC_RELEASE);
    __u64 unknown = SECCO_ATTACHING;
    if (load(&table_.state().baseline_ns) != unknown) return;
    __atomic_compare_exchange_n(&table_.state().baseline_ns, &unknown, youngest(), false, __ATOMIC_ACQ_REL,
                                __ATOMIC_ACQUIRE);
  }

  /* Zeros where that cannot be told. */
  secco_task place_of(__u32 pid) const {
    try {
      for (const secco_task &task : all_tasks(walker_)) {
        if (task.pid == pid) return task;
      }
    } catch (const Failure &) {
      complaints.clear();
    }
    return {};
  }

  __u64 youngest() const {
    try {
      __u64 most = 0;
      for (const secco_task &task : all_tasks(walker_)) most = std::max<__u64>(most, task.ns_id);
      return most;
    } catch (const Failure &) {
      complaints.clear();
      return SECCO_ALL_OLD;
    }
  }

  std::unique_ptr<PinFolder> pins_;
  std::string folder_;
  const std::string walker_;
  SlotTable table_;
  bool adopted_ = false, keep_ = false;
  secco_config config_ = {};
  struct bpf_object *object_ = nullptr;
  std::vector<struct bpf_link *> links_;
  secco_sizes sizes_ = {};
};

}  // namespace
