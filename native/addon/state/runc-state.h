/*
 * What is wanted of a container's state (state.json of libcontainer) and of its bundle's config.json (OCI runtime-spec),
 * as slices of JSON. Both are read when the runtime writes the state: a container may be over within milliseconds, and
 * then both are gone.
 */
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "addon/state/bounded-reader.h"
#include "addon/state/document.h"
#include "addon/state/shared-texts.h"

namespace secco {

/* Doubt is why it is not known who a container is. */
enum class Doubt {
  none,
  bundle, /* its bundle is where no runtime of the node writes it */
  config, /* parsers could differ about the configuration */
};

struct RuncState {
  uint64_t inode = 0, size = 0;
  int64_t modified_ns = 0;
  uint64_t pid = 0, start_time = 0;
  std::string cgroup;
  uint64_t cgroup_id = 0; /* 0: unknown, or the cgroup is gone already */
  std::string labels, annotations; /* JSON: an array of "KEY=VALUE", an object */
  std::string bounding, masked; /* JSON: arrays of capabilities and of paths */
  std::shared_ptr<const SharedText> seccomp;
  Doubt doubt = Doubt::none;
  bool whole = false; /* the bundle was read, and the cgroup id is known if there is a cgroup */
};

/* RuncReading is memory that is used again for each container. Each thread that reads has its own. */
struct RuncReading {
  explicit RuncReading(SharedTexts *texts) : shared(texts) {}

  Document state;
  BoundedReader config;
  SharedTexts *shared;
};

/* read_state reads the state of the container in a folder; nullopt if there is none, or it cannot be read. */
std::optional<RuncState> read_state(const std::string &folder, RuncReading *reading);

/* stamp_of returns a text that tells contents of state.json apart: runc replaces the file as a whole. */
std::string stamp_of(uint64_t inode, int64_t modified_ns, uint64_t size);

/* has_stamp returns whether state.json in a folder still has a stamp. It makes one call and reads nothing. */
bool has_stamp(const std::string &folder, const std::string &stamp);

}  // namespace secco
