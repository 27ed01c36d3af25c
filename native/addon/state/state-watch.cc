#include "addon/state/state-watch.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <utility>

namespace secco {

namespace {

/* What the first read of a state did not have (a bundle that cannot be read yet) is read again for so long. */
constexpr int settled_s = 5;
constexpr int sweep_s = 2;
/* After an end the next ones are read together, this much later: they are not urgent. */
constexpr int ends_interval_ms = 500;
/* A wait for ends is armed again after a rest: a descriptor that waits for no event at all would still wake up. */
constexpr uint32_t once = EPOLLIN | EPOLLONESHOT;
constexpr uint32_t gone_events = IN_DELETE | IN_MOVED_FROM;
constexpr int thread_priority = -10;

time_t now() {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &at);
  return at.tv_sec;
}

/* Where folders count as links of their parent, two links mean no folder in it. On btrfs the number is always 1. */
bool may_hold_folders(const std::string &folder) {
  struct stat about;
  return stat(folder.c_str(), &about) == 0 && about.st_nlink != 2;
}

std::string parent_of(const std::string &folder) { return folder.substr(0, folder.rfind('/')); }

bool is_missing(int code) { return code == ENOENT || code == ENOTDIR; }

template <typename Handle>
void each_folder(const std::string &folder, Handle handle) {
  DIR *opened = opendir(folder.c_str());
  if (opened == nullptr) return;
  while (const struct dirent *entry = readdir(opened)) {
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') handle(folder + "/" + entry->d_name);
  }
  closedir(opened);
}

}  // namespace

StateWatch::~StateWatch() {
  const uint64_t one = 1;
  if (thread_.joinable()) {
    while (write(stop_, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
    thread_.join();
  }
  close_all();
}

bool StateWatch::start(Appeared appeared) {
  if (thread_.joinable()) return true;
  appeared_ = std::move(appeared);
  stop_ = eventfd(0, EFD_CLOEXEC);
  waits_ = epoll_create1(EPOLL_CLOEXEC);
  if (stop_ >= 0 && waits_ >= 0 && news_queue_.open() && wait_for(stop_, EPOLLIN, EPOLL_CTL_ADD) &&
      wait_for(news_queue_.fd(), EPOLLIN, EPOLL_CTL_ADD)) {
    if (ends_.open() && !wait_for(ends_.fd(), once, EPOLL_CTL_ADD)) ends_.close();
    try {
      thread_ = std::thread([this] { run(); });
    } catch (const std::system_error &) {
      /* No process id is left for it (pthread_create(3), EAGAIN): false is returned. */
    }
  }
  if (!thread_.joinable()) close_all();
  return thread_.joinable();
}

std::optional<RuncState> StateWatch::read(const std::string &folder) { return read_state(folder, &asked_); }

void StateWatch::close_all() {
  news_queue_.close();
  ends_.close();
  above_.close();
  for (int *fd : {&stop_, &waits_}) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
  }
}

bool StateWatch::wait_for(int fd, uint32_t events, int how) {
  struct epoll_event what = {};
  what.events = events;
  what.data.fd = fd;
  return epoll_ctl(waits_, how, fd, &what) == 0;
}

void StateWatch::run() {
  /* Denied without CAP_SYS_NICE: then the thread runs like any other. */
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), thread_priority);
  time_t swept = 0;
  for (;;) {
    if (now() - swept >= sweep_s || overflown_) {
      /* Waiting events are older than what sweep() finds. */
      drain();
      if (std::exchange(overflown_, false)) forget_all();
      sweep();
      swept = now();
    }
    struct epoll_event found[4];
    const int ready = epoll_wait(waits_, found, 4, resting_ ? ends_interval_ms : sweep_s * 1000);
    if (ready < 0 && errno != EINTR) return;
    bool any_ends = ready == 0 && resting_, any_news = false, any_above = false;
    for (int at = 0; at < ready; at++) {
      const int fd = found[at].data.fd;
      if (fd == stop_) return;
      (fd == ends_.fd() ? any_ends : fd == above_.fd() ? any_above : any_news) = true;
    }
    if (any_ends) read_ends();
    if (any_news || any_above) drain();
    if (any_above) {
      above_.drain([] {}, [](const struct inotify_event &) {});
      find_roots();
    }
  }
}

/*
 * Handles waiting events. Ends come first: a folder that is made again under its name ended before, and its end is in
 * the other queue by then.
 */
void StateWatch::drain() {
  news_queue_.drain([this] { drain_ends(); }, [this](const struct inotify_event &event) { handle(event); });
}

bool StateWatch::drain_ends() {
  return ends_.drain([] {}, [this](const struct inotify_event &event) { handle_end(event); });
}

/* Reads ends. After some came the next ones are read after a rest, by a time limit of epoll_wait(). */
void StateWatch::read_ends() {
  resting_ = drain_ends();
  if (!resting_) wait_for(ends_.fd(), once, EPOLL_CTL_MOD);
}

void StateWatch::handle(const struct inotify_event &event) {
  if (event.mask & IN_Q_OVERFLOW) return overflow();
  const auto found = watched_.find(event.wd);
  if (found == watched_.end()) return;
  if (event.mask & IN_IGNORED) return handle_watch_end(found);
  if (event.len == 0) return;
  if (event.mask & IN_ISDIR) return handle_folder(found, event);
  Watched &here = found->second;
  if (here.depth > 0 && strcmp(event.name, "state.json") == 0) {
    const bool complete = read_state_of(here) && here.whole;
    if (!here.holds_folders) here.again = !complete;
    /* Nothing more is wanted of the container, and each further event would be a wake-up. */
    else if (here.whole) forget(std::string(here.folder));
  } else if (!here.holds_folders) {
    here.again = true;
  }
}

void StateWatch::handle_folder(std::unordered_map<int, Watched>::iterator found, const struct inotify_event &event) {
  Watched &here = found->second;
  if (here.depth >= 2) return;
  const std::string root = here.depth == 0 ? here.folder : here.root;
  const std::string path = here.folder + "/" + event.name;
  if (event.mask & gone_events) return end(root, path);
  if (!here.holds_folders) here.again = true;
  if (notifies_ && appeared_) appeared_();
  watch(root, path, here.depth + 1);
}

void StateWatch::handle_watch_end(std::unordered_map<int, Watched>::iterator found) {
  const Watched ended = std::move(found->second);
  by_path_.erase(ended.folder);
  watched_.erase(found);
  /* Its one event was of another file. */
  if (ended.again) watch(ended.root, ended.folder, ended.depth);
  if (ended.depth == 0) find_root(ended.root);
}

void StateWatch::handle_end(const struct inotify_event &event) {
  if (event.mask & IN_Q_OVERFLOW) return overflow();
  const auto found = ending_.find(event.wd);
  if (found == ending_.end()) return;
  if (event.mask & IN_IGNORED) {
    ending_.erase(found);
    return;
  }
  if (!(event.mask & IN_ISDIR) || event.len == 0) return;
  const Place here = found->second;
  end(here.root, here.folder + "/" + event.name);
}

void StateWatch::end(const std::string &root, const std::string &path) {
  const auto found = by_path_.find(path);
  if (found != by_path_.end() && watched_.at(found->second).holds_folders) forget_ends(path);
  forget(path);
  changes_.add({root, path, true, std::nullopt});
}

/* Events were dropped, ends of watches among them: sweep() finds every folder again. */
void StateWatch::overflow() {
  overflown_ = true;
  changes_.miss();
}

/*
 * Watches a new folder. runc writes a state under another name and renames it, so only renames are waited for in a
 * container's folder. A folder in a root counts as a container's until it holds folders: then it is a namespace. One
 * that is empty now is looked at again by sweep().
 */
void StateWatch::watch(const std::string &root, const std::string &folder, int depth) {
  const bool holds_folders = depth == 0;
  if (by_path_.count(folder) != 0 || !follow(root, folder, depth, holds_folders)) return;
  if (holds_folders) return each_folder(folder, [&](const std::string &path) { watch(root, path, depth + 1); });
  /* What was there before the watch. */
  Watched &here = watched_.at(by_path_.at(folder));
  if (read_state_of(here)) {
    if (here.whole) forget(folder);
    return;
  }
  if (depth == 1 && may_hold_folders(folder)) watch_namespace(root, folder);
}

/* Adds a folder's watches. Returns false if it is gone or the kernel has no watch left. */
bool StateWatch::follow(const std::string &root, const std::string &folder, int depth, bool holds_folders) {
  const uint32_t ends_here = ends_.is_open() ? 0 : gone_events;
  const uint32_t events = holds_folders ? IN_CREATE | IN_MOVED_TO | ends_here : IN_MOVED_TO | IN_ONESHOT;
  const int wd = news_queue_.add(folder, events);
  if (wd < 0) {
    if (!is_missing(errno)) changes_.miss();
    return false;
  }
  watched_.insert_or_assign(wd, Watched{root, folder, depth, 0, false, holds_folders, false});
  by_path_[folder] = wd;
  if (!holds_folders || !ends_.is_open()) return true;
  const int ends = ends_.add(folder, gone_events);
  if (ends >= 0) ending_.insert_or_assign(ends, Place{root, folder});
  else if (!is_missing(errno)) changes_.miss();
  return true;
}

/* Watches a folder that may be a namespace. Where folders are no links it may be a container all the same. */
void StateWatch::watch_namespace(const std::string &root, const std::string &folder) {
  forget(folder);
  if (!follow(root, folder, 1, true)) return;
  if (read_state_of(watched_.at(by_path_.at(folder)))) return;
  each_folder(folder, [&](const std::string &path) { watch(root, path, 2); });
}

/* Reads the state in a folder and adds the change. Returns false if there is no state. */
bool StateWatch::read_state_of(Watched &here) {
  std::optional<RuncState> state = read_state(here.folder, &followed_);
  if (!state) return false;
  here.settled = now();
  here.whole = state->whole;
  changes_.add({here.depth == 1 ? here.root : parent_of(here.folder), here.folder, false, std::move(state)});
  return true;
}

void StateWatch::forget(const std::string &folder) {
  const auto found = by_path_.find(folder);
  if (found == by_path_.end()) return;
  news_queue_.remove(found->second);
  watched_.erase(found->second);
  by_path_.erase(found);
}

/* Removes the watch for ends in a namespace that was moved away: what ends there has another path. */
void StateWatch::forget_ends(const std::string &folder) {
  for (auto at = ending_.begin(); at != ending_.end();) {
    if (at->second.folder == folder) {
      ends_.remove(at->first);
      at = ending_.erase(at);
    } else {
      ++at;
    }
  }
}

void StateWatch::forget_all() {
  for (const auto &[wd, one] : watched_) news_queue_.remove(wd);
  for (const auto &[wd, one] : ending_) ends_.remove(wd);
  watched_.clear();
  by_path_.clear();
  ending_.clear();
}

void StateWatch::find_roots() {
  for (const std::string &root : roots_) find_root(root);
}

/* Watches a root, or the nearest folder above it. Tries again if a folder on the way was made meanwhile. */
void StateWatch::find_root(const std::string &root) {
  for (std::string nearest;;) {
    watch(root, root, 0);
    if (by_path_.count(root) != 0) return;
    const std::string above = wait_above(root);
    if (above == nearest) return;
    nearest = above;
  }
}

/*
 * Waits for the next folder that is made in the nearest existing folder above a root: it may be the root, or on the way
 * to it. Returns the folder that is watched.
 */
std::string StateWatch::wait_above(const std::string &root) {
  if (!above_.is_open() && above_.open() && !wait_for(above_.fd(), EPOLLIN, EPOLL_CTL_ADD)) above_.close();
  std::string above = root;
  for (size_t slash; (slash = above.rfind('/')) != std::string::npos && above != "/";) {
    above.resize(std::max<size_t>(slash, 1));
    if (above_.add(above, IN_CREATE | IN_MOVED_TO | IN_ONESHOT) >= 0) return above;
  }
  return {};
}

/*
 * Removes watches that are no longer needed, and finds states that were not renamed to their name, and roots where no
 * queue waits for them.
 */
void StateWatch::sweep() {
  find_roots();
  std::vector<Place> done, waiting;
  for (const auto &[wd, one] : watched_) {
    if (one.settled != 0 && now() - one.settled > settled_s) done.push_back({one.root, one.folder});
    else if (one.depth > 0 && !one.holds_folders && !one.whole) waiting.push_back({one.root, one.folder});
  }
  for (const Place &one : done) forget(one.folder);
  for (const Place &one : waiting) {
    const auto found = by_path_.find(one.folder);
    if (found == by_path_.end()) continue;
    Watched &here = watched_.at(found->second);
    if (read_state_of(here)) {
      if (here.whole) forget(one.folder);
    } else if (here.depth == 1 && may_hold_folders(one.folder)) {
      watch_namespace(one.root, one.folder);
    }
  }
}

}  // namespace secco
