/* A failure of the kernel side as JavaScript's error; RecorderFailure in recorder.ts reads it. */
#pragma once

#include <napi.h>
#include <string.h>

#include <string>

#include "kernel-maps.h"

namespace {

[[noreturn]] void raise(Napi::Env env, const Failure &failure) {
  const std::string detail = one_line(complaints);
  Napi::Error error = Napi::Error::New(
      env, failure.what + ": " + strerror(failure.code) + " (errno " + std::to_string(failure.code) + ")");
  error.Set("errno", Napi::Number::New(env, failure.code));
  error.Set("detail", Napi::String::New(env, detail));
  throw error;
}

}  // namespace
