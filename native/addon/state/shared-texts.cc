#include "addon/state/shared-texts.h"

namespace secco {

std::shared_ptr<const SharedText> SharedTexts::find(std::string_view text) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return known(text);
}

std::shared_ptr<const SharedText> SharedTexts::add(std::string_view text) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (auto found = known(text)) return found;
  if (texts_.size() >= at_most) texts_.pop_front();
  texts_.push_back(std::make_shared<const SharedText>(SharedText{++last_, std::string(text)}));
  return texts_.back();
}

std::shared_ptr<const SharedText> SharedTexts::known(std::string_view text) const {
  for (const auto &one : texts_) {
    if (one->text == text) return one;
  }
  return nullptr;
}

}  // namespace secco
