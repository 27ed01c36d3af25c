/*
 * What the slots of another layout hold, added to the slots of this one.
 */
#pragma once

#include <sched.h>
#include <sys/mman.h>

#include <algorithm>

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

  /* One container of another layout, with what it has done so far. False: no room. */
  bool take_over(const OldSlot &old, bool seamless) {
    const long index =
        table_.adopt({old.mntns, old.cgroup_id, old.pid, old.filtered, old.comm, old.name, old.parent, old.part});
    if (index < 0) return false;
    secco_slot &mine = table_.slot(index);
    /* The same observation goes on under the same id. */
    if (mine.generation < old.generation) mine.generation = old.generation;
    if (mine.ns_id == 0) mine.ns_id = old.ns_id;
    mine.first_seen = std::min(mine.first_seen, old.first_seen);
    mine.last_seen = std::max(mine.last_seen, old.last_seen);
    __atomic_fetch_add(&mine.unknown, old.unknown, __ATOMIC_ACQ_REL);
    const OnThisCpu here;
    for (const OldSlot::Count &one : old.counts) add(index, one, here.cpu());
    if (old.complete && seamless) __atomic_fetch_or(&mine.flags, SECCO_COMPLETE, __ATOMIC_ACQ_REL);
    if (old.ignored) table_.ignore(index, mine.generation);
    return true;
  }

 private:
  /* One instruction on the CPU that the row belongs to: exact beside the kernel's plain addition. */
  void add(__u32 index, const OldSlot::Count &one, __u32 cpu) {
    static const __u32 starts[] = {0, SECCO_COMPAT_AT, SECCO_X32_AT, SECCO_SEEN_WORDS * 64};
    if (one.abi > 2 || starts[one.abi] + one.nr >= starts[one.abi + 1]) {
      __atomic_fetch_add(&table_.slot(index).unknown, one.count, __ATOMIC_ACQ_REL);
      return;
    }
    if (one.abi == 0) {
      add_native(index * table_.sizes_.stripes + (cpu & (table_.sizes_.stripes - 1)), one);
    } else {
      add_pooled(one.abi == 1 ? table_.slot(index).compat_row : table_.slot(index).x32_row, one);
    }
    const __u32 at = starts[one.abi] + one.nr;
    const __u64 bit = 1ULL << (at % 64);
    if (!(__atomic_fetch_or(&table_.slot(index).seen[at / 64], bit, __ATOMIC_ACQ_REL) & bit)) {
      __atomic_fetch_add(&table_.slot(index).distinct, 1, __ATOMIC_ACQ_REL);
    }
  }
  /* A row is a page: only that one is mapped. */
  void add_native(__u32 at, const OldSlot::Count &one) {
    const size_t bytes = sizeof(secco_native_row);
    void *page = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, table_.counts_fd_, static_cast<off_t>(at) * bytes);
    if (page == MAP_FAILED) return;
    __atomic_fetch_add(&static_cast<secco_native_row *>(page)->count[one.nr], one.count, __ATOMIC_ACQ_REL);
    munmap(page, bytes);
  }
  /* Beside the kernel's additions one may be lost here; the bit, and so the set, is not. */
  void add_pooled(__u32 &place, const OldSlot::Count &one) {
    if (__atomic_load_n(&place, __ATOMIC_ACQUIRE) == 0) {
      const __u32 taken = table_.take_row();
      __u32 none = 0;
      if (!__atomic_compare_exchange_n(&place, &none, taken, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) table_.give_row(taken);
    }
    secco_row row;
    if (!table_.details_.row(place, &row)) return;
    row.count[one.nr] += one.count;
    table_.details_.write_row(place, row);
  }

  SlotTable &table_;
};

}  // namespace
