#include "addon/state/shared-texts.h"

namespace secco {

std::shared_ptr<const SharedText> SharedTexts::add(std::string_view text) {
  for (const auto &one : texts_) {
    if (one->text == text) return one;
  }
  if (texts_.size() >= at_most) texts_.pop_front();
  texts_.push_back(std::make_shared<const SharedText>(SharedText{++last_, std::string(text)}));
  return texts_.back();
}

}  // namespace secco
