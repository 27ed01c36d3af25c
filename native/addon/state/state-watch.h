/*
 * Follows the state folders of runc. A thread of its own, with a higher priority where that is allowed, reads each
 * state as soon as it appears: a container may be over within milliseconds, also on a busy machine, and its name,
 * labels and profile are nowhere else. The changes wait until they are taken; JavaScript wakes up only for new folders,
 * if it asked for that.
 *
 * A container costs two wake-ups of the thread: one for its folder and one for the rename of its state (the watch of a
 * container's folder ends with its first event). Ends come in a queue of their own and wait there. Where the kernel
 * gives only one queue (fs.inotify.max_user_instances) ends come in the first one, each with a wake-up. A third queue
 * waits for roots that do not exist yet; where the kernel does not give it, sweep() finds them.
 */
#pragma once

#include <sys/inotify.h>
#include <time.h>

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "addon/state/runc-state.h"
#include "addon/state/inotify-queue.h"
#include "addon/state/state-changes.h"

namespace secco {

class StateWatch {
 public:
  using Appeared = std::function<void()>;

  explicit StateWatch(std::vector<std::string> roots) : roots_(std::move(roots)) {}
  StateWatch(const StateWatch &) = delete;
  StateWatch &operator=(const StateWatch &) = delete;
  /* Ends the thread. */
  ~StateWatch();

  /*
   * start starts the thread, which calls `appeared` once for each new folder while notify(true) holds. Returns false if
   * no folder is followed: there is no inotify queue or no thread left.
   */
  bool start(Appeared appeared);
  void notify(bool wanted) { notifies_ = wanted; }

  /* read reads the state of one folder now. It waits for nothing that the thread does. */
  std::optional<RuncState> read(const std::string &folder);

  /* take is StateChanges::take(). */
  std::vector<StateChange> take(bool *missed) { return changes_.take(missed); }

 private:
  /* Watched is a folder with a watch in the first queue. */
  struct Watched {
    std::string root, folder;
    int depth; /* 0: a root, 1: a container or a namespace of containers, 2: a container in a namespace */
    time_t settled; /* when its state was read; 0: not yet */
    bool whole; /* the state had everything that is wanted of it */
    bool holds_folders; /* a root or a namespace */
    bool again; /* it needs a new watch when this one has ended */
  };
  struct Place {
    std::string root, folder;
  };

  void close_all();
  bool wait_for(int fd, uint32_t events, int how);

  void run();
  void drain();
  bool drain_ends();
  void read_ends();
  void handle(const struct inotify_event &event);
  void handle_folder(std::unordered_map<int, Watched>::iterator found, const struct inotify_event &event);
  void handle_watch_end(std::unordered_map<int, Watched>::iterator found);
  void handle_end(const struct inotify_event &event);
  void end(const std::string &root, const std::string &path);
  void overflow();

  void watch(const std::string &root, const std::string &folder, int depth);
  bool follow(const std::string &root, const std::string &folder, int depth, bool holds_folders);
  void watch_namespace(const std::string &root, const std::string &folder);
  bool read_state_of(Watched &here);
  void forget(const std::string &folder);
  void forget_ends(const std::string &folder);
  void forget_all();

  void find_roots();
  void find_root(const std::string &root);
  std::string wait_above(const std::string &root);
  void sweep();

  std::vector<std::string> roots_;
  Appeared appeared_;
  std::atomic<bool> notifies_{false};
  InotifyQueue news_queue_, ends_, above_;
  int stop_ = -1;
  int waits_ = -1;
  StateChanges changes_;
  SharedTexts shared_;
  RuncReading asked_{&shared_}; /* for read() */

  /* These belong to the thread. */
  RuncReading followed_{&shared_};
  bool resting_ = false; /* ends were read a moment ago: the next ones are read together */
  bool overflown_ = false;
  std::unordered_map<int, Watched> watched_;
  std::unordered_map<std::string, int> by_path_;
  std::unordered_map<int, Place> ending_;

  std::thread thread_;
};

}  // namespace secco
