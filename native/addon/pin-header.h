/*
 * The versioned header of a layout's pins: what a release with another layout reads of it. Fields are only ever
 * added at the end; anything else gets a new version.
 */
#pragma once

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/types.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "mapping.h"
#include "../shared/recorder.h"

namespace {

constexpr __u32 pin_header_version = 1;
constexpr const char *pin_header_name = "/header";

/* Offsets are bytes in a slot. */
struct PinHeader {
  __u32 version;
  __u32 slots;
  __u32 slot_bytes;
  __u32 state;
  __u32 used; /* `state` of an occupied slot */
  __u32 flags;
  __u32 ignored; /* bit of `flags`: no container's slot */
};

PinHeader pin_header_of(__u32 slots) {
  PinHeader header = {};
  header.version = pin_header_version;
  header.slots = slots;
  header.slot_bytes = sizeof(secco_slot);
  header.state = offsetof(secco_slot, state);
  header.used = SECCO_SLOT_USED;
  header.flags = offsetof(secco_slot, flags);
  header.ignored = SECCO_IGNORED;
  return header;
}

void pin_header(const std::string &folder, const PinHeader &header) {
  const __u32 zero = 0;
  const int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "header", sizeof(zero), sizeof(header), 1, nullptr);
  if (fd < 0) throw Failure{"map 'header' cannot be made", errno};
  const bool done =
      bpf_map_update_elem(fd, &zero, &header, BPF_ANY) == 0 && bpf_obj_pin(fd, (folder + pin_header_name).c_str()) == 0;
  const int code = errno;
  close(fd);
  if (!done) throw Failure{"map 'header' cannot be pinned", code};
}

/* A pinned map that is only read. */
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
  size_t bytes() const { return info_.value_size; }
  __u32 elements() const { return info_.max_entries; }
  bool read(__u32 at, std::vector<__u8> *value) const {
    value->resize((bytes() + 7) / 8 * 8);
    return fd_ >= 0 && bytes() > 0 && info_.key_size == sizeof(at) && bpf_map_lookup_elem(fd_, &at, value->data()) == 0;
  }

 private:
  int fd_;
  struct bpf_map_info info_ = {};
};

/* Occupied slots in a layout's pins that belong to containers. Throws Failure where they cannot be read. */
__u32 used_slots_in(const std::string &folder) {
  std::vector<__u8> value;
  PinHeader header = {};
  if (!PinnedMap(folder + pin_header_name).read(0, &value)) throw Failure{"it has no header", ENOENT};
  memcpy(&header, value.data(), std::min(value.size(), sizeof(header)));
  if (header.version != pin_header_version) throw Failure{"its header is of a newer release", EPROTO};
  const PinnedMap slots(folder + "/map-slots");
  if (slots.bytes() == 0 || slots.bytes() != header.slot_bytes || slots.elements() < header.slots) {
    throw Failure{"its slots cannot be read", EBADMSG};
  }
  const auto word = [&](__u32 at) {
    __u32 out = 0;
    if (at + sizeof(out) <= value.size()) memcpy(&out, value.data() + at, sizeof(out));
    return out;
  };
  __u32 used = 0;
  for (__u32 at = 0; at < header.slots; at++) {
    if (!slots.read(at, &value)) throw Failure{"its slots cannot be read", errno};
    if (word(header.state) == header.used && !(word(header.flags) & header.ignored)) used++;
  }
  return used;
}

}  // namespace
