/*
 * One set of the recorder's kernel maps and links: loaded, attached, pinned, adopted. slots/slot-table.h has what is
 * in the maps, recorder-class.cc the class for JavaScript.
 */
#pragma once

#include <bpf/libbpf.h>
#include <linux/types.h>

#include <memory>
#include <string>
#include <vector>

#include "addon/pins/pin-folder.h"
#include "addon/slots/slot-table.h"
#include "shared/iter-task.h"
#include "shared/sizes.h"

namespace secco {

struct OpenOptions {
  std::string path;
  std::string btf;
  __u32 slots;
  bool typed; /* tp_btf, else raw_tp */
  std::string pin; /* folder on a bpf file system; empty: everything ends with the process */
  __u32 stripes; /* at most; 0: as many as fit (shared/sizes.h) */
};

/* Leftover is a layout of other maps whose pins were removed. */
struct Leftover {
  std::string layout;
  __u32 missed; /* containers that were recorded in it */
  std::string problem; /* why they could not be counted; empty if they could */
};

/* RecorderMaps owns the maps and links. Its destructor is the one place where they end. */
class RecorderMaps {
 public:
  /* Loads the programs and makes or adopts the maps. Throws Failure. */
  explicit RecorderMaps(const OpenOptions &options);
  RecorderMaps(const RecorderMaps &) = delete;
  RecorderMaps &operator=(const RecorderMaps &) = delete;
  ~RecorderMaps();

  /* keep leaves what is pinned to the next process. */
  void keep() { keep_ = true; }
  bool pinned() const { return pins_ != nullptr; }
  /* adopted returns whether the maps are those of an earlier process. */
  bool adopted() const { return adopted_; }
  /* pins returns the folder of this layout's pins; empty while nothing is pinned. */
  const std::string &pins() const { return folder_; }

  /* attach attaches all programs, or none. Throws Failure. */
  void attach();
  void detach();
  bool attached() const { return !links_.empty(); }

  /*
   * remove_leftovers removes the pins of other layouts and counts the containers that were recorded in them. Call it
   * after attach(): until then the programs of the other layout record.
   */
  std::vector<Leftover> remove_leftovers();

  SlotTable &table() { return table_; }

  /* host_mntns returns the inode number of the machine's own mount namespace. */
  __u32 host_mntns() const { return config_.host_mntns; }

  /* own_cgroup returns the cgroup id of this process as the kernel side sees it, also in a cgroup namespace; or 0. */
  __u64 own_cgroup() const;

  /* recursion_misses returns how often the kernel skipped a program because it was running on that CPU. */
  __u64 recursion_misses() const;

 private:
  struct bpf_map *map(const char *name) const;
  void configure(const OpenOptions &options);
  secco_config *initial_config() const;
  void resize(const OpenOptions &options);
  std::string layout_of(const OpenOptions &options) const;
  void prepare_pins(const OpenOptions &options);
  void finish_pins();
  void load_object();
  void map_memory();
  std::string link_path(struct bpf_program *program) const;
  void adopt_links();
  void pin_links();
  void unpin_links();
  void set_baseline();
  secco_task find_task(__u32 pid) const;
  __u64 youngest_mntns() const;

  template <typename Do>
  void each_map(Do handle) const {
    struct bpf_map *map;
    bpf_object__for_each_map(map, object_) handle(map, "/" + pin_name("map", bpf_map__name(map)));
  }

  std::unique_ptr<PinFolder> pins_;
  std::string folder_;
  const std::string task_iterator_;
  SlotTable table_;
  bool adopted_ = false;
  bool keep_ = false;
  secco_config config_ = {};
  struct bpf_object *object_ = nullptr;
  std::vector<struct bpf_link *> links_;
  secco_sizes sizes_ = {};
};

}  // namespace secco
