/*
 * Follows the state folders of runc: what appears is read at once, by a thread of its own that comes
 * before others where that is allowed. A container may be over within milliseconds, on a machine that is
 * busy, and its name, labels and profile are nowhere else. What was read waits until it is taken: nothing
 * wakes JavaScript, unless somebody asked to be told of new folders.
 *
 * A container costs two wake-ups: its folder, and its state's rename (the watch of a container's folder ends
 * with its first event). Ends wait in a queue of their own: nothing is lost while nobody reads it. Where the
 * kernel gives only one queue (fs.inotify.max_user_instances) they come in the first, each with a wake-up.
 * A third one waits for roots that are not there yet; where the kernel does not give it, sweep() finds them.
 */
#pragma once

#include <dirent.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "inotify-queue.h"
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
    close_all();
  }

  /* `appeared` is called on the thread, once per new folder, while `tell(true)`. False: nothing is followed. */
  bool start(Appeared appeared) {
    if (thread_.joinable()) return true;
    appeared_ = std::move(appeared);
    stop_ = eventfd(0, EFD_CLOEXEC);
    waits_ = epoll_create1(EPOLL_CLOEXEC);
    if (stop_ >= 0 && waits_ >= 0 && news_queue_.open() && wait_for(stop_) && wait_for(news_queue_.fd())) {
      if (ends_.open() && !wait_for(ends_.fd(), once)) ends_.close();
      try {
        thread_ = std::thread([this] { run(); });
      } catch (const std::system_error &) {
        /* No process id is left for it: nothing is followed, and it is said. */
      }
    }
    if (!thread_.joinable()) close_all();
    return thread_.joinable();
  }
  void tell(bool wanted) { telling_ = wanted; }

  /* One folder, now. */
  std::optional<RuncState> read(const std::string &folder) {
    const std::lock_guard<std::mutex> lock(reading_);
    return read_state(folder, &documents_);
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
  /* After an end the next ones are read together, this much later: they are no hurry. */
  static constexpr int ends_every_ms = 500;

  struct Watched {
    std::string root, folder;
    int depth; /* 0: a root, 1: a container or a namespace of containers, 2: a container */
    time_t settled; /* 0: no state was seen */
    bool whole; /* it told everything that is asked for */
    bool holds_folders;
    bool again; /* watched anew when this watch has ended */
  };
  struct Place {
    std::string root, folder;
  };

  void close_all() {
    news_queue_.close();
    ends_.close();
    above_.close();
    for (int *fd : {&stop_, &waits_}) {
      if (*fd >= 0) close(*fd);
      *fd = -1;
    }
  }

  bool wait_for(int fd, uint32_t events = EPOLLIN, int how = EPOLL_CTL_ADD) {
    struct epoll_event what = {};
    what.events = events;
    what.data.fd = fd;
    return epoll_ctl(waits_, how, fd, &what) == 0;
  }
  /* Where ends came, more are waited for after a rest. One that waits for no event at all is woken all the same. */
  static constexpr uint32_t once = EPOLLIN | EPOLLONESHOT;
  void read_ends() {
    resting_ = drain_ends();
    if (!resting_) wait_for(ends_.fd(), once, EPOLL_CTL_MOD);
  }

  static time_t now() {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &at);
    return at.tv_sec;
  }

  void run() {
    /* Refused without CAP_SYS_NICE: then it is a thread like any other. */
    setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), -10);
    time_t swept = 0;
    for (;;) {
      if (now() - swept >= sweep_s || overflown_) {
        /* What is waiting is older than what is found. */
        drain();
        if (std::exchange(overflown_, false)) forget_all();
        sweep();
        swept = now();
      }
      struct epoll_event found[4];
      const int ready = epoll_wait(waits_, found, 4, resting_ ? ends_every_ms : sweep_s * 1000);
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
        meet_roots();
      }
    }
  }

  /* The ends first: a folder that is made again under its name ended before, and that is in their queue by now. */
  void drain() {
    news_queue_.drain([this] { drain_ends(); }, [this](const struct inotify_event &event) { handle(event); });
  }

  bool drain_ends() {
    return ends_.drain([] {}, [this](const struct inotify_event &event) { handle_end(event); });
  }

  void handle_end(const struct inotify_event &event) {
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

  void end(const std::string &root, const std::string &path) {
    const auto found = by_path_.find(path);
    if (found != by_path_.end() && watched_.at(found->second).holds_folders) forget_ends(path);
    forget(path);
    add({root, path, true, std::nullopt});
  }

  /* Of a namespace that was moved away: what ends in it is no end here. */
  void forget_ends(const std::string &folder) {
    for (auto at = ending_.begin(); at != ending_.end();) {
      if (at->second.folder == folder) {
        ends_.remove(at->first);
        at = ending_.erase(at);
      } else {
        ++at;
      }
    }
  }

  /* Events were dropped, those that watches ended among them: all is met anew. */
  void overflow() {
    overflown_ = true;
    miss();
  }
  void forget_all() {
    for (const auto &[wd, one] : watched_) news_queue_.remove(wd);
    for (const auto &[wd, one] : ending_) ends_.remove(wd);
    watched_.clear();
    by_path_.clear();
    ending_.clear();
  }

  void miss() {
    const std::lock_guard<std::mutex> lock(mutex_);
    missed_ = true;
  }

  void handle(const struct inotify_event &event) {
    if (event.mask & IN_Q_OVERFLOW) return overflow();
    const auto found = watched_.find(event.wd);
    if (found == watched_.end()) return;
    if (event.mask & IN_IGNORED) {
      const Watched ended = std::move(found->second);
      by_path_.erase(ended.folder);
      watched_.erase(found);
      /* Its one event was another file's. */
      if (ended.again) watch(ended.root, ended.folder, ended.depth);
      if (ended.depth == 0) meet_root(ended.root);
      return;
    }
    const Watched &here = found->second;
    if (event.len == 0) return;
    if (event.mask & IN_ISDIR) {
      if (here.depth >= 2) return;
      if (event.mask & (IN_DELETE | IN_MOVED_FROM)) {
        return end(here.depth == 0 ? here.folder : here.root, here.folder + "/" + event.name);
      }
      if (!here.holds_folders) found->second.again = true;
      if (telling_ && appeared_) appeared_();
      watch(here.depth == 0 ? here.folder : here.root, here.folder + "/" + event.name, here.depth + 1);
    } else if (here.depth > 0 && strcmp(event.name, "state.json") == 0) {
      const bool told = look(found->second) && found->second.whole;
      if (here.holds_folders) return release(found);
      found->second.again = !told;
    } else if (!here.holds_folders) {
      found->second.again = true;
    }
  }

  /* Of a container whose state told all, nothing is waited for: each further event would be a wake-up. */
  void release(std::unordered_map<int, Watched>::iterator found) {
    if (!found->second.whole) return;
    forget(std::string(found->second.folder));
  }

  /* Where folders count as links (not on btrfs: 1) two are none. */
  static bool may_hold_folders(const std::string &folder) {
    struct stat about;
    return stat(folder.c_str(), &about) == 0 && about.st_nlink != 2;
  }

  /*
   * runc writes a state under another name and renames it: of a container's folder that is waited for alone. A
   * folder in a root is taken for a container's, until it holds folders: then it is a namespace. One that is empty
   * when it is met is met again by sweep().
   */
  void watch(const std::string &root, const std::string &folder, int depth) {
    const bool holds_folders = depth == 0;
    if (by_path_.count(folder) != 0 || !follow(root, folder, depth, holds_folders)) return;
    if (holds_folders) return each_folder(folder, [&](const std::string &path) { watch(root, path, depth + 1); });
    /* What was there before the watch. */
    Watched &here = watched_.at(by_path_.at(folder));
    if (look(here)) {
      if (here.whole) forget(folder);
      return;
    }
    if (depth == 1 && may_hold_folders(folder)) meet_namespace(root, folder);
  }

  bool follow(const std::string &root, const std::string &folder, int depth, bool holds_folders) {
    constexpr uint32_t gone = IN_DELETE | IN_MOVED_FROM;
    const uint32_t here = ends_.is_open() ? 0 : gone;
    const uint32_t waited = holds_folders ? IN_CREATE | IN_MOVED_TO | here : IN_MOVED_TO | IN_ONESHOT;
    const int wd = news_queue_.add(folder, waited);
    if (wd < 0) {
      if (errno != ENOENT && errno != ENOTDIR) miss();
      return false;
    }
    watched_.insert_or_assign(wd, Watched{root, folder, depth, 0, false, holds_folders, false});
    by_path_[folder] = wd;
    if (!holds_folders || !ends_.is_open()) return true;
    const int ends = ends_.add(folder, gone);
    if (ends >= 0) ending_.insert_or_assign(ends, Place{root, folder});
    else if (errno != ENOENT && errno != ENOTDIR) miss();
    return true;
  }

  /* It holds folders now, or may: a namespace; and a container where folders are no links. */
  void meet_namespace(const std::string &root, const std::string &folder) {
    forget(folder);
    if (!follow(root, folder, 1, true)) return;
    if (look(watched_.at(by_path_.at(folder)))) return;
    each_folder(folder, [&](const std::string &path) { watch(root, path, 2); });
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
    news_queue_.remove(found->second);
    watched_.erase(found->second);
    by_path_.erase(found);
  }

  void meet_roots() {
    for (const std::string &root : roots_) meet_root(root);
  }

  /* Again where a folder was made on the way to it before that was waited for. */
  void meet_root(const std::string &root) {
    for (std::string nearest;;) {
      watch(root, root, 0);
      if (by_path_.count(root) != 0) return;
      const std::string above = wait_above(root);
      if (above == nearest) return;
      nearest = above;
    }
  }

  /* The nearest folder above a root that is not there: the next thing made in it may be the root, or on the way to it. */
  std::string wait_above(const std::string &root) {
    if (!above_.is_open() && above_.open() && !wait_for(above_.fd())) above_.close();
    std::string above = root;
    for (size_t slash; (slash = above.rfind('/')) != std::string::npos && above != "/";) {
      above.resize(std::max<size_t>(slash, 1));
      if (above_.add(above, IN_CREATE | IN_MOVED_TO | IN_ONESHOT) >= 0) return above;
    }
    return {};
  }

  /* Watches that have done their work, states that were not renamed to their name, and roots where no queue tells of them. */
  void sweep() {
    meet_roots();
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
      if (look(here)) {
        if (here.whole) forget(std::string(one.folder));
      } else if (here.depth == 1 && may_hold_folders(one.folder)) {
        meet_namespace(one.root, one.folder);
      }
    }
  }

  std::vector<std::string> roots_;
  Appeared appeared_;
  std::atomic<bool> telling_{false};
  InotifyQueue news_queue_, ends_, above_;
  int stop_ = -1, waits_ = -1;
  bool resting_ = false; /* the thread's own: an end was read a moment ago */
  std::unordered_map<int, Watched> watched_;
  std::unordered_map<std::string, int> by_path_;
  std::unordered_map<int, Place> ending_;
  std::mutex reading_;
  RuncReading documents_;
  std::mutex mutex_;
  std::map<uint64_t, News> news_;
  std::unordered_map<std::string, uint64_t> place_of_;
  uint64_t last_ = 0;
  bool missed_ = false;
  bool overflown_ = false; /* the thread's own */
  std::thread thread_;
};

}  // namespace
