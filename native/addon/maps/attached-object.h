/*
 * Any BPF object with all its programs attached, for comparisons only (native/reference, test/bench). A thread reads
 * its events, as every user of such a design has to.
 */
#pragma once

#include <bpf/libbpf.h>
#include <linux/types.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace secco {

class AttachedObject {
 public:
  /* Loads and attaches the object in a file. Throws Failure. */
  explicit AttachedObject(const std::string &path);
  AttachedObject(const AttachedObject &) = delete;
  AttachedObject &operator=(const AttachedObject &) = delete;
  ~AttachedObject();

  /* events returns how many events were read so far. */
  __u64 events() const { return events_; }

 private:
  void load(const std::string &path);
  void read_events();
  void close();

  struct bpf_object *object_ = nullptr;
  struct ring_buffer *ring_ = nullptr;
  struct perf_buffer *perf_ = nullptr;
  std::vector<struct bpf_link *> links_;
  std::thread reader_;
  std::atomic<bool> stop_{false};
  std::atomic<__u64> events_{0};
};

}  // namespace secco
