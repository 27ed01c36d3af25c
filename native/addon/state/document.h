/* Memory for reading one small file after another. */
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace secco {

class Document {
 public:
  /*
   * read returns the whole content of a regular file of at most 4 MiB, which is valid until the next read; nullopt if it
   * cannot be read. A container's author may choose the path: it does not wait for a FIFO and does not follow a link.
   */
  std::optional<std::string_view> read(const std::string &path, struct stat *about);

 private:
  std::optional<std::string_view> fill(int fd, size_t size);

  std::unique_ptr<char[]> memory_;
  size_t room_ = 0;
};

}  // namespace secco
