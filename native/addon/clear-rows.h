/*
 * Rows of an array in the kernel, emptied: many with one call (BPF_MAP_UPDATE_BATCH, bpf(2); of arrays since
 * Linux 5.6), one by one where the kernel does not take that.
 */
#pragma once

#include <bpf/bpf.h>
#include <linux/types.h>

#include <algorithm>
#include <vector>

namespace {

template <typename Row>
void clear_rows(int map, const std::vector<__u32> &rows) {
  static constexpr __u32 at_once = 32;
  /* Written by nobody: pages of nothing, which are no memory. */
  static Row none[at_once];
  for (size_t from = 0; from < rows.size(); from += at_once) {
    const __u32 *at = rows.data() + from;
    const __u32 wanted = std::min<size_t>(at_once, rows.size() - from);
    __u32 count = wanted;
    if (wanted > 1 && bpf_map_update_batch(map, at, none, &count, nullptr) == 0 && count == wanted) continue;
    for (__u32 i = 0; i < wanted; i++) bpf_map_update_elem(map, at + i, none, BPF_ANY);
  }
}

}  // namespace
