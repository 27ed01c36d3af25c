/* AttachedObject for JavaScript. */
#include <napi.h>

#include <memory>
#include <utility>

#include "addon/exports.h"
#include "addon/lib/failure.h"
#include "addon/lib/node-error.h"
#include "addon/maps/attached-object.h"

namespace secco {

namespace {

/* (object file) → {stop(), events()} */
Napi::Value attach_object(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  clear_libbpf_warnings();
  std::shared_ptr<AttachedObject> attached;
  try {
    attached = std::make_shared<AttachedObject>(info[0].As<Napi::String>());
  } catch (const Failure &failure) {
    throw_failure(env, failure);
  }
  auto kept = std::make_shared<std::shared_ptr<AttachedObject>>(std::move(attached));
  Napi::Object out = Napi::Object::New(env);
  out.Set("stop", Napi::Function::New(env, [kept](const Napi::CallbackInfo &) { kept->reset(); }));
  out.Set("events", Napi::Function::New(env, [kept](const Napi::CallbackInfo &call) {
            return Napi::Number::New(call.Env(), *kept == nullptr ? 0 : (*kept)->events());
          }));
  return out;
}

}  // namespace

void export_attached_object(Napi::Env env, Napi::Object exports) {
  exports.Set("attachObject", Napi::Function::New(env, attach_object));
}

}  // namespace secco
