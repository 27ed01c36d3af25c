#include "addon/state/document.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

namespace secco {

namespace {

constexpr size_t largest_document = 4 << 20;
/* Room that is kept between documents; more is given back after the document that needed it. */
constexpr size_t usual_room = 64 << 10;

}  // namespace

std::optional<std::string_view> Document::read(const std::string &path, struct stat *about) {
  const int fd = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::optional<std::string_view> text;
  if (fstat(fd, about) == 0 && S_ISREG(about->st_mode) && static_cast<size_t>(about->st_size) <= largest_document) {
    text = fill(fd, about->st_size);
  }
  close(fd);
  return text;
}

std::optional<std::string_view> Document::fill(int fd, size_t size) {
  const size_t wanted = std::max(size, usual_room);
  if (room_ < wanted || room_ > std::max(wanted, 2 * usual_room)) {
    memory_.reset(new char[wanted]);
    room_ = wanted;
  }
  size_t got = 0;
  while (got < size) {
    const ssize_t more = ::read(fd, memory_.get() + got, size - got);
    if (more <= 0) return std::nullopt;
    got += more;
  }
  return std::string_view(memory_.get(), got);
}

}  // namespace secco
