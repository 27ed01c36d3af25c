#include "addon/slots/slot-contents.h"

#include <algorithm>
#include <vector>

#include "addon/slots/learned-calls.h"

namespace secco {

namespace {

secco_bits bits_of(const secco_slot &slot) {
  secco_bits bits;
  for (__u32 at = 0; at < SECCO_SEEN_WORDS; at++) bits.word[at] = load(&slot.seen[at]);
  return bits;
}

Napi::Value array(Napi::Env env, const std::vector<double> &from) {
  Napi::Float64Array out = Napi::Float64Array::New(env, from.size());
  std::copy(from.begin(), from.end(), out.Data());
  return out;
}

/* Number and count of each number from `from` to `to` that has a bit. */
template <typename Count>
Napi::Value pairs(Napi::Env env, const secco_bits &seen, __u32 from, __u32 to, Count count) {
  std::vector<double> found;
  for (__u32 at = from; at < to; at += 64) {
    for (__u64 bits = seen.word[at / 64]; bits != 0; bits &= bits - 1) {
      const __u32 nr = at + __builtin_ctzll(bits) - from;
      /* -1 for a moment while an execveat is under way: see on_exec() in bpf/recorder.bpf.c. */
      const auto calls = static_cast<long long>(count(nr));
      if (calls <= 0) continue;
      found.push_back(nr);
      found.push_back(static_cast<double>(calls));
    }
  }
  return found.empty() ? env.Undefined() : array(env, found);
}

/* Counts of a rarer ABI. A slot that found no row for them has bits only: each stands for at least one call. */
Napi::Value row_pairs(Napi::Env env, SlotTable &table, const secco_bits &bits, __u32 number, __u32 from, __u32 to) {
  secco_row row;
  const bool has_row = table.details().row(number, &row);
  return pairs(env, bits, from, to, [&](__u32 nr) { return has_row ? row.count[nr] : 1; });
}

/* Adds the values of one argument. Returns whether there were more than are kept. */
bool add_values(const secco_call &call, __u32 argument, const secco_value_set &set, std::vector<double> *values) {
  __u32 found = 0;
  const auto add = [&](__u32 value) {
    if (found++ >= SECCO_VALUES) return;
    for (const __u32 one : {static_cast<__u32>(call.abi), static_cast<__u32>(call.nr), argument, value}) {
      values->push_back(one);
    }
  };
  if (set.flags & SECCO_HAS_ZERO) add(0);
  for (const __u32 value : set.values) {
    if (value != 0) add(value);
  }
  return found > SECCO_VALUES || set.flags & SECCO_MANY;
}

}  // namespace

Napi::Value slot_counts(Napi::Env env, SlotTable &table, __u32 index, __u32 generation) {
  if (!table.is_used(index, generation)) return env.Undefined();
  const secco_slot &slot = table.slot(index);
  Napi::Array out = Napi::Array::New(env, 4);
  /* Bits are read before counts: what has a bit has been counted. */
  const secco_bits bits = bits_of(slot);
  const std::vector<__u64> own = table.counts(index);
  out.Set(0U, pairs(env, bits, 0, SECCO_COMPAT_AT, [&](__u32 nr) { return own[nr]; }));
  out.Set(1U, row_pairs(env, table, bits, slot.compat_row, SECCO_COMPAT_AT, SECCO_X32_AT));
  out.Set(2U, row_pairs(env, table, bits, slot.x32_row, SECCO_X32_AT, SECCO_SEEN_WORDS * 64));
  out.Set(3U, Napi::Number::New(env, load(&slot.unknown)));
  return out;
}

Napi::Value slot_arguments(Napi::Env env, SlotTable &table, __u32 index, __u32 generation) {
  if (!table.is_used(index, generation)) return env.Undefined();
  const secco_slot &slot = table.slot(index);
  secco_argument_row own = {};
  secco_row compat = {};
  table.details().arguments(index, &own);
  table.details().row(slot.compat_arguments, &compat);
  std::vector<double> values, many;
  for (const secco_call &call : calls) {
    const secco_value_set *sets = (call.abi == 0 ? own.sets : compat.sets) + call.first_set;
    /* Without a row the values of a compat call were lost. */
    bool is_full = call.abi == 1 && slot.compat_arguments == SECCO_NO_ROW &&
                   load(&slot.seen[(SECCO_COMPAT_AT + call.nr) / 64]) >> (call.nr % 64) & 1;
    for (__u32 argument = 0; argument < 3; argument++) {
      if (call.masks[argument] != 0) is_full |= add_values(call, argument, *sets++, &values);
    }
    if (is_full) many.insert(many.end(), {static_cast<double>(call.abi), static_cast<double>(call.nr)});
  }
  Napi::Array out = Napi::Array::New(env, 2);
  out.Set(0U, array(env, values));
  out.Set(1U, array(env, many));
  return out;
}

}  // namespace secco
