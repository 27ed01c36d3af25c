/*
 * What is wanted of a container's state folder of runc (libcontainer's state.json) and of the bundle it
 * names (the OCI runtime-spec's config.json), as slices of JSON. Read at the moment the runtime writes
 * them: of a container of some milliseconds all of it is gone soon after.
 */
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "json-slices.h"

namespace {

constexpr size_t largest_document = 4 << 20;

/* Whole or nothing. */
inline std::optional<std::string> read_document(const std::string &path, struct stat *about) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::optional<std::string> text;
  if (fstat(fd, about) == 0 && S_ISREG(about->st_mode) && static_cast<size_t>(about->st_size) <= largest_document) {
    text.emplace(about->st_size, '\0');
    size_t got = 0;
    while (got < text->size()) {
      const ssize_t more = read(fd, text->data() + got, text->size() - got);
      if (more <= 0) break;
      got += more;
    }
    text->resize(got);
  }
  close(fd);
  return text;
}

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
inline bool first(std::string_view *into, std::string_view value) {
  if (into->empty()) *into = value;
  return true;
}

inline void parse_config(const std::string &text, RuncState *state, SharedTexts *shared) {
  std::string_view annotations, bounding, masked, seccomp;
  JsonSlices::each(text, [&](std::string_view key, std::string_view value) {
    if (key == "annotations") first(&annotations, value);
    else if (key == "process" && bounding.empty()) bounding = JsonSlices::of(value, "capabilities", "bounding");
    else if (key == "linux") {
      JsonSlices::each(value, [&](std::string_view part, std::string_view of) {
        if (part == "maskedPaths") return first(&masked, of);
        return part == "seccomp" ? first(&seccomp, of) : true;
      });
    }
    return true;
  });
  state->annotations = annotations;
  state->bounding = bounding;
  state->masked = masked;
  if (!seccomp.empty() && seccomp.front() == '{') state->seccomp = shared->add(seccomp);
}

inline std::optional<RuncState> parse_state(const std::string &text, const struct stat &about, SharedTexts *shared) {
  RuncState state;
  std::string_view pid, start, config, groups;
  JsonSlices::each(text, [&](std::string_view key, std::string_view value) {
    if (key == "init_process_pid") first(&pid, value);
    else if (key == "init_process_start") first(&start, value);
    else if (key == "config") first(&config, value);
    else if (key == "cgroup_paths") first(&groups, value);
    return true;
  });
  state.pid = JsonSlices::number(pid);
  if (pid.empty() || state.pid == 0) return std::nullopt;
  state.inode = about.st_ino;
  state.size = about.st_size;
  state.modified_ns = about.st_mtim.tv_sec * 1000000000LL + about.st_mtim.tv_nsec;
  state.start_time = JsonSlices::number(start);
  state.labels = JsonSlices::of(config, "labels");
  /* The unified hierarchy's path has the empty name. */
  state.cgroup = JsonSlices::plain(JsonSlices::of(groups, ""));
  struct stat group;
  if (!state.cgroup.empty() && stat(state.cgroup.c_str(), &group) == 0) state.cgroup_id = group.st_ino;
  const std::string bundle = JsonSlices::plain(JsonSlices::item(state.labels, "bundle="));
  struct stat config_about;
  const auto document = bundle.empty() ? std::nullopt : read_document(bundle.substr(7) + "/config.json", &config_about);
  if (!document) return state;
  state.whole = state.cgroup.empty() || state.cgroup_id != 0;
  parse_config(*document, &state, shared);
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
inline std::optional<RuncState> read_state(const std::string &folder, SharedTexts *shared) {
  struct stat about;
  const auto text = read_document(folder + "/state.json", &about);
  return text ? parse_state(*text, about, shared) : std::nullopt;
}

}  // namespace
