/* Functions for JavaScript that mount a bpf file system and remove pins. */
#include <napi.h>
#include <unistd.h>

#include <string>

#include "addon/exports.h"
#include "addon/lib/failure.h"
#include "addon/lib/node-error.h"
#include "addon/pins/pin-folder.h"

namespace secco {

namespace {

/* (folder) */
Napi::Value mount_pins(const Napi::CallbackInfo &info) {
  clear_libbpf_warnings();
  try {
    mount_bpf(info[0].As<Napi::String>());
  } catch (const Failure &failure) {
    throw_failure(info.Env(), failure);
  }
  return info.Env().Undefined();
}

/* (pin folder) → the layouts that were detached and removed */
Napi::Value clean_pins(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  clear_libbpf_warnings();
  Napi::Array out = Napi::Array::New(env);
  try {
    const PinFolder pins(info[0].As<Napi::String>());
    for (const std::string &name : entries_of(pins.path())) {
      remove_pins(pins.of(name));
      out.Set(out.Length(), Napi::String::New(env, name));
    }
    rmdir(pins.path().c_str());
  } catch (const Failure &failure) {
    throw_failure(env, failure);
  }
  return out;
}

}  // namespace

void export_pins(Napi::Env env, Napi::Object exports) {
  exports.Set("mountPins", Napi::Function::New(env, mount_pins));
  exports.Set("cleanPins", Napi::Function::New(env, clean_pins));
}

}  // namespace secco
