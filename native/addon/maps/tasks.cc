#include "addon/maps/tasks.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <unistd.h>

#include <memory>

#include "addon/lib/failure.h"
#include "addon/lib/kernel.h"
#include "shared/load-object.h"

namespace secco {

namespace {

/* PROC_PID_INIT_INO (include/linux/proc_fs.h): the first pid namespace, which has all processes. */
constexpr __u32 first_pid_namespace = 0xEFFFFFFC;

}  // namespace

std::vector<secco_task> all_tasks(const std::string &path) {
  if (inode_of("/proc/self/ns/pid") != first_pid_namespace) throw Failure{"only some processes are seen here", EXDEV};
  const std::unique_ptr<struct bpf_object, decltype(&bpf_object__close)> object(
      bpf_object__open_file(path.c_str(), nullptr), bpf_object__close);
  if (object == nullptr) throw Failure{"cannot open '" + path + "'", errno};
  if (const int code = secco_load_object(object.get()); code != 0) throw Failure{"tasks cannot be walked", -code};
  const std::unique_ptr<struct bpf_link, decltype(&bpf_link__destroy)> link(
      bpf_program__attach(bpf_object__next_program(object.get(), nullptr)), bpf_link__destroy);
  const int fd = link == nullptr ? -1 : bpf_iter_create(bpf_link__fd(link.get()));
  if (fd < 0) throw Failure{"tasks cannot be walked", errno};
  std::vector<secco_task> tasks;
  secco_task some[256];
  ssize_t bytes;
  while ((bytes = read(fd, some, sizeof(some))) > 0) tasks.insert(tasks.end(), some, some + bytes / sizeof(*some));
  const int code = errno;
  close(fd);
  if (bytes < 0) throw Failure{"tasks cannot be walked to their end", code};
  return tasks;
}

}  // namespace secco
