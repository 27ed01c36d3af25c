/*
 * What the slots of another layout hold, added to the slots of this one.
 */
#pragma once

#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <optional>

#include "leftovers.h"
#include "slot-table.h"

namespace {

/* A slot's sum of two recorders' counts is written on the CPU that may be adding to it just now. */
class OnThisCpu {
 public:
  OnThisCpu() {
    if (sched_getaffinity(0, sizeof(before_), &before_) != 0) return;
    const int cpu = sched_getcpu();
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu < 0 ? 0 : cpu, &one);
    if (cpu >= 0 && sched_setaffinity(0, sizeof(one), &one) == 0) cpu_ = cpu;
  }
  OnThisCpu(const OnThisCpu &) = delete;
  OnThisCpu &operator=(const OnThisCpu &) = delete;
  ~OnThisCpu() {
    if (cpu_ >= 0) sched_setaffinity(0, sizeof(before_), &before_);
  }
  __u32 cpu() const { return cpu_ < 0 ? 0 : cpu_; }

 private:
  cpu_set_t before_;
  int cpu_ = -1;
};

class OldSlots {
 public:
  explicit OldSlots(SlotTable &table) : table_(table) {}
  ~OldSlots() {
    /* Whoever reads notes by these reads them again. */
    table_.walked_ = false;
    __atomic_fetch_add(&table_.state().noted, 2, __ATOMIC_ACQ_REL);
  }

  /*
   * One container of another layout, with what it has done so far. False: no room. What was taken before this
   * process' predecessor was killed is not taken again.
   */
  bool take_over(const OldSlot &old, bool seamless) {
    const long index = table_.adopt(
        {old.mntns, old.cgroup_id, old.pid, old.filtered, old.comm, old.name, old.parent, old.part, old.ns_id});
    if (index < 0) return false;
    secco_slot &mine = table_.slot(index);
    /* The same observation goes on under the same id. */
    if (mine.generation < old.generation) {
      __atomic_store_n(&mine.generation, old.generation, __ATOMIC_RELEASE);
      changed_ = true;
    }
    if (mine.ns_id == 0) mine.ns_id = old.ns_id;
    mine.first_seen = std::min(mine.first_seen, old.first_seen);
    mine.last_seen = std::max(mine.last_seen, old.last_seen);
    const bool has_values = add_values(index, old);
    /* Before the counts: whoever reads those first never finds more calls than notes. */
    const bool has_notes = add_notes(index, old);
    move(&mine.unknown, old.unknown, old.unknown_there);
    const bool whole = add_counts(index, old) && has_values && has_notes;
    if (old.complete && seamless) __atomic_fetch_or(&mine.flags, SECCO_COMPLETE, __ATOMIC_ACQ_REL);
    if (old.ignored) table_.ignore(index, mine.generation);
    if (!whole && !old.ignored) __atomic_fetch_add(&table_.state().details_lost, 1, __ATOMIC_ACQ_REL);
    return true;
  }

  /*
   * A slot that goes on under another generation takes along what was noted of it before, and so does one that a
   * process had begun with that was killed. Written whole before the old note is dropped: it may be begun anew.
   */
  void settle() {
    /* Nobody is in the middle of a note under the old one then. */
    if (std::exchange(changed_, false)) await_grace();
    table_.walked_ = false;
    for (const auto &[key, denial] : table_.denials()) {
      secco_slot &mine = table_.slot(key.call.index);
      if (!table_.is(key.call.index, mine.generation) || key.call.generation >= mine.generation) continue;
      secco_argument_denial_key next = key;
      next.call.generation = mine.generation;
      if (!table_.details_.note(next, denial, noted_in_old_generation)) unnoted(mine);
      table_.details_.drop(key);
      table_.walked_ = false;
    }
  }

 private:
  /* Two instructions with nothing between them: to be killed just there is next to impossible. */
  static void move(__u64 *mine, __u64 count, __u64 *there) {
    __atomic_fetch_add(mine, count, __ATOMIC_ACQ_REL);
    if (there != nullptr) __atomic_store_n(there, 0, __ATOMIC_RELEASE);
  }

  static void unnoted(secco_slot &mine) { __atomic_fetch_or(&mine.flags, SECCO_UNNOTED, __ATOMIC_ACQ_REL); }

  /* False: not all that was noted is here now. */
  bool add_notes(__u32 index, const OldSlot &old) {
    bool all = old.noted || !old.filtered;
    for (auto [key, denial] : old.notes) {
      key.call.index = index;
      key.call.generation = table_.slot(index).generation;
      all = table_.details_.note(key, denial, noted_in_old_layout) && all;
    }
    if (!all) unnoted(table_.slot(index));
    return all;
  }

  /*
   * Of an argument whose values are not known, or not under as wide a mask, there may have been any: as where
   * there were more than are kept, of which no condition is ever made. False: there is such a one.
   */
  bool add_values(__u32 index, const OldSlot &old) {
    const Element own(table_.details_.arguments_, sizeof(secco_argument_row), index);
    std::optional<Element> compat;
    bool all = true;
    for (const secco_call &call : calls) {
      const auto is_it = [&](const auto &one) { return one.abi == call.abi && one.nr == call.nr; };
      if (std::none_of(old.counts.begin(), old.counts.end(), is_it)) continue;
      if (call.abi == 1 && !compat) row_of(&table_.slot(index).compat_arguments, &compat);
      auto *set = call.abi == 1 ? compat->as<secco_value_set>() : mapped<secco_value_set>(own, "arguments");
      /* Without a row there is none of any compat call: SetFace. */
      if (set == nullptr) all = false;
      if (set == nullptr) continue;
      set += call.first_set;
      for (__u32 argument = 0; argument < std::size(call.masks); argument++) {
        const __u32 mask = call.masks[argument];
        if (mask == 0) continue;
        const auto known = std::find_if(old.values.begin(), old.values.end(), [&](const OldSlot::Values &one) {
          return is_it(one) && one.argument == argument && (one.mask & mask) == mask;
        });
        const bool is_known = known != old.values.end();
        if (!is_known || known->many) __atomic_fetch_or(&set->flags, SECCO_MANY, __ATOMIC_ACQ_REL);
        if (is_known) learn(set, mask, *known);
        all = all && is_known;
        set++;
      }
    }
    return all;
  }

  /* The kernel's learn_value(), from here. */
  static void learn(secco_value_set *set, __u32 mask, const OldSlot::Values &known) {
    if (known.has_zero) __atomic_fetch_or(&set->flags, SECCO_HAS_ZERO, __ATOMIC_ACQ_REL);
    for (const __u32 one : known.values) {
      const __u32 value = one & mask;
      bool has = false;
      if (value == 0) has = true, __atomic_fetch_or(&set->flags, SECCO_HAS_ZERO, __ATOMIC_ACQ_REL);
      for (__u32 i = 0; i < SECCO_VALUES && !has; i++) {
        __u32 there = 0;
        has = __atomic_compare_exchange_n(&set->values[i], &there, value, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) ||
              there == value;
      }
      if (!has) __atomic_fetch_or(&set->flags, SECCO_MANY, __ATOMIC_ACQ_REL);
    }
  }

  /* On the CPU that the row belongs to: exact beside the kernel's plain addition. False: not all found room. */
  bool add_counts(__u32 index, const OldSlot &old) {
    static const __u32 starts[] = {0, SECCO_COMPAT_AT, SECCO_X32_AT, SECCO_SEEN_WORDS * 64};
    secco_slot &mine = table_.slot(index);
    const OnThisCpu here;
    const __u32 stripes = table_.sizes_.stripes;
    const Element own(table_.counts_fd_, sizeof(secco_native_row), index * stripes + (here.cpu() & (stripes - 1)));
    std::optional<Element> compat, x32;
    bool all = true;
    for (const OldSlot::Count &one : old.counts) {
      if (one.abi > 2 || starts[one.abi] + one.nr >= starts[one.abi + 1]) {
        move(&mine.unknown, one.count, one.there);
        continue;
      }
      if (one.abi == 1 && !compat) row_of(&mine.compat_row, &compat);
      if (one.abi == 2 && !x32) row_of(&mine.x32_row, &x32);
      auto *counts = one.abi == 0   ? mapped<__u64>(own, "counts")
                     : one.abi == 1 ? compat->as<__u64>()
                                    : x32->as<__u64>();
      /* As the kernel side does without a row. */
      if (counts == nullptr) all = false;
      __u64 none = 0;
      if (!one.uncounted) move(counts == nullptr ? &mine.unknown : counts + one.nr, one.count, one.there);
      else if (counts != nullptr)
        __atomic_compare_exchange_n(counts + one.nr, &none, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
      const __u32 at = starts[one.abi] + one.nr;
      const __u64 bit = 1ULL << (at % 64);
      if (!(__atomic_fetch_or(&mine.seen[at / 64], bit, __ATOMIC_ACQ_REL) & bit)) {
        __atomic_fetch_add(&mine.distinct, 1, __ATOMIC_ACQ_REL);
      }
    }
    return all;
  }

  template <typename T>
  static T *mapped(const Element &element, const char *name) {
    if (element.as<T>() == nullptr) throw Failure{std::string("map '") + name + "' cannot be mapped", errno};
    return element.as<T>();
  }

  /* The row that `place` names, or names from now on; one that cannot be mapped where none is left. */
  void row_of(__u32 *place, std::optional<Element> *row) {
    if (__atomic_load_n(place, __ATOMIC_ACQUIRE) == 0) {
      const __u32 taken = table_.take_row();
      __u32 none = 0;
      if (!__atomic_compare_exchange_n(place, &none, taken, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        table_.give_row(taken);
    }
    row->emplace(table_.details_.rows_, sizeof(secco_row), *place - 1);
  }

  SlotTable &table_;
  bool changed_ = false;
};

}  // namespace
