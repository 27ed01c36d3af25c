#include "addon/maps/recorder-maps.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

#include "addon/lib/digest.h"
#include "addon/lib/failure.h"
#include "addon/lib/kernel.h"
#include "addon/maps/tasks.h"
#include "addon/pins/pin-header.h"
#include "shared/load-object.h"

namespace secco {

namespace {

constexpr __u64 baseline_wait_ns = 1000000000ULL;

std::string content_of(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

bool ends_with(const std::string &text, const std::string &end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/* RecursionMisses sums a counter of programs, each program once. */
class RecursionMisses {
 public:
  void add(int program) {
    struct bpf_prog_info info = {};
    __u32 length = sizeof(info);
    if (program < 0 || bpf_obj_get_info_by_fd(program, &info, &length) != 0) return;
    if (std::find(known_.begin(), known_.end(), info.id) != known_.end()) return;
    known_.push_back(info.id);
    sum_ += info.recursion_misses;
  }
  __u64 sum() const { return sum_; }

 private:
  std::vector<__u32> known_;
  __u64 sum_ = 0;
};

}  // namespace

RecorderMaps::RecorderMaps(const OpenOptions &options)
    : pins_(options.pin.empty() ? nullptr : std::make_unique<PinFolder>(options.pin)),
      task_iterator_(options.path.substr(0, options.path.rfind('/') + 1) + "iter-task.bpf.o"),
      table_(options.slots) {
  clear_libbpf_warnings();
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
    if (pins_ != nullptr && !adopted_) pins_->remove_unfinished();
    throw;
  }
}

RecorderMaps::~RecorderMaps() {
  if (keep_ && pinned()) {
    for (struct bpf_link *link : links_) bpf_link__destroy(link);
    links_.clear();
  } else {
    detach();
    if (pinned()) remove_pins(folder_);
  }
  bpf_object__close(object_);
}

void RecorderMaps::attach() {
  if (attached()) return;
  clear_libbpf_warnings();
  /* Calls were missed while nothing was attached. */
  table_.forget_execs();
  table_.clear_complete();
  /* Until set_baseline() knows which containers are older than the attachment, all of them count as older. */
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

void RecorderMaps::detach() {
  const bool was = attached();
  if (pinned()) unpin_links();
  for (auto link = links_.rbegin(); link != links_.rend(); ++link) bpf_link__destroy(*link);
  links_.clear();
  if (was) table_.clear_complete();
}

std::vector<Leftover> RecorderMaps::remove_leftovers() {
  std::vector<Leftover> removed;
  if (!pinned()) return removed;
  for (const std::string &layout : entries_of(pins_->path())) {
    const std::string folder = pins_->of(layout);
    if (folder == folder_) continue;
    Leftover one = {layout, 0, ""};
    try {
      one.missed = containers_in(folder);
    } catch (const Failure &failure) {
      one.problem = failure.what;
    }
    remove_pins(folder);
    removed.push_back(one);
  }
  return removed;
}

__u64 RecorderMaps::own_cgroup() const { return find_task(getpid()).cgroup; }

__u64 RecorderMaps::recursion_misses() const {
  RecursionMisses misses;
  struct bpf_program *program;
  bpf_object__for_each_program(program, object_) {
    if (bpf_program__autoload(program)) misses.add(bpf_program__fd(program));
  }
  /* Adopted links run the programs of the process that attached them. */
  if (!adopted_) return misses.sum();
  for (struct bpf_link *link : links_) {
    struct bpf_link_info info = {};
    __u32 length = sizeof(info);
    if (bpf_obj_get_info_by_fd(bpf_link__fd(link), &info, &length) != 0) continue;
    const int fd = bpf_prog_get_fd_by_id(info.prog_id);
    misses.add(fd);
    if (fd >= 0) close(fd);
  }
  return misses.sum();
}

struct bpf_map *RecorderMaps::map(const char *name) const {
  struct bpf_map *found = bpf_object__find_map_by_name(object_, name);
  if (found == nullptr) throw Failure{std::string("map '") + name + "' is not in the object", ENOENT};
  return found;
}

/* Selects the programs of one hook and sets the constants of the object. */
void RecorderMaps::configure(const OpenOptions &options) {
  const std::string other_hook = options.typed ? "_raw" : "_btf";
  struct bpf_program *program;
  bpf_object__for_each_program(program, object_) {
    bpf_program__set_autoload(program, !ends_with(bpf_program__name(program), other_hook));
  }
  /* libbpf would also use a vmlinux on the disk, but a program attaches by the kernel's own types only. */
  const bool sees_execveat =
      exists("/sys/kernel/btf/vmlinux") && libbpf_find_vmlinux_btf_id("sched_prepare_exec", BPF_TRACE_RAW_TP) > 0;
  bpf_program__set_autoload(bpf_object__find_program_by_name(object_, "prepare_exec"), sees_execveat);
  secco_config *config = initial_config();
  config->host_mntns = inode_of("/proc/1/ns/mnt");
  /* Where pid 1 cannot be inspected: kthreadd (pid 2) has the machine's first namespaces. */
  if (config->host_mntns == 0) config->host_mntns = find_task(2).mntns;
  if (config->host_mntns == 0) config->host_mntns = inode_of("/proc/self/ns/mnt");
  config->sees_execveat = sees_execveat;
  config->reads_registers = options.typed;
}

/* The object's constants, which can be written before it is loaded. */
secco_config *RecorderMaps::initial_config() const {
  size_t bytes = 0;
  auto *config = static_cast<secco_config *>(
      const_cast<void *>(static_cast<const void *>(bpf_map__initial_value(map(".rodata"), &bytes))));
  if (config == nullptr || bytes < sizeof(*config)) throw Failure{"configuration is not in the object", EINVAL};
  return config;
}

void RecorderMaps::resize(const OpenOptions &options) {
  const __u32 slots = table_.slots();
  sizes_ = secco_sizes_of(slots, std::max(1, libbpf_num_possible_cpus()), options.stripes);
  secco_config *config = initial_config();
  config->stripes = sizes_.stripes;
  config->one_stripe_per_cpu = sizes_.one_stripe_per_cpu;
  bpf_map__set_max_entries(map("slots"), slots);
  bpf_map__set_max_entries(map("counts"), slots * sizes_.stripes);
  bpf_map__set_max_entries(map("rows"), sizes_.rows);
  bpf_map__set_max_entries(map("arguments"), slots);
  bpf_map__set_max_entries(map("denied"), slots);
  bpf_map__set_max_entries(map("denials"), sizes_.denials);
  bpf_map__set_max_entries(map("argument_denials"), sizes_.argument_denials);
  config_ = *config;
}

/* The layout's name: another object, size or configuration is another layout. */
std::string RecorderMaps::layout_of(const OpenOptions &options) const {
  Digest digest;
  digest.add(content_of(options.path));
  digest.add_value(config_);
  digest.add_value(pin_header_of(table_.slots()));
  digest.add_value(static_cast<__u32>(options.typed));
  digest.add_value(static_cast<__u64>(sizeof(secco_state)));
  return "v" + std::to_string(pin_header_version) + "-" + digest.text();
}

/*
 * Makes libbpf take the pinned maps at load, or make them and pin them in a folder with another name, which
 * finish_pins() renames.
 */
void RecorderMaps::prepare_pins(const OpenOptions &options) {
  pins_->remove_unfinished();
  folder_ = pins_->of(layout_of(options));
  adopted_ = exists(folder_) && exists(folder_ + pin_header_name);
  each_map([&](struct bpf_map *, const std::string &name) { adopted_ = adopted_ && exists(folder_ + name); });
  if (!adopted_) remove_pins(folder_);
  const std::string folder = adopted_ ? folder_ : folder_ + unfinished_suffix;
  if (!adopted_ && mkdir(folder.c_str(), 0700) != 0) throw Failure{"'" + folder + "' cannot be made", errno};
  each_map([&](struct bpf_map *map, const std::string &name) {
    if (const int code = bpf_map__set_pin_path(map, (folder + name).c_str()); code != 0) {
      throw Failure{"map '" + name + "' cannot be pinned", -code};
    }
  });
}

void RecorderMaps::finish_pins() {
  if (adopted_) {
    adopt_links();
    table_.recover();
    return;
  }
  const std::string unfinished = folder_ + unfinished_suffix;
  pin_header(unfinished, pin_header_of(table_.slots()));
  if (rename(unfinished.c_str(), folder_.c_str()) != 0) throw Failure{"'" + folder_ + "' cannot be made", errno};
}

void RecorderMaps::load_object() {
  const int code = secco_load_object(object_);
  if (code == 0) return;
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

void RecorderMaps::map_memory() {
  const auto fd = [this](const char *name) { return bpf_map__fd(map(name)); };
  const SlotMaps maps = {fd(".bss"),      fd("slots"),  fd("counts"),  fd("rows"),
                         fd("arguments"), fd("denied"), fd("denials"), fd("argument_denials")};
  table_.open(maps, sizes_, adopted_);
}

std::string RecorderMaps::link_path(struct bpf_program *program) const {
  return folder_ + "/" + pin_name("link", bpf_program__name(program));
}

/* Adopts all links or none: with one missing, calls were missed, and attach() has to attach all of them. */
void RecorderMaps::adopt_links() {
  struct bpf_program *program;
  bool complete = true;
  bpf_object__for_each_program(program, object_) {
    if (!bpf_program__autoload(program)) continue;
    struct bpf_link *link = bpf_link__open(link_path(program).c_str());
    if (link == nullptr) complete = false;
    else links_.push_back(link);
  }
  /* Without a baseline the earlier process was killed in attach(), which sets it before it pins the first link. */
  if (!complete || load(&table_.state().baseline_ns) == SECCO_ATTACHING) detach();
}

void RecorderMaps::pin_links() {
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

void RecorderMaps::unpin_links() {
  for (const std::string &name : entries_of(folder_)) {
    if (is_link_pin(name)) unlink((folder_ + "/" + name).c_str());
  }
}

/*
 * Ids of mount namespaces grow with time (bpf/ns-id.bpf.h). A thread makes one and ends; the kernel side takes its id
 * as the baseline (on_process_exit() in bpf/recorder.bpf.c): older ones cannot have been seen from their beginning.
 * Where no namespace can be made (in a pod) the youngest one that has a task is the baseline.
 */
void RecorderMaps::set_baseline() {
  __u32 *tid = &table_.state().baseline_tid;
  std::thread([tid] {
    __atomic_store_n(tid, static_cast<__u32>(syscall(SYS_gettid)), __ATOMIC_RELEASE);
    if (unshare(CLONE_NEWNS) != 0) __atomic_store_n(tid, 0, __ATOMIC_RELEASE);
  }).join();
  /* join() returns shortly before the kernel's event of the thread's end. */
  const __u64 until = monotonic() + baseline_wait_ns;
  while (__atomic_load_n(tid, __ATOMIC_ACQUIRE) != 0 && monotonic() < until) sched_yield();
  __atomic_store_n(tid, 0, __ATOMIC_RELEASE);
  __u64 unknown = SECCO_ATTACHING;
  if (load(&table_.state().baseline_ns) != unknown) return;
  __atomic_compare_exchange_n(&table_.state().baseline_ns, &unknown, youngest_mntns(), false, __ATOMIC_ACQ_REL,
                              __ATOMIC_ACQUIRE);
}

/* The task with this thread id; zeros if it cannot be found. */
secco_task RecorderMaps::find_task(__u32 pid) const {
  try {
    for (const secco_task &task : all_tasks(task_iterator_)) {
      if (task.pid == pid) return task;
    }
  } catch (const Failure &) {
    clear_libbpf_warnings();
  }
  return {};
}

__u64 RecorderMaps::youngest_mntns() const {
  try {
    __u64 youngest = 0;
    for (const secco_task &task : all_tasks(task_iterator_)) youngest = std::max<__u64>(youngest, task.ns_id);
    return youngest;
  } catch (const Failure &) {
    clear_libbpf_warnings();
    return SECCO_ALL_OLD;
  }
}

}  // namespace secco
