/* Changes of containers' states that were read and not yet taken by JavaScript. */
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "addon/state/runc-state.h"

namespace secco {

/* StateChange is the newest state of a folder, or its end. */
struct StateChange {
  std::string root, folder;
  bool gone = false;
  std::optional<RuncState> state;
};

/* StateChanges keeps one change for each folder. It is used by two threads. */
class StateChanges {
 public:
  /*
   * add keeps a change in place of an earlier one of the same folder. An end is kept next to the state that follows it:
   * a folder may come back under its name.
   */
  void add(StateChange change);

  /* miss notes that there was a change that nobody could read. */
  void miss();

  /* take returns the changes since the last call, oldest first; `missed`: there were more. */
  std::vector<StateChange> take(bool *missed);

 private:
  static constexpr size_t at_most = 8192;

  std::mutex mutex_;
  std::map<uint64_t, StateChange> changes_;
  std::unordered_map<std::string, uint64_t> place_of_;
  uint64_t last_ = 0;
  bool missed_ = false;
};

}  // namespace secco
