#include "addon/state/runc-state.h"

#include <sys/stat.h>

#include <string_view>
#include <utility>

#include "addon/state/bundle-folder.h"
#include "addon/state/json-slices.h"

namespace secco {

namespace {

/* Keeps the first of several members with one name, and passes the value. Each text is read once from front to end. */
bool take_first(std::string_view *into, JsonSlices &here) {
  const std::string_view value = here.value();
  if (into->empty()) *into = value;
  return !value.empty();
}

/* Keys compares the keys of one kind of object. Any doubt about one of them is kept. */
class Keys {
 public:
  explicit Keys(bool *doubtful) : doubtful_(doubtful) {}

  /*
   * is returns whether a key is the wanted one. encoding/json of Go, by which runc reads the file, ignores case and
   * takes the last of several members, or merges them: then what runc did is not known here.
   */
  bool is(std::string_view key, std::string_view wanted, bool *seen) {
    if (!JsonSlices::is_plain(key)) *doubtful_ = true;
    if (!JsonSlices::is_same(key, wanted)) return false;
    if (key != wanted || *seen) *doubtful_ = true;
    return *seen = true;
  }

 private:
  bool *doubtful_;
};

/* Returns false if runc may have read something else. */
bool parse_config(std::string_view text, RuncState *state, SharedTexts *shared) {
  std::string_view annotations, bounding, masked, seccomp;
  bool doubtful = false;
  bool has_bounding = false, has_capabilities = false, has_masked = false, has_seccomp = false;
  bool has_annotations = false, has_process = false, has_linux = false;
  Keys keys(&doubtful);
  const auto capability = [&](std::string_view key, JsonSlices &here) {
    return keys.is(key, "bounding", &has_bounding) ? take_first(&bounding, here) : here.skip();
  };
  const auto process = [&](std::string_view key, JsonSlices &here) {
    return keys.is(key, "capabilities", &has_capabilities) ? here.members(capability) : here.skip();
  };
  const auto linux_part = [&](std::string_view key, JsonSlices &here) {
    if (keys.is(key, "maskedPaths", &has_masked)) return take_first(&masked, here);
    return keys.is(key, "seccomp", &has_seccomp) ? take_first(&seccomp, here) : here.skip();
  };
  JsonSlices(text).members([&](std::string_view key, JsonSlices &here) {
    if (keys.is(key, "annotations", &has_annotations)) return take_first(&annotations, here);
    if (keys.is(key, "process", &has_process)) return here.members(process);
    return keys.is(key, "linux", &has_linux) ? here.members(linux_part) : here.skip();
  });
  const bool has_profile = !seccomp.empty() && seccomp.front() == '{';
  auto known = has_profile ? shared->find(seccomp) : nullptr;
  if (doubtful || (has_profile && !known && JsonSlices::is_ambiguous(seccomp))) return false;
  state->annotations = annotations;
  state->bounding = bounding;
  state->masked = masked;
  if (has_profile) state->seccomp = known ? std::move(known) : shared->add(seccomp);
  return true;
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

/* Reads the bundle's configuration, if the bundle can be that of this container. */
void read_bundle(const std::string &bundle, const std::string &id, RuncState *state, RuncReading *reading) {
  const BundlePlace place = place_of(bundle, id);
  if (place == BundlePlace::foreign) state->doubt = Doubt::bundle;
  struct stat about;
  const auto text = place == BundlePlace::own ? reading->config.read(bundle + "/config.json", &about) : std::nullopt;
  if (text && !parse_config(*text, state, reading->shared)) state->doubt = Doubt::config;
  const bool settled = text.has_value() || state->doubt != Doubt::none;
  state->whole = settled && (state->cgroup.empty() || state->cgroup_id != 0);
}

std::optional<RuncState> parse_state(std::string_view text, const struct stat &about, const std::string &id,
                                     RuncReading *reading) {
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
  if (!bundle.empty()) read_bundle(bundle, id, &state, reading);
  return state;
}

}  // namespace

std::optional<RuncState> read_state(const std::string &folder, RuncReading *reading) {
  struct stat about;
  const auto text = reading->state.read(folder + "/state.json", &about);
  const std::string id = folder.substr(folder.rfind('/') + 1);
  return text ? parse_state(*text, about, id, reading) : std::nullopt;
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
