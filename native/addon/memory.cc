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

/*
 * mallopt(3). Large blocks are mapped one by one, and unmapped when they are freed: by itself glibc stops that at the
 * first one that is freed, and messages of a megabyte then leave holes in its heap. And threads that allocate share
 * what there is: one that compiles or collects for a moment keeps two megabytes of its own for ever.
 */
Napi::Value keep_small(const Napi::CallbackInfo &info) {
#ifdef __GLIBC__
  return Napi::Boolean::New(info.Env(), mallopt(M_MMAP_THRESHOLD, 128 << 10) != 0 && mallopt(M_ARENA_MAX, 1) != 0);
#else
  return Napi::Boolean::New(info.Env(), false);
#endif
}

}  // namespace

void memory_faces(Napi::Env env, Napi::Object exports) {
  exports.Set("trimMemory", Napi::Function::New(env, trim));
  exports.Set("keepMallocSmall", Napi::Function::New(env, keep_small));
}
