/* What is noted of refused calls, for JavaScript; its typed face is DenialDetail in types.ts. */
#pragma once

#include <napi.h>
#include <string.h>

#include <map>
#include <tuple>
#include <utility>

#include "slot-table.h"

namespace {

class DenialFace {
 public:
  Napi::Array all(Napi::Env env, SlotTable &table) const {
    return those(env, table, [](const secco_denial_key &, const secco_denial &) { return true; });
  }

  Napi::Array of(Napi::Env env, SlotTable &table, __u32 index, __u32 generation) const {
    return those(env, table, [&](const secco_denial_key &key, const secco_denial &) {
      return key.index == index && key.generation == generation;
    });
  }

  /* Those that are new or were counted again since they were given last. */
  Napi::Array news(Napi::Env env, SlotTable &table) {
    std::map<Place, Counts> given;
    Napi::Array out = those(env, table, [&](const secco_denial_key &key, const secco_denial &denial) {
      const Place place(key.index, key.generation, key.abi, key.nr);
      const Counts now(denial.count, denial.succeeded);
      given.emplace(place, now);
      const auto before = given_.find(place);
      return before == given_.end() || before->second != now;
    });
    given_.swap(given);
    return out;
  }

 private:
  using Place = std::tuple<__u32, __u32, __u32, __u32>;
  using Counts = std::pair<__u64, __u64>;

  template <typename Wanted>
  static Napi::Array those(Napi::Env env, SlotTable &table, Wanted wanted) {
    Napi::Array out = Napi::Array::New(env);
    __u32 length = 0;
    for (const auto &[key, denial] : table.denials()) {
      if (table.is(key.index, key.generation) && wanted(key, denial)) out.Set(length++, object(env, key, denial));
    }
    return out;
  }

  static Napi::Object object(Napi::Env env, const secco_denial_key &key, const secco_denial &denial) {
    Napi::Object one = Napi::Object::New(env);
    one.Set("index", Napi::Number::New(env, key.index));
    one.Set("generation", Napi::Number::New(env, key.generation));
    one.Set("abi", Napi::Number::New(env, key.abi));
    one.Set("nr", Napi::Number::New(env, key.nr));
    one.Set("count", Napi::Number::New(env, denial.count));
    one.Set("result", Napi::Number::New(env, denial.result));
    one.Set("succeeded", Napi::Number::New(env, denial.succeeded));
    one.Set("pid", Napi::Number::New(env, denial.pid));
    one.Set("comm", Napi::String::New(env, denial.comm, strnlen(denial.comm, sizeof(denial.comm))));
    one.Set("at", Napi::BigInt::New(env, static_cast<uint64_t>(denial.at)));
    return one;
  }

  std::map<Place, Counts> given_;
};

}  // namespace
