/* What each of the addon's files gives to JavaScript. */
#pragma once

#include <napi.h>

Napi::Function state_watch_face(Napi::Env env);
void process_faces(Napi::Env env, Napi::Object exports);
void durable_file_faces(Napi::Env env, Napi::Object exports);
void memory_faces(Napi::Env env, Napi::Object exports);
void table_faces(Napi::Env env, Napi::Object exports);
