#include "addon/state/runc-state.h"

#include <sys/stat.h>

#include <string_view>

#include "addon/state/json-slices.h"

namespace secco {

namespace {

/* Keeps the first of several members with one name, and passes the value. Each text is read once from front to end. */
bool take_first(std::string_view *into, JsonSlices &here) {
  const std::string_view value = here.value();
  if (into->empty()) *into = value;
  return !value.empty();
}

void parse_config(std::string_view text, RuncState *state, SharedTexts *shared) {
  std::string_view annotations, bounding, masked, seccomp;
  const auto capability = [&](std::string_view set, JsonSlices &here) {
    return set == "bounding" ? take_first(&bounding, here) : here.skip();
  };
  const auto process = [&](std::string_view part, JsonSlices &here) {
    return part == "capabilities" ? here.members(capability) : here.skip();
  };
  const auto linux_part = [&](std::string_view part, JsonSlices &here) {
    if (part == "maskedPaths") return take_first(&masked, here);
    return part == "seccomp" ? take_first(&seccomp, here) : here.skip();
  };
  JsonSlices(text).members([&](std::string_view key, JsonSlices &here) {
    if (key == "annotations") return take_first(&annotations, here);
    if (key == "process") return here.members(process);
    return key == "linux" ? here.members(linux_part) : here.skip();
  });
  state->annotations = annotations;
  state->bounding = bounding;
  state->masked = masked;
  if (!seccomp.empty() && seccomp.front() == '{') state->seccomp = shared->add(seccomp);
}

/*
 * The folder of the bundle; empty if there is none. The last label counts: CreateLibcontainerConfig() of libcontainer
 * (specconv/spec_linux.go) makes labels of the annotations, which the container's author writes, and appends its own.
 */
std::string bundle_of(std::string_view labels) {
  constexpr std::string_view beginning = "bundle=";
  const std::string label = JsonSlices::plain(JsonSlices::last_item(labels, beginning));
  return label.size() > beginning.size() && label[beginning.size()] == '/' ? label.substr(beginning.size()) : "";
}

int64_t modified_ns(const struct stat &about) { return about.st_mtim.tv_sec * 1000000000LL + about.st_mtim.tv_nsec; }

std::optional<RuncState> parse_state(std::string_view text, const struct stat &about, RuncReading *reading) {
  RuncState state;
  std::string_view pid, start, labels, groups;
  const auto config = [&](std::string_view part, JsonSlices &here) {
    return part == "labels" ? take_first(&labels, here) : here.skip();
  };
  JsonSlices(text).members([&](std::string_view key, JsonSlices &here) {
    if (key == "init_process_pid") return take_first(&pid, here);
    if (key == "init_process_start") return take_first(&start, here);
    if (key == "config") return here.members(config);
    return key == "cgroup_paths" ? take_first(&groups, here) : here.skip();
  });
  state.pid = JsonSlices::number(pid);
  if (pid.empty() || state.pid == 0) return std::nullopt;
  state.inode = about.st_ino;
  state.size = about.st_size;
  state.modified_ns = modified_ns(about);
  state.start_time = JsonSlices::number(start);
  state.labels = labels;
  /* The path in the unified hierarchy has the empty name. */
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

}  // namespace

std::optional<RuncState> read_state(const std::string &folder, RuncReading *reading) {
  struct stat about;
  const auto text = reading->state.read(folder + "/state.json", &about);
  return text ? parse_state(*text, about, reading) : std::nullopt;
}

std::string stamp_of(uint64_t inode, int64_t modified_ns, uint64_t size) {
  return std::to_string(inode) + " " + std::to_string(modified_ns) + " " + std::to_string(size);
}

bool has_stamp(const std::string &folder, const std::string &stamp) {
  struct stat about;
  if (stat((folder + "/state.json").c_str(), &about) != 0) return false;
  return stamp_of(about.st_ino, modified_ns(about), about.st_size) == stamp;
}

}  // namespace secco
