/*
 * The processes of a cgroup by the cgroup's id alone. kernfs opens file handles by id (FILEID_KERNFS in
 * include/linux/exportfs.h), so no path has to be known or searched.
 */
#pragma once

#include <stdint.h>

#include <optional>
#include <vector>

namespace secco {

/*
 * members_of_cgroup returns the thread group ids in a cgroup, without those of the cgroups below it; empty if the
 * cgroup is gone. `mount` is a descriptor of the unified hierarchy. Returns nullopt and sets errno if the kernel or the
 * rights (CAP_DAC_READ_SEARCH) do not allow it.
 */
std::optional<std::vector<int>> members_of_cgroup(int mount, uint64_t id);

}  // namespace secco
