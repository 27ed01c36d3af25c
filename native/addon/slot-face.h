/* The table's slots for JavaScript, as plain memory: slot-view.ts reads it, by the offsets that tables.cc gives. */
#pragma once

#include <napi.h>
#include <string.h>

#include <algorithm>
#include <vector>

#include "slot-table.h"

namespace {

class SlotFace {
 public:
  /* The occupied slots' structs, one after the other. */
  static Napi::Value all(Napi::Env env, const SlotTable &table) {
    std::vector<__u32> used;
    table.each_used([&](__u32 index, const secco_slot &) { used.push_back(index); });
    return structs(env, table, used);
  }

  /* The struct of this one; nothing where it is free. */
  static Napi::Value of(Napi::Env env, const SlotTable &table, __u32 index) {
    const bool is_used =
        index < table.slots() && __atomic_load_n(&table.slot(index).state, __ATOMIC_ACQUIRE) == SECCO_SLOT_USED;
    return structs(env, table, is_used ? std::vector<__u32>{index} : std::vector<__u32>{});
  }

  /*
   * [structs of slots that are new or changed since they were given last, at most `most`;
   * index, generation … of those that are gone; whether there is more]. The slots are looked at in turn,
   * so that none waits for ever.
   */
  Napi::Value changes(Napi::Env env, const SlotTable &from, size_t most) {
    given_.resize(from.slots());
    std::vector<__u32> changed, gone;
    bool more = false;
    for (__u32 step = 0; step < from.slots() && !more; step++) {
      const __u32 index = (next_ + step) % from.slots();
      Given &before = given_[index];
      const bool taken = !(load(&from.state().free_slots[index / 64]) >> (index % 64) & 1);
      const secco_slot *slot = taken ? &from.slot(index) : nullptr;
      const bool is_used = taken && __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == SECCO_SLOT_USED;
      if (before.is_used && (!is_used || slot->generation != before.generation)) {
        gone.insert(gone.end(), {index, before.generation});
        before = {};
      }
      if (!is_used) continue;
      const Given now = {true,      slot->generation,      slot->flags,       slot->exits,
                         slot->pid, load(&slot->distinct), load(&slot->ns_id)};
      if (before == now) continue;
      if (changed.size() >= most) {
        more = true;
        next_ = index;
        break;
      }
      before = now;
      changed.push_back(index);
    }
    Napi::Uint32Array left = Napi::Uint32Array::New(env, gone.size());
    std::copy(gone.begin(), gone.end(), left.Data());
    Napi::Array out = Napi::Array::New(env, 3);
    out.Set(0U, structs(env, from, changed));
    out.Set(1U, left);
    out.Set(2U, Napi::Boolean::New(env, more));
    return out;
  }

  /*
   * Of each occupied slot: index and generation in one word, then its bits, SECCO_SEEN_WORDS of them. A view
   * of memory that the next call writes again: new memory of that size would cost more than what is copied.
   */
  Napi::Value seen(Napi::Env env, const SlotTable &from) {
    const size_t each = 1 + SECCO_SEEN_WORDS, room = from.slots() * each * sizeof(__u64);
    if (seen_.IsEmpty()) seen_ = Napi::Persistent(Napi::ArrayBuffer::New(env, room));
    Napi::ArrayBuffer buffer = seen_.Value();
    auto *to = static_cast<__u64 *>(buffer.Data());
    size_t count = 0;
    from.each_used([&](__u32 index, const secco_slot &slot) {
      to[0] = static_cast<__u64>(slot.generation) << 32 | index;
      memcpy(to + 1, slot.seen, sizeof(slot.seen));
      to += each;
      count++;
    });
    return Napi::BigUint64Array::New(env, count * each, buffer, 0);
  }

 private:
  /* What JavaScript knows of a slot. */
  struct Given {
    bool is_used = false;
    __u32 generation = 0, flags = 0, exits = 0, pid = 0;
    __u64 distinct = 0, ns_id = 0;
    bool operator==(const Given &other) const {
      return is_used == other.is_used && generation == other.generation && flags == other.flags &&
             exits == other.exits && pid == other.pid && distinct == other.distinct && ns_id == other.ns_id;
    }
  };

  static Napi::ArrayBuffer structs(Napi::Env env, const SlotTable &table, const std::vector<__u32> &indices) {
    Napi::ArrayBuffer out = Napi::ArrayBuffer::New(env, indices.size() * sizeof(secco_slot));
    auto *to = static_cast<secco_slot *>(out.Data());
    for (__u32 index : indices) memcpy(to++, &table.slot(index), sizeof(secco_slot));
    return out;
  }

  std::vector<Given> given_;
  __u32 next_ = 0;
  Napi::Reference<Napi::ArrayBuffer> seen_;
};

}  // namespace
