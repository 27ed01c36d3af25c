/* What one slot has learned, for JavaScript. The types are in native/addon.ts. */
#pragma once

#include <napi.h>

#include "addon/slots/slot-table.h"

namespace secco {

/*
 * slot_counts returns [native, compat, x32, unknown], each ABI as number, count, number, count, …, or undefined if it
 * has none. Returns undefined if the slot has another generation.
 */
Napi::Value slot_counts(Napi::Env env, SlotTable &table, __u32 index, __u32 generation);

/*
 * slot_arguments returns [abi, number, argument, value, …] and [abi, number, …] of the calls that had more values
 * than are kept. Returns undefined if the slot has another generation.
 */
Napi::Value slot_arguments(Napi::Env env, SlotTable &table, __u32 index, __u32 generation);

}  // namespace secco
