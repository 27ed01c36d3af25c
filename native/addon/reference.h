/*
 * For comparisons only: any BPF object with all its programs attached, and a thread that reads its events
 * where it sends any, as whoever uses such a design has to.
 */
#pragma once

#include <bpf/libbpf.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "mapping.h"
#include "undisturbed.h"

namespace {

class Attached {
 public:
  explicit Attached(const std::string &path) {
    object_ = bpf_object__open_file(path.c_str(), nullptr);
    if (object_ == nullptr) throw Failure{"cannot open '" + path + "'", errno};
    try {
      load(path);
      read_events();
    } catch (...) {
      close();
      throw;
    }
  }
  Attached(const Attached &) = delete;
  Attached &operator=(const Attached &) = delete;
  ~Attached() { close(); }

  __u64 events() const { return events_; }

 private:
  void load(const std::string &path) {
    size_t bytes = 0;
    struct bpf_map *map = bpf_object__find_map_by_name(object_, ".rodata");
    auto *host =
        map == nullptr
            ? nullptr
            : static_cast<__u32 *>(const_cast<void *>(static_cast<const void *>(bpf_map__initial_value(map, &bytes))));
    if (host != nullptr) *host = inode_of("/proc/self/ns/mnt");
    if (const int code = load_undisturbed(object_); code != 0) throw Failure{"cannot load '" + path + "'", -code};
    struct bpf_program *program;
    bpf_object__for_each_program(program, object_) {
      struct bpf_link *link = bpf_program__attach(program);
      if (link == nullptr) {
        throw Failure{std::string("cannot attach '") + bpf_program__name(program) + "'", errno};
      }
      links_.push_back(link);
    }
  }

  void read_events() {
    struct bpf_map *map = bpf_object__find_map_by_name(object_, "events");
    if (map == nullptr) return;
    if (bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF) {
      ring_ = ring_buffer__new(bpf_map__fd(map), on_ring, this, nullptr);
    } else {
      perf_ = perf_buffer__new(bpf_map__fd(map), 64, on_perf, nullptr, this, nullptr);
    }
    if (ring_ == nullptr && perf_ == nullptr) throw Failure{"events cannot be read", errno};
    reader_ = std::thread([this] {
      while (!stop_) {
        if (ring_ != nullptr) ring_buffer__poll(ring_, 20);
        if (perf_ != nullptr) perf_buffer__poll(perf_, 20);
      }
    });
  }

  static int on_ring(void *self, void *, size_t) {
    static_cast<Attached *>(self)->events_++;
    return 0;
  }
  static void on_perf(void *self, int, void *, __u32) { static_cast<Attached *>(self)->events_++; }

  void close() {
    for (auto *link : links_) bpf_link__destroy(link);
    links_.clear();
    stop_ = true;
    if (reader_.joinable()) reader_.join();
    ring_buffer__free(ring_);
    perf_buffer__free(perf_);
    bpf_object__close(object_);
  }

  struct bpf_object *object_ = nullptr;
  struct ring_buffer *ring_ = nullptr;
  struct perf_buffer *perf_ = nullptr;
  std::vector<struct bpf_link *> links_;
  std::thread reader_;
  std::atomic<bool> stop_{false};
  std::atomic<__u64> events_{0};
};

}  // namespace
