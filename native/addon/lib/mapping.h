/* Memory of a BPF map in this process. */
#pragma once

#include <linux/types.h>
#include <stddef.h>

namespace secco {

/* load reads a word that the kernel side writes. */
inline __u64 load(const __u64 *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }

/* Mapping owns the memory of one mmapable map. */
class Mapping {
 public:
  Mapping() = default;
  Mapping(const Mapping &) = delete;
  Mapping &operator=(const Mapping &) = delete;
  ~Mapping();

  /* open maps so many bytes of the map; `name` is for the failure. Throws Failure. */
  void open(int fd, size_t bytes, const char *name);
  void close();

  template <typename T>
  T *as() const {
    return static_cast<T *>(memory_);
  }

 private:
  void *memory_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace secco
