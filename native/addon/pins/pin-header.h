/*
 * The versioned header of a layout's pins. A release with another layout reads it to count the containers that were
 * recorded; a later release may read more by it. Fields are only ever added at its end; every other change gets a
 * new version.
 */
#pragma once

#include <linux/types.h>

#include <string>

namespace secco {

constexpr __u32 pin_header_version = 1;

/* The header's name in the folder of a layout. */
constexpr const char *pin_header_name = "/header";

/* PinHeader is the one element of a pinned array. `state` and `flags` are offsets in a slot, in bytes. */
struct PinHeader {
  __u32 version;
  __u32 slots;
  __u32 slot_bytes;
  __u32 state;
  __u32 used; /* value of `state` in an occupied slot */
  __u32 flags;
  __u32 ignored; /* bit of `flags` in a slot that belongs to no container */
};

/* pin_header_of returns the header of this release. */
PinHeader pin_header_of(__u32 slots);

/* pin_header pins a header in the folder of a layout. Throws Failure. */
void pin_header(const std::string &folder, const PinHeader &header);

/* containers_in counts the slots of containers in the pins of any layout. Throws Failure if they cannot be read. */
__u32 containers_in(const std::string &folder);

}  // namespace secco
