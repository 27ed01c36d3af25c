/* Functions for JavaScript that tune malloc. */
#include <malloc.h>
#include <napi.h>

#include "addon/exports.h"

namespace secco {

namespace {

/*
 * () → whether memory was given back. malloc_trim(3) returns free whole pages of every thread's arena to the system;
 * by itself glibc only returns the end of an arena, sometimes.
 */
Napi::Value trim_memory(const Napi::CallbackInfo &info) {
#ifdef __GLIBC__
  return Napi::Boolean::New(info.Env(), malloc_trim(0) != 0);
#else
  return Napi::Boolean::New(info.Env(), false);
#endif
}

/*
 * () → whether malloc accepted the options (mallopt(3)). A fixed threshold keeps large blocks in mappings of their
 * own, which go when they are freed: glibc raises the threshold at the first freed block, and messages of a megabyte
 * would then leave holes in its heap. One arena for all threads: a thread that compiles or collects for a moment
 * would keep two megabytes of its own for ever.
 */
Napi::Value keep_malloc_small(const Napi::CallbackInfo &info) {
#ifdef __GLIBC__
  return Napi::Boolean::New(info.Env(), mallopt(M_MMAP_THRESHOLD, 128 << 10) != 0 && mallopt(M_ARENA_MAX, 1) != 0);
#else
  return Napi::Boolean::New(info.Env(), false);
#endif
}

}  // namespace

void export_memory(Napi::Env env, Napi::Object exports) {
  exports.Set("trimMemory", Napi::Function::New(env, trim_memory));
  exports.Set("keepMallocSmall", Napi::Function::New(env, keep_malloc_small));
}

}  // namespace secco
