/*
 * Follows the state folders of runc: what appears is read at once, by a thread of its own that comes
 * before others where that is allowed. A container may be over within milliseconds, on a machine that is
 * busy, and its name, labels and profile are nowhere else. What was read waits until it is taken: nothing
 * wakes JavaScript, unless somebody asked to be told of new folders.
 */
#pragma once

#include <dirent.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runc-state.h"

namespace {

class StateWatch {
 public:
  struct News {
    std::string root, folder;
    bool gone = false;
    std::optional<RuncState> state;
  };
  using Appeared = std::function<void()>;

  explicit StateWatch(std::vector<std::string> roots) : roots_(std::move(roots)) {}
  StateWatch(const StateWatch &) = delete;
  StateWatch &operator=(const StateWatch &) = delete;
  ~StateWatch() {
    const uint64_t one = 1;
    if (thread_.joinable()) {
      while (write(stop_, &one, sizeof(one)) < 0 && errno == EINTR) {
      }
      thread_.join();
    }
    if (inotify_ >= 0) close(inotify_);
    if (stop_ >= 0) close(stop_);
  }

  /* `appeared` is called on the thread, once per new folder, while `tell(true)`. False: nothing is followed. */
  bool start(Appeared appeared) {
    if (thread_.joinable()) return true;
    appeared_ = std::move(appeared);
    inotify_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    stop_ = eventfd(0, EFD_CLOEXEC);
    if (inotify_ >= 0 && stop_ >= 0) thread_ = std::thread([this] { run(); });
    return thread_.joinable();
  }
  void tell(bool wanted) { telling_ = wanted; }

  /* One folder, now. */
  std::optional<RuncState> read(const std::string &folder) {
    const std::lock_guard<std::mutex> lock(reading_);
    return read_state(folder, &shared_);
  }

  /* The newest of each folder since the last time, oldest first; `missed`: there was more than that. */
  std::vector<News> take(bool *missed) {
    const std::lock_guard<std::mutex> lock(mutex_);
    *missed = std::exchange(missed_, false);
    std::vector<News> out;
    out.reserve(news_.size());
    for (auto &[place, one] : news_) out.push_back(std::move(one));
    news_.clear();
    place_of_.clear();
    return out;
  }

 private:
  static constexpr size_t most_news = 8192;
  /* What is not told by the first state (a bundle that cannot be read yet) is told within this time, or not at all. */
  static constexpr int settled_s = 5;
  static constexpr int sweep_s = 2;
  static constexpr struct timespec writing = {0, 200000};

  struct Watched {
    std::string root, folder;
    int depth; /* 0: a root, 1: a container or a namespace of containers, 2: a container */
    time_t settled; /* 0: no state was seen */
    bool whole; /* it told everything that is asked for */
    bool holds_folders;
  };

  static time_t now() {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &at);
    return at.tv_sec;
  }

  void run() {
    /* Refused without CAP_SYS_NICE: then it is a thread like any other. */
    setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), -10);
    time_t swept = 0;
    struct pollfd waits[] = {{inotify_, POLLIN, 0}, {stop_, POLLIN, 0}};
    for (;;) {
      if (now() - swept >= sweep_s) {
        sweep();
        swept = now();
      }
      if (poll(waits, 2, sweep_s * 1000) < 0 && errno != EINTR) return;
      if (waits[1].revents != 0) return;
      if (waits[0].revents != 0) drain();
    }
  }

  void drain() {
    alignas(struct inotify_event) char buffer[16 * 1024];
    for (;;) {
      const ssize_t length = ::read(inotify_, buffer, sizeof(buffer));
      bool beginning = false;
      for (ssize_t at = 0; at < length;) {
        const auto *event = reinterpret_cast<const struct inotify_event *>(buffer + at);
        beginning = begins_state(*event);
        handle(*event);
        at += sizeof(*event) + event->len;
      }
      /* What did not fill the buffer was all. */
      if (length < static_cast<ssize_t>(sizeof(buffer) - sizeof(struct inotify_event) - NAME_MAX - 1)) {
        if (!beginning) return;
        /* Its end and its rename come in a moment: three wake-ups in one. */
        nanosleep(&writing, nullptr);
      }
    }
  }

  /* runc writes `state-NUMBER` and renames it to state.json. */
  static bool begins_state(const struct inotify_event &event) {
    return event.mask & (IN_CREATE | IN_CLOSE_WRITE) && !(event.mask & IN_ISDIR) && event.len > 0 &&
           strncmp(event.name, "state-", 6) == 0;
  }

  void handle(const struct inotify_event &event) {
    if (event.mask & IN_Q_OVERFLOW) {
      const std::lock_guard<std::mutex> lock(mutex_);
      missed_ = true;
      return;
    }
    const auto found = watched_.find(event.wd);
    if (found == watched_.end()) return;
    if (event.mask & IN_IGNORED) {
      by_path_.erase(found->second.folder);
      watched_.erase(found);
      return;
    }
    const Watched &here = found->second;
    if (event.len == 0) return;
    if (event.mask & IN_ISDIR) {
      if (here.depth >= 2) return;
      const std::string path = here.folder + "/" + event.name;
      if (event.mask & (IN_DELETE | IN_MOVED_FROM)) {
        forget(path);
        add({here.depth == 0 ? here.folder : here.root, path, true, std::nullopt});
        return;
      }
      if (telling_ && appeared_) appeared_();
      watch(here.depth == 0 ? here.folder : here.root, path, here.depth + 1);
    } else if (event.mask & (IN_MOVED_TO | IN_CLOSE_WRITE) && here.depth > 0 && strcmp(event.name, "state.json") == 0) {
      look(found->second);
      release(found);
    }
  }

  /* Of a container whose state told all, nothing is waited for: each further event would be a wake-up. */
  void release(std::unordered_map<int, Watched>::iterator found) {
    if (!found->second.whole) return;
    inotify_rm_watch(inotify_, found->first);
    by_path_.erase(found->second.folder);
    watched_.erase(found);
  }

  /* Where folders count as links (not on btrfs: 1) two are none. */
  static bool may_hold_folders(const std::string &folder) {
    struct stat about;
    return stat(folder.c_str(), &about) == 0 && about.st_nlink != 2;
  }

  /*
   * Of a container's folder only what becomes its state is waited for: each further event would be a wake-up. A
   * namespace that is empty when it is met looks like one; it is met again by sweep().
   */
  void watch(const std::string &root, const std::string &folder, int depth) {
    if (by_path_.count(folder) != 0) return;
    const bool holds_folders = depth == 0 || (depth == 1 && may_hold_folders(folder));
    const uint32_t mask = IN_ONLYDIR | IN_EXCL_UNLINK | IN_MOVED_TO | (depth > 0 ? IN_CLOSE_WRITE : 0) |
                          (holds_folders ? IN_CREATE | IN_DELETE | IN_MOVED_FROM : 0);
    const int wd = inotify_add_watch(inotify_, folder.c_str(), mask);
    if (wd < 0) {
      if (errno != ENOENT && errno != ENOTDIR) {
        const std::lock_guard<std::mutex> lock(mutex_);
        missed_ = true;
      }
      return;
    }
    const auto found = watched_.insert_or_assign(wd, Watched{root, folder, depth, 0, false, holds_folders}).first;
    by_path_[folder] = wd;
    /* What was there before the watch. */
    if (depth > 0 && look(found->second)) return release(found);
    if (depth == 1 && !holds_folders && may_hold_folders(folder)) return meet_again(root, folder);
    if (holds_folders) each_folder(folder, [&](const std::string &path) { watch(root, path, depth + 1); });
  }

  /* It holds folders now: a namespace. */
  void meet_again(const std::string &root, const std::string &folder) {
    forget(folder);
    watch(root, folder, 1);
  }

  template <typename Do>
  static void each_folder(const std::string &folder, Do what) {
    DIR *opened = opendir(folder.c_str());
    if (opened == nullptr) return;
    while (const struct dirent *entry = readdir(opened)) {
      if (entry->d_type == DT_DIR && entry->d_name[0] != '.') what(folder + "/" + entry->d_name);
    }
    closedir(opened);
  }

  bool look(Watched &here) {
    std::optional<RuncState> state = read(here.folder);
    if (!state) return false;
    here.settled = now();
    here.whole = state->whole;
    add({here.depth == 1 ? here.root : parent_of(here.folder), here.folder, false, std::move(state)});
    return true;
  }

  static std::string parent_of(const std::string &folder) { return folder.substr(0, folder.rfind('/')); }

  /* A folder that went away may come back under its name: the end of the first is not lost by that. */
  void add(News one) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = place_of_.find(one.folder);
    if (found != place_of_.end()) {
      News &before = news_[found->second];
      if (!before.gone) {
        if (one.gone && before.state) one.state = std::move(before.state);
        before = std::move(one);
        return;
      }
    }
    if (news_.size() >= most_news) {
      place_of_.erase(news_.begin()->second.folder);
      news_.erase(news_.begin());
      missed_ = true;
    }
    place_of_[one.folder] = ++last_;
    news_[last_] = std::move(one);
  }

  void forget(const std::string &folder) {
    const auto found = by_path_.find(folder);
    if (found == by_path_.end()) return;
    inotify_rm_watch(inotify_, found->second);
    watched_.erase(found->second);
    by_path_.erase(found);
  }

  /* Roots that are made later, and watches that have done their work. */
  void sweep() {
    for (const std::string &root : roots_) watch(root, root, 0);
    std::vector<std::string> done;
    for (const auto &[wd, one] : watched_) {
      if (one.settled != 0 && now() - one.settled > settled_s) done.push_back(one.folder);
    }
    for (const std::string &folder : done) forget(folder);
    std::vector<std::pair<std::string, std::string>> grown;
    for (const auto &[wd, one] : watched_) {
      const bool may_be = one.depth == 1 && !one.holds_folders && one.settled == 0;
      if (may_be && may_hold_folders(one.folder)) grown.emplace_back(one.root, one.folder);
    }
    for (const auto &[root, folder] : grown) meet_again(root, folder);
  }

  std::vector<std::string> roots_;
  Appeared appeared_;
  std::atomic<bool> telling_{false};
  int inotify_ = -1, stop_ = -1;
  std::unordered_map<int, Watched> watched_;
  std::unordered_map<std::string, int> by_path_;
  std::mutex reading_;
  SharedTexts shared_;
  std::mutex mutex_;
  std::map<uint64_t, News> news_;
  std::unordered_map<std::string, uint64_t> place_of_;
  uint64_t last_ = 0;
  bool missed_ = false;
  std::thread thread_;
};

}  // namespace
