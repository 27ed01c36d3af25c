/* A digest that tells contents apart. */
#pragma once

#include <linux/types.h>
#include <stddef.h>

#include <string>

namespace secco {

/* Digest is 64-bit FNV-1a. It is not made to withstand an attacker. */
class Digest {
 public:
  void add(const void *bytes, size_t length);
  void add(const std::string &text) { add(text.data(), text.size()); }

  /* add_value adds the bytes of a value without padding. */
  template <typename T>
  void add_value(const T &value) {
    add(&value, sizeof(value));
  }

  /* text returns the digest as 16 hexadecimal digits. */
  std::string text() const;

 private:
  __u64 value_ = 0xcbf29ce484222325ULL;
};

}  // namespace secco
