/* The functions that add the addon's exports for JavaScript; native/addon.ts has their types. */
#pragma once

#include <napi.h>

namespace secco {

void export_recorder(Napi::Env env, Napi::Object exports);
void export_state_watch(Napi::Env env, Napi::Object exports);
void export_processes(Napi::Env env, Napi::Object exports);
void export_durable_files(Napi::Env env, Napi::Object exports);
void export_memory(Napi::Env env, Napi::Object exports);
void export_tables(Napi::Env env, Napi::Object exports);
void export_pins(Napi::Env env, Napi::Object exports);
void export_attached_object(Napi::Env env, Napi::Object exports);

}  // namespace secco
