/* Memory that malloc keeps, for JavaScript. */
#include <malloc.h>
#include <napi.h>

#include "faces.h"

namespace {

/* Of every thread's arena, whole pages that are free: glibc alone returns the end of one of them, sometimes. */
Napi::Value trim(const Napi::CallbackInfo &info) {
#ifdef __GLIBC__
  return Napi::Boolean::New(info.Env(), malloc_trim(0) != 0);
#else
  return Napi::Boolean::New(info.Env(), false);
#endif
}

}  // namespace

void memory_faces(Napi::Env env, Napi::Object exports) { exports.Set("trimMemory", Napi::Function::New(env, trim)); }
