#include "addon/state/json-slices.h"

#include <algorithm>
#include <array>
#include <vector>

namespace secco {

namespace {

/* One table look-up for each character: std::string_view::find_first_of() calls a function for each. */
enum : unsigned char { blank = 1, ends_string = 2, ends_word = 4, nests = 8 };

unsigned char kind(char c) {
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

char folded(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

/* Deeper values count as ambiguous: no profile is that deep. */
constexpr int deepest = 16;
/* Of one object: each key is compared with those before it. */
constexpr size_t keys_at_most = 64;

}  // namespace

bool JsonSlices::is_plain(std::string_view key) {
  return std::all_of(key.begin(), key.end(), [](char c) { return c >= ' ' && c <= '~' && c != '\\'; });
}

bool JsonSlices::is_same(std::string_view key, std::string_view other) {
  return std::equal(key.begin(), key.end(), other.begin(), other.end(),
                    [](char one, char two) { return folded(one) == folded(two); });
}

bool JsonSlices::is_ambiguous(std::string_view value) { return JsonSlices(value).pass_ambiguous(0); }

bool JsonSlices::pass_ambiguous(int depth) {
  if (depth > deepest) return true;
  if (eat('[')) {
    while (!eat(']')) {
      if (at_ >= text_.size() || pass_ambiguous(depth + 1)) return true;
      eat(',');
    }
    return false;
  }
  pass_blanks();
  if (at_ >= text_.size() || text_[at_] != '{') return !skip();
  std::vector<std::string_view> keys;
  bool doubtful = false;
  const bool whole = members([&](std::string_view key, JsonSlices &here) {
    const auto is_known = [&](std::string_view other) { return is_same(key, other); };
    doubtful = keys.size() >= keys_at_most || !is_plain(key) || std::any_of(keys.begin(), keys.end(), is_known) ||
               here.pass_ambiguous(depth + 1);
    keys.push_back(key);
    return !doubtful;
  });
  return doubtful || !whole;
}

std::string_view JsonSlices::of(std::string_view text, std::string_view key) {
  std::string_view found;
  JsonSlices(text).members([&](std::string_view name, JsonSlices &here) {
    const std::string_view value = here.value();
    if (name != key) return !value.empty();
    found = value;
    return false;
  });
  return found;
}

std::string JsonSlices::plain(std::string_view value) {
  if (value.size() < 2 || value.front() != '"') return "";
  const std::string_view inside = value.substr(1, value.size() - 2);
  return inside.find('\\') == std::string_view::npos ? std::string(inside) : "";
}

unsigned long long JsonSlices::number(std::string_view value) {
  unsigned long long out = 0;
  for (const char c : value) {
    if (c < '0' || c > '9' || out > (1ULL << 60)) return 0;
    out = out * 10 + (c - '0');
  }
  return out;
}

std::string_view JsonSlices::last_item(std::string_view array, std::string_view beginning) {
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

std::string_view JsonSlices::value() {
  pass_blanks();
  const size_t begin = at_;
  size_t depth = 0;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '"') {
      if (!pass_string()) return {};
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

void JsonSlices::pass_blanks() {
  while (at_ < text_.size() && kind(text_[at_]) & blank) at_++;
}

/* Passes one character, if it is the next one. */
bool JsonSlices::eat(char c) {
  pass_blanks();
  if (at_ >= text_.size() || text_[at_] != c) return false;
  at_++;
  return true;
}

/* Passes the string that begins here. Returns false if it does not end. */
bool JsonSlices::pass_string() {
  for (at_++;; at_++) {
    while (at_ < text_.size() && !(kind(text_[at_]) & ends_string)) at_++;
    if (at_ >= text_.size()) return false;
    if (text_[at_] == '"') return at_++, true;
    at_++;
  }
}

}  // namespace secco
