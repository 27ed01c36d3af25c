/* What is noted of refused calls, for JavaScript; its typed face is DenialDetail in types.ts. */
#pragma once

#include <napi.h>
#include <string.h>

#include <map>
#include <utility>

#include "slot-table.h"

namespace {

class DenialFace {
 public:
  Napi::Array all(Napi::Env env, SlotTable &table) const {
    return those(env, table, [](const secco_argument_denial_key &, const secco_denial &) { return true; });
  }

  Napi::Array of(Napi::Env env, SlotTable &table, __u32 index, __u32 generation) const {
    return those(env, table, [&](const secco_argument_denial_key &key, const secco_denial &) {
      return key.call.index == index && key.call.generation == generation;
    });
  }

  /* Those that are new or were counted again since they were given last. */
  Napi::Array news(Napi::Env env, SlotTable &table) {
    std::map<secco_argument_denial_key, Counts, ByCall> given;
    Napi::Array out = those(env, table, [&](const secco_argument_denial_key &key, const secco_denial &denial) {
      const Counts now(denial.count, denial.succeeded);
      given.emplace(key, now);
      const auto before = given_.find(key);
      return before == given_.end() || before->second != now;
    });
    given_.swap(given);
    return out;
  }

 private:
  using Counts = std::pair<__u64, __u64>;

  template <typename Wanted>
  static Napi::Array those(Napi::Env env, SlotTable &table, Wanted wanted) {
    Napi::Array out = Napi::Array::New(env);
    __u32 length = 0;
    for (const auto &[key, denial] : table.denials()) {
      if (table.is(key.call.index, key.call.generation) && wanted(key, denial)) {
        out.Set(length++, object(env, key, denial));
      }
    }
    return out;
  }

  static Napi::Object object(Napi::Env env, const secco_argument_denial_key &key, const secco_denial &denial) {
    Napi::Object one = Napi::Object::New(env);
    one.Set("index", Napi::Number::New(env, key.call.index));
    one.Set("generation", Napi::Number::New(env, key.call.generation));
    one.Set("abi", Napi::Number::New(env, key.call.abi));
    one.Set("nr", Napi::Number::New(env, key.call.nr));
    if (key.asked != 0) one.Set("arguments", arguments(env, key));
    one.Set("count", Napi::Number::New(env, denial.count));
    one.Set("result", Napi::Number::New(env, denial.result));
    one.Set("succeeded", Napi::Number::New(env, denial.succeeded));
    one.Set("pid", Napi::Number::New(env, denial.pid));
    one.Set("comm", Napi::String::New(env, denial.comm, strnlen(denial.comm, sizeof(denial.comm))));
    one.Set("at", Napi::BigInt::New(env, static_cast<uint64_t>(denial.at)));
    return one;
  }

  /* undefined: this one was not asked for */
  static Napi::Array arguments(Napi::Env env, const secco_argument_denial_key &key) {
    Napi::Array out = Napi::Array::New(env, SECCO_REGISTERS);
    for (__u32 at = 0; at < SECCO_REGISTERS; at++) {
      if (key.asked >> at & 1) out.Set(at, Napi::BigInt::New(env, static_cast<uint64_t>(key.arguments[at])));
      else out.Set(at, env.Undefined());
    }
    return out;
  }

  std::map<secco_argument_denial_key, Counts, ByCall> given_;
};

}  // namespace
