#include "addon/maps/attached-object.h"

#include <errno.h>

#include "addon/lib/failure.h"
#include "addon/lib/kernel.h"
#include "shared/load-object.h"

namespace secco {

namespace {

constexpr int poll_ms = 20;
constexpr size_t perf_pages = 64;

int count_ring_event(void *events, void *, size_t) {
  (*static_cast<std::atomic<__u64> *>(events))++;
  return 0;
}

void count_perf_event(void *events, int, void *, __u32) { (*static_cast<std::atomic<__u64> *>(events))++; }

}  // namespace

AttachedObject::AttachedObject(const std::string &path) {
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

AttachedObject::~AttachedObject() { close(); }

void AttachedObject::load(const std::string &path) {
  size_t bytes = 0;
  struct bpf_map *map = bpf_object__find_map_by_name(object_, ".rodata");
  /* The first constant of reference/reference.h. libbpf gives its value as a pointer to const. */
  if (map != nullptr) {
    auto *value = const_cast<void *>(static_cast<const void *>(bpf_map__initial_value(map, &bytes)));
    if (value != nullptr) *static_cast<__u32 *>(value) = inode_of("/proc/self/ns/mnt");
  }
  if (const int code = secco_load_object(object_); code != 0) throw Failure{"cannot load '" + path + "'", -code};
  struct bpf_program *program;
  bpf_object__for_each_program(program, object_) {
    struct bpf_link *link = bpf_program__attach(program);
    if (link == nullptr) throw Failure{std::string("cannot attach '") + bpf_program__name(program) + "'", errno};
    links_.push_back(link);
  }
}

void AttachedObject::read_events() {
  struct bpf_map *map = bpf_object__find_map_by_name(object_, "events");
  if (map == nullptr) return;
  if (bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF) {
    ring_ = ring_buffer__new(bpf_map__fd(map), count_ring_event, &events_, nullptr);
  } else {
    perf_ = perf_buffer__new(bpf_map__fd(map), perf_pages, count_perf_event, nullptr, &events_, nullptr);
  }
  if (ring_ == nullptr && perf_ == nullptr) throw Failure{"events cannot be read", errno};
  reader_ = std::thread([this] {
    while (!stop_) {
      if (ring_ != nullptr) ring_buffer__poll(ring_, poll_ms);
      if (perf_ != nullptr) perf_buffer__poll(perf_, poll_ms);
    }
  });
}

void AttachedObject::close() {
  for (struct bpf_link *link : links_) bpf_link__destroy(link);
  links_.clear();
  stop_ = true;
  if (reader_.joinable()) reader_.join();
  ring_buffer__free(ring_);
  perf_buffer__free(perf_);
  bpf_object__close(object_);
}

}  // namespace secco
