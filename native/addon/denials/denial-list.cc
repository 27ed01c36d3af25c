#include "addon/denials/denial-list.h"

#include <string.h>

namespace secco {

namespace {

/* An argument that was not asked for is undefined. */
Napi::Array arguments_of(Napi::Env env, const secco_argument_denial_key &key) {
  Napi::Array out = Napi::Array::New(env, SECCO_REGISTERS);
  for (__u32 at = 0; at < SECCO_REGISTERS; at++) {
    if (key.asked >> at & 1) out.Set(at, Napi::BigInt::New(env, static_cast<uint64_t>(key.arguments[at])));
    else out.Set(at, env.Undefined());
  }
  return out;
}

Napi::Object object_of(Napi::Env env, const secco_argument_denial_key &key, const secco_denial &denial) {
  Napi::Object one = Napi::Object::New(env);
  one.Set("index", Napi::Number::New(env, key.call.index));
  one.Set("generation", Napi::Number::New(env, key.call.generation));
  one.Set("abi", Napi::Number::New(env, key.call.abi));
  one.Set("nr", Napi::Number::New(env, key.call.nr));
  if (key.asked != 0) one.Set("arguments", arguments_of(env, key));
  one.Set("count", Napi::Number::New(env, denial.count));
  one.Set("result", Napi::Number::New(env, denial.result));
  one.Set("succeeded", Napi::Number::New(env, denial.succeeded));
  one.Set("pid", Napi::Number::New(env, denial.pid));
  one.Set("comm", Napi::String::New(env, denial.comm, strnlen(denial.comm, sizeof(denial.comm))));
  one.Set("at", Napi::BigInt::New(env, static_cast<uint64_t>(denial.at)));
  one.Set("firstAt", Napi::BigInt::New(env, static_cast<uint64_t>(denial.first)));
  return one;
}

/* The notes of slots that are in use for which `is_wanted` returns true. */
template <typename Wanted>
Napi::Array select(Napi::Env env, SlotTable &table, Wanted is_wanted) {
  Napi::Array out = Napi::Array::New(env);
  __u32 length = 0;
  for (const auto &[key, denial] : table.denials()) {
    if (table.is_used(key.call.index, key.call.generation) && is_wanted(key, denial)) {
      out.Set(length++, object_of(env, key, denial));
    }
  }
  return out;
}

}  // namespace

Napi::Array DenialList::all(Napi::Env env, SlotTable &table) {
  return select(env, table, [](const secco_argument_denial_key &, const secco_denial &) { return true; });
}

Napi::Array DenialList::of_slot(Napi::Env env, SlotTable &table, __u32 index, __u32 generation) {
  return select(env, table, [&](const secco_argument_denial_key &key, const secco_denial &) {
    return key.call.index == index && key.call.generation == generation;
  });
}

Napi::Array DenialList::changed(Napi::Env env, SlotTable &table) {
  std::map<secco_argument_denial_key, Counts, DenialKeyOrder> current;
  Napi::Array out = select(env, table, [&](const secco_argument_denial_key &key, const secco_denial &denial) {
    const Counts now(denial.count, denial.succeeded);
    current.emplace(key, now);
    const auto before = reported_.find(key);
    return before == reported_.end() || before->second != now;
  });
  reported_.swap(current);
  return out;
}

}  // namespace secco
