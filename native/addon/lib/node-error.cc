#include "addon/lib/node-error.h"

#include <string.h>

#include <string>

namespace secco {

void throw_failure(Napi::Env env, const Failure &failure) {
  Napi::Error error = Napi::Error::New(
      env, failure.what + ": " + strerror(failure.code) + " (errno " + std::to_string(failure.code) + ")");
  error.Set("errno", Napi::Number::New(env, failure.code));
  error.Set("detail", Napi::String::New(env, libbpf_warnings()));
  throw error;
}

}  // namespace secco
