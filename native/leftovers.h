/*
 * What another release pinned in another layout: its slots, read by its own `about`. The caller has
 * attached its own programs before, so that nothing is lost between the two.
 */
#pragma once

#include <functional>

#include "pins.h"

namespace {

/* One occupied slot of another layout. */
struct OldSlot {
  __u64 cgroup_id, ns_id, first_seen, last_seen, unknown;
  __u32 mntns, pid, generation, part;
  bool filtered, complete, ignored;
  std::string comm, name, parent;
  struct Count {
    __u32 abi, nr;
    __u64 count;
  };
  std::vector<Count> counts;
};

class PinnedMap {
 public:
  explicit PinnedMap(const std::string &path) : fd_(bpf_obj_get(path.c_str())) {
    struct bpf_map_info info = {};
    __u32 length = sizeof(info);
    if (fd_ >= 0 && bpf_obj_get_info_by_fd(fd_, &info, &length) == 0) bytes_ = info.value_size;
  }
  PinnedMap(const PinnedMap &) = delete;
  PinnedMap &operator=(const PinnedMap &) = delete;
  ~PinnedMap() {
    if (fd_ >= 0) close(fd_);
  }
  size_t bytes() const { return bytes_; }
  bool read(__u32 at, std::vector<__u8> *value) const {
    value->resize((bytes_ + 7) / 8 * 8);
    return fd_ >= 0 && bytes_ > 0 && bpf_map_lookup_elem(fd_, &at, value->data()) == 0;
  }
  void write(__u32 at, const std::vector<__u8> &value) const { bpf_map_update_elem(fd_, &at, value.data(), BPF_EXIST); }

 private:
  int fd_;
  size_t bytes_ = 0;
};

class OldLayout {
 public:
  /* Throws where it cannot be read. */
  explicit OldLayout(const std::string &folder) : folder_(folder), slots_(folder + "/map-slots") {
    std::vector<__u8> value;
    const PinnedMap map(folder + "/about");
    if (!map.read(0, &value)) throw Failure{"it does not say how it is read", ENOENT};
    memcpy(&about_, value.data(), std::min(value.size(), sizeof(about_)));
    if (about_.version != about_version) throw Failure{"it is of a newer release", EPROTO};
    if (slots_.bytes() == 0 || slots_.bytes() != about_.slot_bytes) throw Failure{"its slots cannot be read", EBADMSG};
  }

  bool attached() const {
    for (const std::string &name : entries_of(folder_)) {
      if (name.rfind("link-", 0) == 0) return true;
    }
    return false;
  }

  __u32 slots() const { return about_.slots; }
  __u32 used() const {
    std::vector<__u8> value;
    __u32 sum = 0;
    for (__u32 at = 0; at < about_.slots; at++) sum += slots_.read(at, &value) && word(value, about_.state) == about_.used;
    return sum;
  }

  /* `take` says whether it has it now: then nobody finds it here again, should this process be killed on the way. */
  void each(const std::function<bool(const OldSlot &)> &take) const {
    std::vector<__u8> value;
    for (__u32 at = 0; at < about_.slots; at++) {
      if (!slots_.read(at, &value) || word(value, about_.state) != about_.used) continue;
      OldSlot slot = {};
      slot.cgroup_id = big(value, about_.cgroup_id);
      slot.ns_id = big(value, about_.ns_id);
      slot.first_seen = big(value, about_.first_seen);
      slot.last_seen = big(value, about_.last_seen);
      slot.unknown = big(value, about_.unknown);
      slot.mntns = word(value, about_.mntns);
      slot.pid = word(value, about_.pid);
      slot.generation = word(value, about_.generation);
      slot.part = about_.part != 0 ? word(value, about_.part) : 0;
      const __u32 flags = word(value, about_.flags);
      slot.filtered = flags & about_.filtered;
      slot.complete = flags & about_.complete;
      slot.ignored = flags & about_.ignored;
      slot.comm = text(value, about_.comm, about_.comm_bytes);
      slot.name = text(value, about_.cgroup_name, about_.name_bytes);
      slot.parent = text(value, about_.cgroup_parent, about_.name_bytes);
      for (__u32 kind = 0; kind < std::min<__u32>(about_.row_kinds, std::size(about_.rows)); kind++) {
        counts(at, about_.rows[kind], value, &slot.counts);
      }
      if (!take(slot)) continue;
      const __u32 free = SECCO_SLOT_FREE;
      memcpy(value.data() + about_.state, &free, sizeof(free));
      slots_.write(at, value);
    }
  }

 private:
  template <typename T>
  static T field(const std::vector<__u8> &value, size_t at) {
    T out = 0;
    if (at + sizeof(T) <= value.size()) memcpy(&out, value.data() + at, sizeof(T));
    return out;
  }
  static __u32 word(const std::vector<__u8> &value, size_t at) { return field<__u32>(value, at); }
  static __u64 big(const std::vector<__u8> &value, size_t at) { return field<__u64>(value, at); }
  static std::string text(const std::vector<__u8> &value, size_t at, size_t bytes) {
    if (at + bytes > value.size()) return "";
    const char *from = reinterpret_cast<const char *>(value.data()) + at;
    return std::string(from, strnlen(from, bytes));
  }

  /* The bits say what was called; a row that cannot be read leaves a count of one. */
  void counts(__u32 at, const AboutRows &rows, const std::vector<__u8> &slot, std::vector<OldSlot::Count> *out) const {
    const PinnedMap map(folder_ + "/" + std::string(rows.map, strnlen(rows.map, sizeof(rows.map))));
    std::vector<__u64> sums(rows.numbers);
    std::vector<__u8> row;
    bool any = false;
    for (__u32 nr = 0; nr < rows.numbers && !any; nr++) any = seen(slot, rows.seen_at + nr);
    for (__u32 stripe = 0; any && stripe < rows.stripes; stripe++) {
      const __u32 pooled = rows.by != 0 ? word(slot, rows.by) : 0;
      if (rows.by != 0 && (pooled == 0 || pooled == SECCO_NO_ROW)) break;
      if (!map.read(rows.by != 0 ? pooled - 1 : at * rows.stripes + stripe, &row)) break;
      for (__u32 nr = 0; nr < rows.numbers; nr++) sums[nr] += big(row, nr * sizeof(__u64));
    }
    for (__u32 nr = 0; any && nr < rows.numbers; nr++) {
      if (!seen(slot, rows.seen_at + nr)) continue;
      out->push_back({rows.abi, nr, static_cast<long long>(sums[nr]) > 0 ? sums[nr] : 1});
    }
  }
  bool seen(const std::vector<__u8> &slot, __u32 bit) const {
    return big(slot, about_.seen + bit / 64 * sizeof(__u64)) >> (bit % 64) & 1;
  }

  std::string folder_;
  PinnedMap slots_;
  About about_ = {};
};

}  // namespace
