/* The syscalls whose arguments are learned (shared/arguments.h), as one table in the order of their bits. */
#pragma once

#include <linux/types.h>

#include "shared/recorder.h"

namespace secco {

#define CALL(abi, name, number, set, m0, m1, m2, traits) {number, abi, set, {m0, m1, m2}},
constexpr secco_call calls[] = {SECCO_LEARNED_NATIVE(CALL) SECCO_LEARNED_COMPAT(CALL)};
#undef CALL
#define NAME(abi, name, ...) #name,
constexpr const char *call_names[] = {SECCO_LEARNED_NATIVE(NAME) SECCO_LEARNED_COMPAT(NAME)};
#undef NAME

}  // namespace secco
