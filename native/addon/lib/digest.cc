#include "addon/lib/digest.h"

#include <stdio.h>

namespace secco {

void Digest::add(const void *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) value_ = (value_ ^ static_cast<const __u8 *>(bytes)[i]) * 0x100000001b3ULL;
}

std::string Digest::text() const {
  char out[17];
  snprintf(out, sizeof(out), "%016llx", static_cast<unsigned long long>(value_));
  return out;
}

}  // namespace secco
