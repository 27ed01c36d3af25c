/*
 * Emptying of elements of an array map: many with one call (BPF_MAP_UPDATE_BATCH, bpf(2); for arrays since
 * Linux 5.6), one by one where the kernel does not support that.
 */
#pragma once

#include <bpf/bpf.h>
#include <linux/types.h>

#include <algorithm>
#include <vector>

namespace secco {

template <typename Row>
void clear_rows(int map, const std::vector<__u32> &rows) {
  static constexpr __u32 batch = 32;
  /* Never written, so its pages are the kernel's zero page and cost no memory. */
  static Row empty[batch];
  for (size_t from = 0; from < rows.size(); from += batch) {
    const __u32 *at = rows.data() + from;
    const __u32 wanted = std::min<size_t>(batch, rows.size() - from);
    __u32 count = wanted;
    if (wanted > 1 && bpf_map_update_batch(map, at, empty, &count, nullptr) == 0 && count == wanted) continue;
    for (__u32 i = 0; i < wanted; i++) bpf_map_update_elem(map, at + i, empty, BPF_ANY);
  }
}

}  // namespace secco
