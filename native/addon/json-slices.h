/*
 * Parts of a JSON text, found without parsing the rest: a runtime's state and configuration are mostly
 * rules and mounts that nobody here asks for. What is found is only cut out; whoever takes it parses it.
 */
#pragma once

#include <array>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

class JsonSlices {
 public:
  explicit JsonSlices(std::string_view text) : text_(text) {}

  /*
   * The value of a member of an object, and of that value's member, and so on: as it stands in the text;
   * empty when there is none. Keys are compared as they are written, without escapes.
   */
  template <typename... Keys>
  static std::string_view of(std::string_view text, std::string_view key, Keys... further) {
    JsonSlices slices(text);
    const std::string_view found = slices.member(key);
    if constexpr (sizeof...(further) == 0) return found;
    else return found.empty() ? found : of(found, further...);
  }

  /* A string value's content, where it has no escapes; else empty. */
  static std::string plain(std::string_view value) {
    if (value.size() < 2 || value.front() != '"') return "";
    const std::string_view inside = value.substr(1, value.size() - 2);
    return inside.find('\\') == std::string_view::npos ? std::string(inside) : "";
  }

  /* A number that is not negative; 0 for anything else. */
  static unsigned long long number(std::string_view value) {
    unsigned long long out = 0;
    for (const char c : value) {
      if (c < '0' || c > '9' || out > (1ULL << 60)) return 0;
      out = out * 10 + (c - '0');
    }
    return out;
  }

  /* The last string of an array that begins so; empty when there is none, or the array does not end. */
  static std::string_view last_item(std::string_view array, std::string_view beginning) {
    JsonSlices slices(array);
    std::string_view last;
    if (!slices.eat('[')) return {};
    while (!slices.eat(']')) {
      const std::string_view value = slices.value();
      if (value.empty()) return {};
      if (value.size() > beginning.size() + 1 && value.substr(1, beginning.size()) == beginning) last = value;
      slices.eat(',');
    }
    return last;
  }

  /*
   * Goes through an object: calls with each member's key (as it is written), in their order, until that returns false;
   * it goes past the value, by skip(), value() or members(). Of anything else it goes past that. False: it does not end.
   */
  template <typename Take>
  bool members(Take take) {
    if (!eat('{')) return skip();
    while (at_ < text_.size()) {
      if (eat('}')) return true;
      const std::string_view name = value();
      if (name.size() < 2 || !eat(':') || !take(name.substr(1, name.size() - 2), *this)) return false;
      eat(',');
    }
    return false;
  }

  bool skip() { return !value().empty(); }

  /* Any value: brackets are counted, not matched; what is malformed fails where it is parsed. Empty: there is none. */
  std::string_view value() {
    space();
    const size_t begin = at_;
    size_t depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        if (!string()) return {};
      } else if (c == '{' || c == '[') {
        depth++;
        at_++;
        continue;
      } else if (c == '}' || c == ']') {
        if (depth == 0) break;
        depth--;
        at_++;
      } else if (depth == 0) {
        /* a number, true, false, null */
        while (at_ < text_.size() && !(kind(text_[at_]) & ends_word)) at_++;
      } else {
        while (at_ < text_.size() && !(kind(text_[at_]) & nests)) at_++;
        continue;
      }
      if (depth == 0) return text_.substr(begin, at_ - begin);
    }
    return {};
  }

 private:
  std::string_view member(std::string_view key) {
    std::string_view of_key;
    members([&](std::string_view name, JsonSlices &here) {
      const std::string_view found = here.value();
      if (name != key) return !found.empty();
      of_key = found;
      return false;
    });
    return of_key;
  }

  /* One look-up a character: std::string_view::find_first_of() calls a function for each. */
  enum : unsigned char { blank = 1, ends_string = 2, ends_word = 4, nests = 8 };
  static unsigned char kind(char c) {
    static constexpr auto kinds = [] {
      std::array<unsigned char, 256> of = {};
      for (const char one : {' ', '\n', '\t', '\r'}) of[static_cast<unsigned char>(one)] |= blank | ends_word;
      for (const char one : {'"', '\\'}) of[static_cast<unsigned char>(one)] |= ends_string;
      for (const char one : {',', ']', '}', ':'}) of[static_cast<unsigned char>(one)] |= ends_word;
      for (const char one : {'"', '{', '}', '[', ']'}) of[static_cast<unsigned char>(one)] |= nests;
      return of;
    }();
    return kinds[static_cast<unsigned char>(c)];
  }

  void space() {
    while (at_ < text_.size() && kind(text_[at_]) & blank) at_++;
  }
  bool eat(char c) {
    space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    at_++;
    return true;
  }

  /* Past the string that begins here. False: it does not end. */
  bool string() {
    for (at_++;; at_++) {
      while (at_ < text_.size() && !(kind(text_[at_]) & ends_string)) at_++;
      if (at_ >= text_.size()) return false;
      if (text_[at_] == '"') return at_++, true;
      at_++;
    }
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace
