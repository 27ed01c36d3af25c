/* Copies of slots for JavaScript. slot-view.ts reads them by the offsets that table-exports.cc gives. */
#pragma once

#include <napi.h>

#include <vector>

#include "addon/slots/slot-table.h"

namespace secco {

class SlotSnapshots {
 public:
  /* all returns the structs of the occupied slots, one after the other. */
  static Napi::Value all(Napi::Env env, const SlotTable &table);

  /* one returns the struct of a slot; an empty buffer if it is free. */
  static Napi::Value one(Napi::Env env, const SlotTable &table, __u32 index);

  /*
   * changes returns [structs of slots that are new or changed since the last call, at most so many;
   * index, generation, … of those that are gone; whether there are more]. The search goes round the table, so that
   * every slot has its turn.
   */
  Napi::Value changes(Napi::Env env, const SlotTable &table, size_t at_most);

  /*
   * seen returns, for each occupied slot, index and generation in one word and then its SECCO_SEEN_WORDS bitmaps. It
   * is a view of memory that the next call writes again: new memory of that size costs more than the copy.
   */
  Napi::Value seen(Napi::Env env, const SlotTable &table);

 private:
  /* Reported is what the last report of a slot had. */
  struct Reported {
    bool is_used = false;
    __u32 generation = 0, flags = 0, exits = 0, pid = 0;
    __u64 distinct = 0, ns_id = 0;
    bool operator==(const Reported &other) const;
  };

  std::vector<Reported> reported_;
  __u32 next_ = 0;
  Napi::Reference<Napi::ArrayBuffer> seen_;
};

}  // namespace secco
