#include "addon/lib/failure.h"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>

namespace secco {

namespace {

constexpr size_t most_warnings = 2048;
constexpr size_t longest_line = 400;

thread_local std::string warnings;

int keep_warning(enum libbpf_print_level level, const char *format, va_list args) {
  if (level != LIBBPF_WARN) return 0;
  char line[512];
  const int length = vsnprintf(line, sizeof(line), format, args);
  /* The verifier's log can be a megabyte; the reason is in the short lines around it. */
  if (length > 0 && length < static_cast<int>(sizeof(line)) && warnings.size() < most_warnings) warnings += line;
  return length;
}

}  // namespace

void collect_libbpf_warnings() { libbpf_set_print(keep_warning); }

void clear_libbpf_warnings() { warnings.clear(); }

std::string libbpf_warnings() {
  std::string line;
  for (const char c : warnings) {
    if (c != '\n') line += c == '\t' ? ' ' : c;
    else if (!line.empty() && line.back() != ';') line += ';';
  }
  while (!line.empty() && (line.back() == ';' || line.back() == ' ')) line.pop_back();
  return line.substr(0, longest_line);
}

}  // namespace secco
