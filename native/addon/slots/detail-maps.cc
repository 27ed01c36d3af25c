#include "addon/slots/detail-maps.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "addon/slots/array-rows.h"

namespace secco {

namespace {

template <typename Key, typename Handle>
void walk_one_by_one(int map, Handle handle) {
  std::pair<Key, secco_denial> one = {};
  const Key *before = nullptr;
  Key key = {};
  while (bpf_map_get_next_key(map, before, &one.first) == 0) {
    if (bpf_map_lookup_elem(map, &one.first, &one.second) == 0) handle(one.first, one.second);
    key = one.first;
    before = &key;
  }
}

/*
 * Calls `handle` with every element of a hash map. Reads many elements with one call where the kernel supports it
 * (BPF_MAP_LOOKUP_BATCH of hash maps, since Linux 5.6); ENOSPC means that one bucket has more than fit.
 */
template <typename Key, typename Handle>
void walk(int map, Handle handle) {
  static constexpr __u32 batch = 64;
  std::vector<std::pair<Key, secco_denial>> all;
  Key keys[batch];
  secco_denial values[batch];
  __u32 place = 0;
  for (bool begun = false;; begun = true) {
    __u32 count = batch;
    const int failed = bpf_map_lookup_batch(map, begun ? &place : nullptr, &place, keys, values, &count, nullptr);
    const int why = failed != 0 ? errno : 0;
    if (why != 0 && why != ENOENT) return walk_one_by_one<Key>(map, handle);
    for (__u32 at = 0; at < count; at++) all.emplace_back(keys[at], values[at]);
    if (why != ENOENT) continue;
    for (const auto &[key, value] : all) handle(key, value);
    return;
  }
}

}  // namespace

bool DenialKeyOrder::operator()(const secco_argument_denial_key &left, const secco_argument_denial_key &right) const {
  return memcmp(&left, &right, sizeof(left)) < 0;
}

bool DetailMaps::row(__u32 number, secco_row *row) const {
  const __u32 at = number - 1;
  return number != 0 && number != SECCO_NO_ROW && bpf_map_lookup_elem(rows_, &at, row) == 0;
}

void DetailMaps::clear_row(__u32 at) const {
  static const secco_row empty = {};
  bpf_map_update_elem(rows_, &at, &empty, BPF_ANY);
}

bool DetailMaps::arguments(__u32 index, secco_argument_row *row) const {
  return bpf_map_lookup_elem(arguments_, &index, row) == 0;
}

void DetailMaps::deny(__u32 index, const secco_denied_row &numbers) const {
  bpf_map_update_elem(denied_, &index, &numbers, BPF_ANY);
}

std::vector<DetailMaps::Denial> DetailMaps::walk_denials() const {
  std::vector<Denial> all;
  walk<secco_denial_key>(denials_, [&](const secco_denial_key &call, const secco_denial &denial) {
    all.emplace_back(secco_argument_denial_key{call, 0, {}}, denial);
  });
  walk<secco_argument_denial_key>(
      argument_denials_,
      [&](const secco_argument_denial_key &key, const secco_denial &denial) { all.emplace_back(key, denial); });
  return all;
}

void DetailMaps::drop(const secco_argument_denial_key &key) const {
  if (key.asked == 0) bpf_map_delete_elem(denials_, &key.call);
  else bpf_map_delete_elem(argument_denials_, &key);
}

void DetailMaps::forget(const std::vector<__u32> &slots, const std::vector<__u32> &watched) const {
  clear_rows<secco_argument_row>(arguments_, slots);
  clear_rows<secco_denied_row>(denied_, watched);
}

}  // namespace secco
