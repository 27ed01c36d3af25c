#include "addon/pins/pin-header.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "addon/lib/failure.h"
#include "shared/recorder.h"

namespace secco {

namespace {

/* PinnedArray is a pinned array map that is only read. */
class PinnedArray {
 public:
  explicit PinnedArray(const std::string &path) : fd_(bpf_obj_get(path.c_str())) {
    __u32 length = sizeof(info_);
    if (fd_ >= 0 && bpf_obj_get_info_by_fd(fd_, &info_, &length) != 0) info_ = {};
  }
  PinnedArray(const PinnedArray &) = delete;
  PinnedArray &operator=(const PinnedArray &) = delete;
  ~PinnedArray() {
    if (fd_ >= 0) close(fd_);
  }

  size_t bytes() const { return info_.value_size; }
  __u32 elements() const { return info_.max_entries; }

  bool read(__u32 at, std::vector<__u8> *value) const {
    value->resize(bytes());
    return fd_ >= 0 && bytes() > 0 && info_.key_size == sizeof(at) && bpf_map_lookup_elem(fd_, &at, value->data()) == 0;
  }

 private:
  int fd_;
  struct bpf_map_info info_ = {};
};

__u32 word_at(const std::vector<__u8> &value, __u32 at) {
  __u32 word = 0;
  if (at + sizeof(word) <= value.size()) memcpy(&word, value.data() + at, sizeof(word));
  return word;
}

PinHeader read_header(const std::string &folder) {
  std::vector<__u8> value;
  PinHeader header = {};
  if (!PinnedArray(folder + pin_header_name).read(0, &value)) throw Failure{"it has no header", ENOENT};
  memcpy(&header, value.data(), std::min(value.size(), sizeof(header)));
  if (header.version != pin_header_version) throw Failure{"its header is of a newer release", EPROTO};
  return header;
}

}  // namespace

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

__u32 containers_in(const std::string &folder) {
  const PinHeader header = read_header(folder);
  const PinnedArray slots(folder + "/map-slots");
  if (slots.bytes() == 0 || slots.bytes() != header.slot_bytes || slots.elements() < header.slots) {
    throw Failure{"its slots cannot be read", EBADMSG};
  }
  __u32 containers = 0;
  std::vector<__u8> slot;
  for (__u32 at = 0; at < header.slots; at++) {
    if (!slots.read(at, &slot)) throw Failure{"its slots cannot be read", errno};
    if (word_at(slot, header.state) == header.used && !(word_at(slot, header.flags) & header.ignored)) containers++;
  }
  return containers;
}

}  // namespace secco
