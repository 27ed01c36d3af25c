/* Layout and sizes of the kernel side's memory for JavaScript: constants and arithmetic. */
#include <linux/types.h>
#include <napi.h>
#include <stddef.h>

#include "addon/exports.h"
#include "addon/slots/learned-calls.h"
#include "shared/sizes.h"

namespace secco {

namespace {

/* Offsets of a slot's fields in bytes, and constants of the layout: SlotLayout in native/addon.ts. */
Napi::Object slot_layout(Napi::Env env) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("size", Napi::Number::New(env, sizeof(secco_slot)));
#define FIELD(name, field) out.Set(name, Napi::Number::New(env, offsetof(secco_slot, field)))
  FIELD("index", index);
  FIELD("generation", generation);
  FIELD("mntns", mntns);
  FIELD("cgroupId", cgroup_id);
  FIELD("nsId", ns_id);
  FIELD("cgroupName", cgroup_name);
  FIELD("cgroupParent", cgroup_parent);
  FIELD("pid", pid);
  FIELD("comm", comm);
  FIELD("firstSeen", first_seen);
  FIELD("lastSeen", last_seen);
  FIELD("lastExit", last_exit);
  FIELD("flags", flags);
  FIELD("distinct", distinct);
  FIELD("part", part);
  FIELD("exits", exits);
  FIELD("ending", ending);
  FIELD("compatRow", compat_row);
#undef FIELD
  out.Set("seenWords", Napi::Number::New(env, SECCO_SEEN_WORDS));
  out.Set("compatAt", Napi::Number::New(env, SECCO_COMPAT_AT));
  out.Set("x32At", Napi::Number::New(env, SECCO_X32_AT));
  out.Set("nameBytes", Napi::Number::New(env, SECCO_NAME));
  out.Set("commBytes", Napi::Number::New(env, SECCO_COMM));
  out.Set("filteredFlag", Napi::Number::New(env, SECCO_FILTERED));
  out.Set("completeFlag", Napi::Number::New(env, SECCO_COMPLETE));
  out.Set("startedFlag", Napi::Number::New(env, SECCO_STARTED));
  out.Set("begunFlag", Napi::Number::New(env, SECCO_BEGUN));
  out.Set("adoptedFlag", Napi::Number::New(env, SECCO_ADOPTED));
  out.Set("ignoredFlag", Napi::Number::New(env, SECCO_IGNORED));
  out.Set("endedFlag", Napi::Number::New(env, SECCO_ENDED));
  return out;
}

/* [{abi, nr, name, firstSet, masks}]: the table of shared/arguments.h, which tests compare with src/seccomp. */
Napi::Array learned_calls(Napi::Env env) {
  Napi::Array out = Napi::Array::New(env);
  for (__u32 at = 0; at < SECCO_CALLS; at++) {
    Napi::Object one = Napi::Object::New(env);
    Napi::Array masks = Napi::Array::New(env, 3);
    for (__u32 i = 0; i < 3; i++) masks.Set(i, Napi::Number::New(env, calls[at].masks[i]));
    one.Set("abi", Napi::Number::New(env, calls[at].abi));
    one.Set("nr", Napi::Number::New(env, calls[at].nr));
    one.Set("name", Napi::String::New(env, call_names[at]));
    one.Set("firstSet", Napi::Number::New(env, calls[at].first_set));
    one.Set("masks", masks);
    out.Set(at, one);
  }
  return out;
}

/* (slots, possible CPUs) → what shared/sizes.h makes of them */
Napi::Value sizes_of(const Napi::CallbackInfo &info) {
  const secco_sizes sizes = secco_sizes_of(info[0].As<Napi::Number>(), info[1].As<Napi::Number>(), 0);
  Napi::Object out = Napi::Object::New(info.Env());
  out.Set("stripes", Napi::Number::New(info.Env(), sizes.stripes));
  out.Set("oneStripePerCpu", Napi::Boolean::New(info.Env(), sizes.one_stripe_per_cpu != 0));
  out.Set("rows", Napi::Number::New(info.Env(), sizes.rows));
  out.Set("denials", Napi::Number::New(info.Env(), sizes.denials));
  out.Set("argumentDenials", Napi::Number::New(info.Env(), sizes.argument_denials));
  out.Set("bytes", Napi::Number::New(info.Env(), sizes.bytes));
  return out;
}

}  // namespace

void export_tables(Napi::Env env, Napi::Object exports) {
  exports.Set("layout", slot_layout(env));
  exports.Set("learned", learned_calls(env));
  exports.Set("sizes", Napi::Function::New(env, sizes_of));
  exports.Set("slotsDefault", Napi::Number::New(env, SECCO_SLOTS_DEFAULT));
  exports.Set("slotsMax", Napi::Number::New(env, SECCO_SLOTS_MAX));
}

}  // namespace secco
