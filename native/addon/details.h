/*
 * The maps beside the counts, as seen from here: rows of the rarer ABIs, argument values, refused numbers
 * and how refused calls ended. Nothing of them is mapped; recorder.h has their layout.
 */
#pragma once

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/types.h>
#include <string.h>

#include <utility>
#include <vector>

#include "clear-rows.h"
#include "../shared/recorder.h"

namespace {

/* Keys have no holes between their fields. */
struct ByCall {
  bool operator()(const secco_argument_denial_key &left, const secco_argument_denial_key &right) const {
    return memcmp(&left, &right, sizeof(left)) < 0;
  }
};

class Details {
 public:
  Details() = default;
  Details(int rows, int arguments, int refused, int denials, int argument_denials)
      : rows_(rows), arguments_(arguments), refused_(refused), denials_(denials), argument_denials_(argument_denials) {}

  /* `number`: as in slot.compat_row. False: the slot has none. */
  bool row(__u32 number, secco_row *row) const {
    const __u32 at = number - 1;
    return number != 0 && number != SECCO_NO_ROW && bpf_map_lookup_elem(rows_, &at, row) == 0;
  }
  void clear_row(__u32 at) const {
    static const secco_row none = {};
    bpf_map_update_elem(rows_, &at, &none, BPF_ANY);
  }

  bool arguments(__u32 index, secco_argument_row *row) const {
    return bpf_map_lookup_elem(arguments_, &index, row) == 0;
  }

  void refuse(__u32 index, const secco_refused_row &numbers) const {
    bpf_map_update_elem(refused_, &index, &numbers, BPF_ANY);
  }

  /* Of a number that its arguments do not decide, `asked` is 0. */
  using Denial = std::pair<secco_argument_denial_key, secco_denial>;

  std::vector<Denial> walk_denials() {
    std::vector<Denial> all;
    walk<secco_denial_key>(denials_, [&](const secco_denial_key &call, const secco_denial &denial) {
      all.emplace_back(secco_argument_denial_key{call, 0, {}}, denial);
    });
    walk<secco_argument_denial_key>(
        argument_denials_,
        [&](const secco_argument_denial_key &key, const secco_denial &denial) { all.emplace_back(key, denial); });
    return all;
  }

  void drop(const secco_argument_denial_key &key) const {
    if (key.asked == 0) bpf_map_delete_elem(denials_, &key.call);
    else bpf_map_delete_elem(argument_denials_, &key);
  }

  /* When nobody can count in the slots any more: their next owners find nothing of them. */
  void forget(const std::vector<__u32> &slots, const std::vector<__u32> &watched) const {
    clear_rows<secco_argument_row>(arguments_, slots);
    clear_rows<secco_refused_row>(refused_, watched);
  }

 private:
  /*
   * One walk of a map of thousands of places; SlotTable::denials() knows when none is needed. Many elements in a
   * call where the kernel gives them so (BPF_MAP_LOOKUP_BATCH of hash maps, Linux 5.6; ENOSPC: a bucket has more).
   */
  template <typename Key, typename Take>
  static void walk(int map, Take take) {
    static constexpr __u32 at_once = 64;
    std::vector<std::pair<Key, secco_denial>> all;
    Key keys[at_once];
    secco_denial values[at_once];
    __u32 place = 0;
    for (bool begun = false;; begun = true) {
      __u32 count = at_once;
      const int failed = bpf_map_lookup_batch(map, begun ? &place : nullptr, &place, keys, values, &count, nullptr);
      const int why = failed != 0 ? errno : 0;
      if (why != 0 && why != ENOENT) return walk_singly<Key>(map, take);
      for (__u32 at = 0; at < count; at++) all.emplace_back(keys[at], values[at]);
      if (why != ENOENT) continue;
      for (const auto &[key, value] : all) take(key, value);
      return;
    }
  }

  template <typename Key, typename Take>
  static void walk_singly(int map, Take take) {
    std::pair<Key, secco_denial> one = {};
    const Key *before = nullptr;
    Key key = {};
    while (bpf_map_get_next_key(map, before, &one.first) == 0) {
      if (bpf_map_lookup_elem(map, &one.first, &one.second) == 0) take(one.first, one.second);
      key = one.first;
      before = &key;
    }
  }

  int rows_ = -1, arguments_ = -1, refused_ = -1, denials_ = -1, argument_denials_ = -1;
};

}  // namespace
