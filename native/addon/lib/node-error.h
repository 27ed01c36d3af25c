/* Failures as errors of JavaScript. */
#pragma once

#include <napi.h>

#include "addon/lib/failure.h"

namespace secco {

/*
 * throw_failure throws a JavaScript error with the failure's sentence. Its property `errno` is the code, `detail`
 * the warnings of libbpf (reasonOf() in native/recorder.ts reads it).
 */
[[noreturn]] void throw_failure(Napi::Env env, const Failure &failure);

}  // namespace secco
