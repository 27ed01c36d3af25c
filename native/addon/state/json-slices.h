/*
 * Parts of a JSON text, found without parsing the rest: a runtime's state and configuration are mostly rules and
 * mounts that nobody here needs. What is found is only cut out; its reader parses it.
 */
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace secco {

class JsonSlices {
 public:
  explicit JsonSlices(std::string_view text) : text_(text) {}

  /*
   * of returns the value of a member of an object as it stands in the text; empty if there is none. Keys are compared
   * as they are written, without escapes.
   */
  static std::string_view of(std::string_view text, std::string_view key);

  /* plain returns the content of a string value without escapes; empty for any other value. */
  static std::string plain(std::string_view value);

  /* number returns a number that is not negative; 0 for any other value. */
  static unsigned long long number(std::string_view value);

  /*
   * last_item returns the last string of an array that starts with `beginning`, with its quotes; empty if there is none, or
   * the array does not end.
   */
  static std::string_view last_item(std::string_view array, std::string_view beginning);

  /* is_plain returns whether a key, as it is written, has only printable ASCII characters and no escape. */
  static bool is_plain(std::string_view key);

  /* is_same returns whether two plain keys are equal apart from the case of their letters. */
  static bool is_same(std::string_view key, std::string_view other);

  /*
   * is_ambiguous returns whether parsers could differ about a value: an object in it has a key twice, two keys that
   * differ only in case (encoding/json of Go takes them for one), or a key that is not plain.
   */
  static bool is_ambiguous(std::string_view value);

  /*
   * members calls `handle` with each member's key, as it is written, until that returns false. `handle` has to pass the
   * value, by skip(), value() or members(). A value that is no object is passed. Returns false if it does not end.
   */
  template <typename Handle>
  bool members(Handle handle) {
    if (!eat('{')) return skip();
    while (at_ < text_.size()) {
      if (eat('}')) return true;
      const std::string_view name = value();
      if (name.size() < 2 || !eat(':') || !handle(name.substr(1, name.size() - 2), *this)) return false;
      eat(',');
    }
    return false;
  }

  /* skip passes one value. Returns false if there is none. */
  bool skip() { return !value().empty(); }

  /*
   * value passes one value and returns it; empty if there is none. Brackets are counted, not matched: a malformed
   * value fails where it is parsed.
   */
  std::string_view value();

 private:
  void pass_blanks();
  bool eat(char c);
  /* Passes one value, and returns whether it is ambiguous. */
  bool pass_ambiguous(int depth);
  bool pass_string();

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace secco
