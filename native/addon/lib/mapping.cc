#include "addon/lib/mapping.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "addon/lib/failure.h"

namespace secco {

Mapping::~Mapping() { close(); }

void Mapping::open(int fd, size_t bytes, const char *name) {
  const size_t page = sysconf(_SC_PAGESIZE);
  bytes = (bytes + page - 1) / page * page;
  void *got = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (got == MAP_FAILED) throw Failure{std::string("map '") + name + "' cannot be mapped", errno};
  memory_ = got;
  bytes_ = bytes;
}

void Mapping::close() {
  if (memory_ != nullptr) munmap(memory_, bytes_);
  memory_ = nullptr;
}

}  // namespace secco
