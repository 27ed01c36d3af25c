/*
 * What another release pinned in another layout: its slots, read by its own `about`. The caller has
 * attached its own programs before, so that nothing is lost between the two.
 */
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "note-origins.h"
#include "pins.h"

namespace {

/* One occupied slot of another layout. Where something is only to be taken once it says where that stands. */
struct OldSlot {
  __u32 index;
  __u64 cgroup_id, ns_id, first_seen, last_seen, unknown;
  __u64 *unknown_there;
  __u32 mntns, pid, generation, part;
  bool filtered, complete, ignored;
  bool noted; /* all that was noted of its refused calls is in `notes` */
  std::string comm, name, parent;
  struct Count {
    __u32 abi, nr;
    __u64 count;
    bool uncounted; /* there was at least one, which `unknown` counts */
    __u32 kind, row; /* of `about`, and which */
    __u64 *there; /* nullptr: it goes with the slot */
  };
  std::vector<Count> counts; /* several of one number, at least one of each that was called */
  struct Values {
    __u32 abi, nr, argument, mask;
    bool has_zero, many;
    std::vector<__u32> values; /* none of them 0 */
  };
  std::vector<Values> values; /* of arguments of which it is known */
  std::vector<std::pair<secco_argument_denial_key, secco_denial>> notes; /* under its own index and generation */
};

class PinnedMap {
 public:
  explicit PinnedMap(const std::string &path) : fd_(bpf_obj_get(path.c_str())) {
    __u32 length = sizeof(info_);
    if (fd_ >= 0 && bpf_obj_get_info_by_fd(fd_, &info_, &length) != 0) info_ = {};
  }
  PinnedMap(const PinnedMap &) = delete;
  PinnedMap &operator=(const PinnedMap &) = delete;
  ~PinnedMap() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }
  size_t bytes() const { return info_.value_size; }
  __u32 elements() const { return info_.max_entries; }
  bool read(__u32 at, std::vector<__u8> *value) const { return read(&at, sizeof(at), value); }

  /* Of a hash that nobody writes. False: not all of it could be read. */
  bool each(const std::function<void(const std::vector<__u8> &, const std::vector<__u8> &)> &what) const {
    std::vector<__u8> key(info_.key_size), next(info_.key_size), value;
    bool begun = false;
    while (fd_ >= 0 && bpf_map_get_next_key(fd_, begun ? key.data() : nullptr, next.data()) == 0) {
      if (!read(next.data(), next.size(), &value)) return false;
      what(next, value);
      key = next;
      begun = true;
    }
    return fd_ >= 0 && errno == ENOENT;
  }

 private:
  bool read(const void *key, size_t key_bytes, std::vector<__u8> *value) const {
    value->resize((bytes() + 7) / 8 * 8);
    return fd_ >= 0 && bytes() > 0 && info_.key_size == key_bytes && bpf_map_lookup_elem(fd_, key, value->data()) == 0;
  }

  int fd_;
  struct bpf_map_info info_ = {};
};

/* 0: it cannot be told. */
__u32 program_of_link(const std::string &path) {
  struct bpf_link_info info = {};
  __u32 length = sizeof(info);
  const int fd = bpf_obj_get(path.c_str());
  if (fd < 0) return 0;
  if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0) info.prog_id = 0;
  close(fd);
  return info.prog_id;
}

/* A program without a descriptor is there as long as its link is not detached. */
bool has_program(__u32 id) {
  __u32 next = 0;
  return id != 0 && bpf_prog_get_next_id(id - 1, &next) == 0 && next == id;
}

class OldLayout {
 public:
  /* Throws where it cannot be read. */
  explicit OldLayout(const std::string &folder) : folder_(folder), slots_(folder + "/map-slots") {
    std::vector<__u8> value;
    const PinnedMap map(folder + "/about");
    if (!map.read(0, &value)) throw Failure{"it does not say how it is read", ENOENT};
    memcpy(&about_, value.data(), std::min(value.size(), sizeof(about_)));
    if (about_.version != about_version) throw Failure{"it is of a newer release", EPROTO};
    if (slots_.bytes() == 0 || slots_.bytes() != about_.slot_bytes || slots_.elements() < about_.slots) {
      throw Failure{"its slots cannot be read", EBADMSG};
    }
    memory_.open(slots_.fd(), stride() * about_.slots, "slots");
  }

  __u32 slots() const { return about_.slots; }
  __u32 used() const { return used_slots().size(); }

  /*
   * Ends its counting: what it counts while both do is nobody's. True: it counted until now, or until a process
   * that was killed had come as far as this.
   */
  bool hand_over() const {
    const std::string handed = folder_ + handed_mark;
    std::vector<__u32> programs;
    for (const std::string &name : links()) {
      if (programs.empty()) bpf_obj_pin(slots_.fd(), handed.c_str());
      programs.push_back(program_of_link(folder_ + "/" + name));
      unlink((folder_ + "/" + name).c_str());
    }
    const bool counted = !programs.empty() || exists(handed);
    /* The kernel detaches by and by: milliseconds, or more while others attach. */
    const __u64 until = monotonic() + 5000000000ULL;
    for (const __u32 id : programs) {
      while (has_program(id) && monotonic() < until) usleep(1000);
    }
    if (!programs.empty()) await_grace();
    return counted;
  }

  /* As it is now. Counts before notes: no call is in them that was not noted before. */
  void read() {
    std::vector<__u8> value(stride());
    for (const __u32 at : used_slots()) {
      __u8 *there = memory_.as<__u8>() + at * stride();
      memcpy(value.data(), there, value.size());
      OldSlot slot = {};
      slot.index = at;
      slot.cgroup_id = big(value, about_.cgroup_id);
      slot.ns_id = big(value, about_.ns_id);
      slot.first_seen = big(value, about_.first_seen);
      slot.last_seen = big(value, about_.last_seen);
      slot.unknown = big(value, about_.unknown);
      slot.unknown_there = reinterpret_cast<__u64 *>(there + about_.unknown);
      slot.mntns = word(value, about_.mntns);
      slot.pid = word(value, about_.pid);
      slot.generation = word(value, about_.generation);
      slot.part = about_.part != 0 ? word(value, about_.part) : 0;
      const __u32 flags = word(value, about_.flags);
      slot.filtered = flags & about_.filtered;
      slot.complete = flags & about_.complete;
      slot.ignored = flags & about_.ignored;
      slot.noted = !(flags & about_.unnoted);
      slot.comm = text(value, about_.comm, about_.comm_bytes);
      slot.name = text(value, about_.cgroup_name, about_.name_bytes);
      slot.parent = text(value, about_.cgroup_parent, about_.name_bytes);
      for (__u32 kind = 0; kind < std::min<__u32>(about_.row_kinds, std::size(about_.rows)); kind++) {
        counts(at, kind, value, &slot.counts);
      }
      values(at, value, &slot.values);
      read_.push_back(std::move(slot));
    }
    read_notes();
  }

  /* `take` says whether it has it now: then nobody finds it here again, should this process be killed on the way. */
  void each(const std::function<bool(const OldSlot &)> &take) {
    for (OldSlot &slot : read_) {
      slot.noted = slot.noted && has_notes_;
      for (auto note = notes_.lower_bound({{slot.index, slot.generation, 0, 0}, 0, {}}); note != notes_.end(); note++) {
        const secco_denial_key &call = note->first.call;
        if (call.index != slot.index || call.generation != slot.generation) break;
        slot.notes.push_back(*note);
      }
      std::map<std::pair<__u32, __u32>, std::unique_ptr<Element>> rows;
      for (OldSlot::Count &one : slot.counts) {
        if (one.count == 0) continue;
        const AboutRows &about = about_.rows[one.kind];
        const PinnedMap &from = map(about.map);
        auto &row = rows[{one.kind, one.row}];
        if (row == nullptr) row = std::make_unique<Element>(from.fd(), from.bytes(), one.row);
        if (row->as<__u64>() != nullptr && from.bytes() >= about.numbers * sizeof(__u64))
          one.there = row->as<__u64>() + one.nr;
      }
      if (!take(slot)) continue;
      auto *state = reinterpret_cast<__u32 *>(memory_.as<__u8>() + slot.index * stride() + about_.state);
      __atomic_store_n(state, SECCO_SLOT_FREE, __ATOMIC_RELEASE);
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
  template <size_t N>
  const PinnedMap &map(const char (&name)[N]) {
    auto &known = maps_[std::string(name, strnlen(name, N))];
    if (known == nullptr) known = std::make_unique<PinnedMap>(folder_ + "/" + std::string(name, strnlen(name, N)));
    return *known;
  }
  size_t stride() const { return (about_.slot_bytes + 7) / 8 * 8; }
  std::vector<std::string> links() const {
    std::vector<std::string> names = entries_of(folder_);
    names.erase(
        std::remove_if(names.begin(), names.end(), [](const auto &name) { return name.rfind("link-", 0) != 0; }),
        names.end());
    return names;
  }

  /*
   * Youngest mount namespaces first: of several that had one number it is the last one that may live, and is
   * to be found by it.
   */
  std::vector<__u32> used_slots() const {
    std::vector<std::pair<__u64, __u32>> found;
    for (__u32 at = 0; at < about_.slots; at++) {
      const __u8 *there = memory_.as<__u8>() + at * stride();
      const std::vector<__u8> value(there, there + stride());
      if (word(value, about_.state) == about_.used) found.emplace_back(~big(value, about_.ns_id), at);
    }
    std::sort(found.begin(), found.end());
    std::vector<__u32> slots;
    for (const auto &[age, at] : found) slots.push_back(at);
    return slots;
  }

  /* The bits say what was called, in a slot that found no row too. */
  void counts(__u32 at, __u32 kind, const std::vector<__u8> &slot, std::vector<OldSlot::Count> *out) {
    const AboutRows &about = about_.rows[kind];
    std::vector<__u32> called;
    for (__u32 nr = 0; nr < about.numbers; nr++) {
      if (seen(slot, about.seen_at + nr)) called.push_back(nr);
    }
    const __u32 pooled = about.by != 0 ? word(slot, about.by) : 0;
    const __u32 first = about.by != 0 ? pooled - 1 : at * about.stripes;
    bool whole = about.by == 0 || (pooled != 0 && pooled != SECCO_NO_ROW);
    std::vector<std::vector<__u8>> rows;
    for (__u32 stripe = 0; stripe < about.stripes && whole && !called.empty(); stripe++) {
      rows.emplace_back();
      whole = map(about.map).read(first + stripe, &rows.back());
    }
    for (const __u32 nr : called) {
      const auto count = [&](__u32 stripe) { return big(rows[stripe], nr * sizeof(__u64)); };
      __u64 sum = 0;
      for (__u32 stripe = 0; stripe < rows.size(); stripe++) sum += count(stripe);
      /* One of each, so that it is known. */
      out->push_back({about.abi, nr, 0, !whole, kind, first, nullptr});
      /* An execveat that is under way has taken one off, which the caller's own programs may give back. */
      if (!whole || static_cast<long long>(sum) <= 0) continue;
      for (__u32 stripe = 0; stripe < rows.size(); stripe++) {
        if (count(stripe) != 0) out->push_back({about.abi, nr, count(stripe), false, kind, first + stripe, nullptr});
      }
    }
  }
  bool seen(const std::vector<__u8> &slot, __u32 bit) const {
    return big(slot, about_.seen + bit / 64 * sizeof(__u64)) >> (bit % 64) & 1;
  }

  void values(__u32 at, const std::vector<__u8> &slot, std::vector<OldSlot::Values> *out) {
    std::pair<const PinnedMap *, __u32> read = {nullptr, 0};
    std::vector<__u8> element;
    for (__u32 kind = 0; kind < std::min<__u32>(about_.value_kinds, std::size(about_.values)); kind++) {
      const AboutValues &row = about_.values[kind];
      const __u32 pooled = row.by != 0 ? word(slot, row.by) : 0;
      if (pooled == SECCO_NO_ROW) continue;
      OldSlot::Values set = {row.abi, row.nr, row.argument, row.mask, false, false, {}};
      if (row.by == 0 || pooled != 0) {
        const std::pair<const PinnedMap *, __u32> wanted = {&map(row.map), row.by != 0 ? pooled - 1 : at};
        if (read != wanted && !wanted.first->read(wanted.second, &element)) continue;
        read = wanted;
        const __u32 flags = word(element, row.at);
        set.has_zero = flags & about_.has_zero;
        set.many = flags & about_.many;
        for (__u32 place = 1; place <= row.places; place++) {
          const __u32 value = word(element, row.at + place * sizeof(__u32));
          if (value != 0) set.values.push_back(value);
        }
      }
      out->push_back(set);
    }
  }

  void read_notes() {
    for (__u32 kind = 0; kind < std::min<__u32>(about_.note_kinds, std::size(about_.notes)); kind++) {
      const AboutNotes &row = about_.notes[kind];
      secco_argument_denial_key call = {};
      const bool by_arguments = row.kind == notes_of_arguments;
      if (row.kind > notes_of_arguments || row.more_bytes != (by_arguments ? sizeof(call) - sizeof(call.call) : 0))
        continue;
      const bool all = map(row.map).each([&](const std::vector<__u8> &key, const std::vector<__u8> &value) {
        secco_denial denial = {};
        denial.count = big(value, row.count);
        denial.succeeded = big(value, row.succeeded);
        denial.result = static_cast<__s64>(big(value, row.result));
        denial.at = big(value, row.at);
        denial.pid = word(value, row.pid);
        const std::string comm = text(value, row.comm, row.comm_bytes);
        memcpy(denial.comm, comm.data(), std::min(comm.size(), sizeof(denial.comm)));
        /* As fold_origins() does it. */
        call.call = {word(key, row.index), word(key, row.generation), word(key, row.abi) & 0xFF, word(key, row.nr)};
        if (by_arguments) call.asked = big(key, row.more);
        for (__u32 at = 0; by_arguments && at < SECCO_REGISTERS; at++) {
          call.arguments[at] = big(key, row.more + (at + 1) * sizeof(__u64));
        }
        add_note(&notes_[call], denial);
      });
      has_notes_ = all && (has_notes_ || kind == 0);
    }
  }

  std::string folder_;
  PinnedMap slots_;
  Mapping memory_;
  About about_ = {};
  std::map<std::string, std::unique_ptr<PinnedMap>> maps_;
  std::vector<OldSlot> read_;
  std::map<secco_argument_denial_key, secco_denial, ByCall> notes_;
  bool has_notes_ = false;
};

}  // namespace
