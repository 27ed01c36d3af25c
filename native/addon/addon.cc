/*
 * The addon: the recorder's kernel maps and links, and what else JavaScript needs of Linux. native/addon.ts has the
 * types.
 *
 * Everything runs on the thread of its JavaScript environment except the reading of state folders (state/), the wait
 * for released slots (slots/slot-reuse.h), the watch for denials (denials/) and the writing of files (files/).
 */
#include <napi.h>

#include <vector>

#include "addon/exports.h"
#include "addon/lib/failure.h"

namespace {

#ifdef SECCO_ASAN_SELFTEST
/* Reads one byte behind a block, so that a test sees that AddressSanitizer reports it. */
Napi::Value read_behind(const Napi::CallbackInfo &info) {
  const std::vector<char> block(info[0].As<Napi::Number>().Uint32Value());
  return Napi::Number::New(info.Env(), block.data()[block.size()]);
}
#endif

Napi::Object add_exports(Napi::Env env, Napi::Object exports) {
  secco::collect_libbpf_warnings();
  secco::export_recorder(env, exports);
  secco::export_pins(env, exports);
  secco::export_attached_object(env, exports);
  secco::export_state_watch(env, exports);
  secco::export_processes(env, exports);
  secco::export_durable_files(env, exports);
  secco::export_memory(env, exports);
  secco::export_tables(env, exports);
#ifdef SECCO_ASAN_SELFTEST
  exports.Set("readBehind", Napi::Function::New(env, read_behind));
#endif
  return exports;
}

}  // namespace

NODE_API_MODULE(secco_recorder, add_exports)
