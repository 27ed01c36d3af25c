/*
 * The maps next to the counts: counts of the rarer ABIs, argument values, numbers that a profile denies, and notes
 * of denials. None of them is mapped into this process; shared/recorder.h has their layout.
 */
#pragma once

#include <linux/types.h>

#include <utility>
#include <vector>

#include "shared/recorder.h"

namespace secco {

/* DenialKeyOrder orders keys by their bytes: they have no padding. */
struct DenialKeyOrder {
  bool operator()(const secco_argument_denial_key &left, const secco_argument_denial_key &right) const;
};

class DetailMaps {
 public:
  DetailMaps() = default;
  DetailMaps(int rows, int arguments, int denied, int denials, int argument_denials)
      : rows_(rows), arguments_(arguments), denied_(denied), denials_(denials), argument_denials_(argument_denials) {}

  /* row reads the row that a slot names, as slot.compat_row does: one more than the index, or 0. False: none. */
  bool row(__u32 number, secco_row *row) const;
  void clear_row(__u32 at) const;

  bool arguments(__u32 index, secco_argument_row *row) const;

  /* deny sets the numbers that the profile of a slot denies. */
  void deny(__u32 index, const secco_denied_row &numbers) const;

  /* A note of denials. `asked` in the key is 0 if the arguments do not decide. */
  using Denial = std::pair<secco_argument_denial_key, secco_denial>;

  /* walk_denials reads all notes, thousands of places: SlotTable::denials() keeps the result while nothing changes. */
  std::vector<Denial> walk_denials() const;

  /* drop removes one note. */
  void drop(const secco_argument_denial_key &key) const;

  /*
   * forget empties the argument values of `slots` and the denied numbers of `watched`, those of them that had any.
   * Call it when no CPU can be counting in them.
   */
  void forget(const std::vector<__u32> &slots, const std::vector<__u32> &watched) const;

 private:
  int rows_ = -1;
  int arguments_ = -1;
  int denied_ = -1;
  int denials_ = -1;
  int argument_denials_ = -1;
};

}  // namespace secco
