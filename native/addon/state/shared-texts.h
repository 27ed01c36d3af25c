/* Texts that many containers share: the seccomp sections of their configurations. */
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace secco {

/* SharedText is a text with a number of its own. */
struct SharedText {
  uint64_t number = 0;
  std::string text;
};

/* SharedTexts keeps the newest texts. A text that was dropped gets another number when it comes again. */
class SharedTexts {
 public:
  static constexpr size_t at_most = 64;

  /* find returns the shared text with this content; null if it is not known. */
  std::shared_ptr<const SharedText> find(std::string_view text);

  /* add returns the shared text with this content. */
  std::shared_ptr<const SharedText> add(std::string_view text);

 private:
  std::shared_ptr<const SharedText> known(std::string_view text) const;

  std::mutex mutex_; /* several threads read states */
  std::deque<std::shared_ptr<const SharedText>> texts_;
  uint64_t last_ = 0;
};

}  // namespace secco
