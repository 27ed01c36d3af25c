/* Failures of system calls and of libbpf, and the warnings that libbpf gave before them. */
#pragma once

#include <string>

namespace secco {

/* Failure is thrown where a system call or libbpf fails. */
struct Failure {
  std::string what; /* a sentence without the reason */
  int code; /* errno */
};

/* collect_libbpf_warnings makes libbpf keep its warnings for libbpf_warnings() instead of printing them. */
void collect_libbpf_warnings();

/* clear_libbpf_warnings forgets the warnings that libbpf gave on this thread so far. */
void clear_libbpf_warnings();

/* libbpf_warnings returns the warnings of this thread as one line of at most 400 characters. */
std::string libbpf_warnings();

}  // namespace secco
