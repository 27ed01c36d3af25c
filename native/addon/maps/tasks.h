/* Every task of the machine with its namespaces, as an iterator in the kernel finds it (bpf/iter-task.bpf.c). */
#pragma once

#include <linux/types.h>

#include <string>
#include <vector>

#include "shared/iter-task.h"

namespace secco {

/*
 * all_tasks walks all tasks by the iterator in the object file `path`. Throws Failure if the kernel does not allow
 * iterators, or not all tasks can be seen from this pid namespace.
 */
std::vector<secco_task> all_tasks(const std::string &path);

}  // namespace secco
