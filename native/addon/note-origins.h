/*
 * Notes of one call in elements of their own, by where they come from: what was noted elsewhere is
 * written there, whole and as often as need be, while the kernel side goes on adding to its own.
 */
#pragma once

#include <linux/types.h>
#include <string.h>

#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

#include "../shared/recorder.h"

namespace {

enum : __u32 { noted_here, noted_in_old_layout, noted_in_old_generation, note_origins };

/* Keys have no holes between their fields; those of one slot stand together. */
struct ByCall {
  bool operator()(const secco_argument_denial_key &left, const secco_argument_denial_key &right) const {
    return memcmp(&left, &right, sizeof(left)) < 0;
  }
};

/* In the key's ABI, above the byte that the kernel side uses. */
secco_argument_denial_key with_origin(secco_argument_denial_key key, __u32 origin) {
  key.call.abi = (key.call.abi & 0xFF) | origin << 8;
  return key;
}

/* Counts are summed, the rest is the newest's. */
void add_note(secco_denial *sum, const secco_denial &more) {
  const __u64 count = sum->count + more.count, succeeded = sum->succeeded + more.succeeded;
  if (more.at > sum->at) *sum = more;
  sum->count = count;
  sum->succeeded = succeeded;
}

/* One note for each call, wherever it was noted. False: all were noted here. */
bool fold_origins(std::vector<std::pair<secco_argument_denial_key, secco_denial>> *all) {
  if (std::all_of(all->begin(), all->end(), [](const auto &one) { return one.first.call.abi <= 0xFF; })) return false;
  for (auto &one : *all) one.first = with_origin(one.first, noted_here);
  const auto before = [](const auto &a, const auto &b) { return ByCall()(a.first, b.first); };
  std::sort(all->begin(), all->end(), before);
  std::remove_pointer_t<decltype(all)> folded;
  for (const auto &one : *all) {
    if (folded.empty() || before(folded.back(), one)) folded.push_back(one);
    else add_note(&folded.back().second, one.second);
  }
  all->swap(folded);
  return true;
}

}  // namespace
