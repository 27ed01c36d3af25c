#include "addon/state/state-changes.h"

#include <utility>

namespace secco {

void StateChanges::add(StateChange change) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = place_of_.find(change.folder);
  if (found != place_of_.end()) {
    StateChange &before = changes_[found->second];
    if (!before.gone) {
      if (change.gone && before.state) change.state = std::move(before.state);
      before = std::move(change);
      return;
    }
  }
  if (changes_.size() >= at_most) {
    place_of_.erase(changes_.begin()->second.folder);
    changes_.erase(changes_.begin());
    missed_ = true;
  }
  place_of_[change.folder] = ++last_;
  changes_[last_] = std::move(change);
}

void StateChanges::miss() {
  const std::lock_guard<std::mutex> lock(mutex_);
  missed_ = true;
}

std::vector<StateChange> StateChanges::take(bool *missed) {
  const std::lock_guard<std::mutex> lock(mutex_);
  *missed = std::exchange(missed_, false);
  std::vector<StateChange> out;
  out.reserve(changes_.size());
  for (auto &[place, change] : changes_) out.push_back(std::move(change));
  changes_.clear();
  place_of_.clear();
  return out;
}

}  // namespace secco
