/*
 * What is wanted of a container's state folder of runc (libcontainer's state.json) and of the bundle it
 * names (the OCI runtime-spec's config.json), as slices of JSON. Read at the moment the runtime writes
 * them: of a container of some milliseconds all of it is gone soon after.
 */
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "addon/state/json-slices.h"

namespace secco {

constexpr size_t largest_document = 4 << 20;

/* Memory for one document after the other. */
class Document {
 public:
  /*
   * Whole or nothing; good until the next one is read. A container's author may have a say in the path: a FIFO there
   * must not be waited for, nor a link be followed.
   */
  std::optional<std::string_view> read(const std::string &path, struct stat *about) {
    const int fd = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return std::nullopt;
    std::optional<std::string_view> text;
    if (fstat(fd, about) == 0 && S_ISREG(about->st_mode) && static_cast<size_t>(about->st_size) <= largest_document) {
      text = fill(fd, about->st_size);
    }
    close(fd);
    return text;
  }

 private:
  static constexpr size_t usual = 64 << 10;

  std::optional<std::string_view> fill(int fd, size_t size) {
    const size_t wanted = std::max(size, usual);
    if (room_ < wanted || room_ > std::max(wanted, 2 * usual)) {
      memory_.reset(new char[wanted]);
      room_ = wanted;
    }
    size_t got = 0;
    while (got < size) {
      const ssize_t more = ::read(fd, memory_.get() + got, size - got);
      if (more <= 0) return std::nullopt;
      got += more;
    }
    return std::string_view(memory_.get(), got);
  }

  std::unique_ptr<char[]> memory_;
  size_t room_ = 0;
};

/* A slice of JSON that thousands of containers share, under a number of its own. */
struct SharedText {
  uint64_t number = 0;
  std::string text;
};

/* The newest texts. One that has left comes back under another number. */
class SharedTexts {
 public:
  static constexpr size_t most = 64;
  std::shared_ptr<const SharedText> add(std::string_view text) {
    for (const auto &one : texts_) {
      if (one->text == text) return one;
    }
    if (texts_.size() >= most) texts_.pop_front();
    texts_.push_back(std::make_shared<const SharedText>(SharedText{++last_, std::string(text)}));
    return texts_.back();
  }

 private:
  std::deque<std::shared_ptr<const SharedText>> texts_;
  uint64_t last_ = 0;
};

struct RuncState {
  uint64_t inode = 0, size = 0;
  int64_t modified_ns = 0;
  uint64_t pid = 0, start_time = 0;
  std::string cgroup;
  uint64_t cgroup_id = 0; /* 0: not known, or gone already */
  std::string labels, annotations; /* JSON: an array of "KEY=VALUE", an object */
  std::string bounding, masked; /* JSON: arrays of capabilities and of paths */
  std::shared_ptr<const SharedText> seccomp;
  bool whole = false; /* the bundle was read, and the cgroup is known where there is one */
};

/* Each text is gone through once: most of it is rules and mounts. The first of members of one name counts. */
inline bool first(std::string_view *into, JsonSlices &here) {
  const std::string_view value = here.value();
  if (into->empty()) *into = value;
  return !value.empty();
}

inline void parse_config(std::string_view text, RuncState *state, SharedTexts *shared) {
  std::string_view annotations, bounding, masked, seccomp;
  const auto capability = [&](std::string_view set, JsonSlices &here) {
    return set == "bounding" ? first(&bounding, here) : here.skip();
  };
  const auto process = [&](std::string_view part, JsonSlices &here) {
    return part == "capabilities" ? here.members(capability) : here.skip();
  };
  const auto linux_part = [&](std::string_view part, JsonSlices &here) {
    if (part == "maskedPaths") return first(&masked, here);
    return part == "seccomp" ? first(&seccomp, here) : here.skip();
  };
  JsonSlices(text).members([&](std::string_view key, JsonSlices &here) {
    if (key == "annotations") return first(&annotations, here);
    if (key == "process") return here.members(process);
    return key == "linux" ? here.members(linux_part) : here.skip();
  });
  state->annotations = annotations;
  state->bounding = bounding;
  state->masked = masked;
  if (!seccomp.empty() && seccomp.front() == '{') state->seccomp = shared->add(seccomp);
}

/* What is used again for each container. */
struct RuncReading {
  Document state, config;
  SharedTexts shared;
};

/*
 * The last bundle counts: libcontainer's CreateLibcontainerConfig (specconv/spec_linux.go) makes labels of the annotations,
 * which the container's author writes, and appends its own. Empty: there is none.
 */
inline std::string bundle_of(std::string_view labels) {
  constexpr std::string_view beginning = "bundle=";
  const std::string label = JsonSlices::plain(JsonSlices::last_item(labels, beginning));
  return label.size() > beginning.size() && label[beginning.size()] == '/' ? label.substr(beginning.size()) : "";
}

inline std::optional<RuncState> parse_state(std::string_view text, const struct stat &about, RuncReading *reading) {
  RuncState state;
  std::string_view pid, start, labels, groups;
  const auto config = [&](std::string_view part, JsonSlices &here) {
    return part == "labels" ? first(&labels, here) : here.skip();
  };
  JsonSlices(text).members([&](std::string_view key, JsonSlices &here) {
    if (key == "init_process_pid") return first(&pid, here);
    if (key == "init_process_start") return first(&start, here);
    if (key == "config") return here.members(config);
    return key == "cgroup_paths" ? first(&groups, here) : here.skip();
  });
  state.pid = JsonSlices::number(pid);
  if (pid.empty() || state.pid == 0) return std::nullopt;
  state.inode = about.st_ino;
  state.size = about.st_size;
  state.modified_ns = about.st_mtim.tv_sec * 1000000000LL + about.st_mtim.tv_nsec;
  state.start_time = JsonSlices::number(start);
  state.labels = labels;
  /* The unified hierarchy's path has the empty name. */
  state.cgroup = JsonSlices::plain(JsonSlices::of(groups, ""));
  struct stat group;
  if (!state.cgroup.empty() && stat(state.cgroup.c_str(), &group) == 0) state.cgroup_id = group.st_ino;
  const std::string bundle = bundle_of(state.labels);
  struct stat config_about;
  const auto document = bundle.empty() ? std::nullopt : reading->config.read(bundle + "/config.json", &config_about);
  if (!document) return state;
  state.whole = state.cgroup.empty() || state.cgroup_id != 0;
  parse_config(*document, &state, &reading->shared);
  return state;
}

/* Of one content of the file from the next: runc replaces it as a whole. */
inline std::string stamp_of(uint64_t inode, int64_t modified_ns, uint64_t size) {
  return std::to_string(inode) + " " + std::to_string(modified_ns) + " " + std::to_string(size);
}

/* True while `<folder>/state.json` is the file of that stamp: one call, nothing is read. */
inline bool has_stamp(const std::string &folder, const std::string &stamp) {
  struct stat about;
  if (stat((folder + "/state.json").c_str(), &about) != 0) return false;
  return stamp_of(about.st_ino, about.st_mtim.tv_sec * 1000000000LL + about.st_mtim.tv_nsec, about.st_size) == stamp;
}

/* Of `<folder>/state.json`; nothing where there is none, or none that can be read. */
inline std::optional<RuncState> read_state(const std::string &folder, RuncReading *reading) {
  struct stat about;
  const auto text = reading->state.read(folder + "/state.json", &about);
  return text ? parse_state(*text, about, reading) : std::nullopt;
}

}  // namespace secco
