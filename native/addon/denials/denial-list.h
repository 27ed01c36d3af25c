/* Notes of denials for JavaScript. The type is DenialDetail in native/types.ts. */
#pragma once

#include <napi.h>

#include <map>
#include <utility>

#include "addon/slots/slot-table.h"

namespace secco {

class DenialList {
 public:
  /* all returns the notes of all slots. */
  static Napi::Array all(Napi::Env env, SlotTable &table);

  /* of_slot returns the notes of one slot. */
  static Napi::Array of_slot(Napi::Env env, SlotTable &table, __u32 index, __u32 generation);

  /* changed returns the notes of all slots that are new or were counted again since the last call. */
  Napi::Array changed(Napi::Env env, SlotTable &table);

 private:
  using Counts = std::pair<__u64, __u64>;

  std::map<secco_argument_denial_key, Counts, DenialKeyOrder> reported_;
};

}  // namespace secco
