/*
 * What the addon's parts share: how a failure is said, the clock of the kernel's time stamps, and a
 * map's memory in this process.
 */
#pragma once

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <linux/types.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <string>

namespace {

/* libbpf's last complaints, for the message of the error that follows them. */
thread_local std::string complaints;

int note_complaint(enum libbpf_print_level level, const char *format, va_list args) {
  if (level != LIBBPF_WARN) return 0;
  char line[512];
  int length = vsnprintf(line, sizeof(line), format, args);
  // The verifier's log can be a megabyte; the reason is in the short lines around it.
  if (length > 0 && length < static_cast<int>(sizeof(line)) && complaints.size() < 2048) complaints += line;
  return length;
}

struct Failure {
  std::string what;
  int code;
};

std::string one_line(std::string text) {
  std::string out;
  for (char c : text) {
    if (c == '\n') {
      if (!out.empty() && out.back() != ';') out += ';';
    } else {
      out += c == '\t' ? ' ' : c;
    }
  }
  while (!out.empty() && (out.back() == ';' || out.back() == ' ')) out.pop_back();
  return out.substr(0, 400);
}

__u64 load(const __u64 *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }

__u32 inode_of(const char *path) {
  struct stat found;
  return stat(path, &found) == 0 ? static_cast<__u32>(found.st_ino) : 0;
}

__u64 monotonic() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<__u64>(now.tv_sec) * 1000000000ULL + now.tv_nsec;
}

/* A map's memory in this process. */
class Mapping {
 public:
  Mapping() = default;
  Mapping(const Mapping &) = delete;
  Mapping &operator=(const Mapping &) = delete;
  ~Mapping() { close(); }

  void open(int fd, size_t bytes, const char *name) {
    const size_t page = sysconf(_SC_PAGESIZE);
    bytes = (bytes + page - 1) / page * page;
    void *got = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (got == MAP_FAILED) throw Failure{std::string("map '") + name + "' cannot be mapped", errno};
    memory_ = got;
    bytes_ = bytes;
  }
  void close() {
    if (memory_ != nullptr) munmap(memory_, bytes_);
    memory_ = nullptr;
  }
  template <typename T>
  T *as() const {
    return static_cast<T *>(memory_);
  }

 private:
  void *memory_ = nullptr;
  size_t bytes_ = 0;
};

/*
 * Until every CPU has left the programs that run now (membarrier's GLOBAL command is an RCU grace period).
 */
void await_grace() {
  if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0) return;
  /* Refused where CPUs run without ticks (nohz_full). */
  const struct timespec second = {1, 0};
  nanosleep(&second, nullptr);
}

}  // namespace
