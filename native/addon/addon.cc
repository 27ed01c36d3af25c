/*
 * The addon: the recorder's kernel maps and links, and what else JavaScript needs of Linux. native/addon.ts has the
 * types.
 *
 * Everything runs on the thread of its JavaScript environment except the reading of state folders (state/), the wait
 * for released slots (slots/slot-reuse.h), the watch for denials (denials/) and the writing of files (files/).
 */
#include <napi.h>

#include "addon/exports.h"
#include "addon/lib/failure.h"

namespace {

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
  return exports;
}

}  // namespace

NODE_API_MODULE(secco_recorder, add_exports)
