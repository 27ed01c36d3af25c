#include "addon/slots/slot-snapshots.h"

#include <string.h>

#include <algorithm>

namespace secco {

namespace {

Napi::ArrayBuffer structs(Napi::Env env, const SlotTable &table, const std::vector<__u32> &indices) {
  Napi::ArrayBuffer out = Napi::ArrayBuffer::New(env, indices.size() * sizeof(secco_slot));
  auto *to = static_cast<secco_slot *>(out.Data());
  for (const __u32 index : indices) memcpy(to++, &table.slot(index), sizeof(secco_slot));
  return out;
}

}  // namespace

bool SlotSnapshots::Reported::operator==(const Reported &other) const {
  return is_used == other.is_used && generation == other.generation && flags == other.flags && exits == other.exits &&
         pid == other.pid && distinct == other.distinct && ns_id == other.ns_id;
}

Napi::Value SlotSnapshots::all(Napi::Env env, const SlotTable &table) {
  std::vector<__u32> used;
  table.each_used([&](__u32 index, const secco_slot &) { used.push_back(index); });
  return structs(env, table, used);
}

Napi::Value SlotSnapshots::one(Napi::Env env, const SlotTable &table, __u32 index) {
  const bool is_used = index < table.slots() && table.is_used(index);
  return structs(env, table, is_used ? std::vector<__u32>{index} : std::vector<__u32>{});
}

Napi::Value SlotSnapshots::changes(Napi::Env env, const SlotTable &table, size_t at_most) {
  reported_.resize(table.slots());
  std::vector<__u32> changed, gone;
  bool more = false;
  for (__u32 step = 0; step < table.slots() && !more; step++) {
    const __u32 index = (next_ + step) % table.slots();
    Reported &before = reported_[index];
    const bool taken = !(load(&table.state().free_slots[index / 64]) >> (index % 64) & 1);
    const secco_slot *slot = taken ? &table.slot(index) : nullptr;
    const bool is_used = taken && table.is_used(index);
    if (before.is_used && (!is_used || slot->generation != before.generation)) {
      gone.insert(gone.end(), {index, before.generation});
      before = {};
    }
    if (!is_used) continue;
    const Reported now = {true,      slot->generation,      slot->flags,       slot->exits,
                          slot->pid, load(&slot->distinct), load(&slot->ns_id)};
    if (before == now) continue;
    if (changed.size() >= at_most) {
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
  out.Set(0U, structs(env, table, changed));
  out.Set(1U, left);
  out.Set(2U, Napi::Boolean::New(env, more));
  return out;
}

Napi::Value SlotSnapshots::seen(Napi::Env env, const SlotTable &table) {
  const size_t words = 1 + SECCO_SEEN_WORDS;
  if (seen_.IsEmpty()) {
    seen_ = Napi::Persistent(Napi::ArrayBuffer::New(env, table.slots() * words * sizeof(__u64)));
  }
  Napi::ArrayBuffer buffer = seen_.Value();
  auto *to = static_cast<__u64 *>(buffer.Data());
  size_t count = 0;
  table.each_used([&](__u32 index, const secco_slot &slot) {
    to[0] = static_cast<__u64>(slot.generation) << 32 | index;
    memcpy(to + 1, slot.seen, sizeof(slot.seen));
    to += words;
    count++;
  });
  return Napi::BigUint64Array::New(env, count * words, buffer, 0);
}

}  // namespace secco
