/*
 * The slots of a set of kernel maps: which containers have one, what they counted, and how a slot is taken, released
 * and reused. shared/recorder.h has the layout and its meaning.
 */
#pragma once

#include <linux/types.h>

#include <string>
#include <vector>

#include "addon/lib/mapping.h"
#include "addon/slots/detail-maps.h"
#include "shared/sizes.h"

namespace secco {

/* Adopted is a container that ran before the recorder saw it. */
struct Adopted {
  __u32 mntns;
  __u64 cgroup;
  __u32 pid;
  bool filtered;
  std::string comm;
  std::string name; /* of its cgroup */
  std::string parent; /* of its cgroup's parent */
};

/* SlotMaps has the file descriptors of the maps. */
struct SlotMaps {
  int bss, slots, counts, rows, arguments, denied, denials, argument_denials;
};

class SlotTable {
 public:
  explicit SlotTable(__u32 slots) : slots_(slots) {}
  SlotTable(const SlotTable &) = delete;
  SlotTable &operator=(const SlotTable &) = delete;
  ~SlotTable();

  /* open maps the memory. `adopted`: the maps have what an earlier process left; else they are empty. */
  void open(const SlotMaps &maps, const secco_sizes &sizes, bool adopted);

  __u32 slots() const { return slots_; }
  secco_state &state() const { return *state_.as<secco_state>(); }
  secco_slot &slot(__u32 index) const { return slot_memory_.as<secco_slot>()[index]; }
  const secco_sizes &sizes() const { return sizes_; }
  const DetailMaps &details() const { return details_; }

  /* is_used returns whether a slot has an owner, in the generation that it has now. */
  bool is_used(__u32 index) const;
  bool is_used(__u32 index, __u32 generation) const;

  /*
   * each_used calls `handle` with the index and the slot of each owner. It reads the bitmap first: pages of slots that
   * are never read take no memory of this process.
   */
  template <typename Handle>
  void each_used(Handle handle) const {
    for (__u32 from = 0; from < slots_; from += 64) {
      for (__u64 taken = ~load(&state().free_slots[from / 64]); taken != 0; taken &= taken - 1) {
        const __u32 index = from + __builtin_ctzll(taken);
        if (index >= slots_) break;
        if (is_used(index)) handle(index, slot(index));
      }
    }
  }

  /*
   * counts returns a slot's native counters, summed over the stripes. The kernel copies them: a mapping of all
   * counters would make every page of them resident memory of this process.
   */
  std::vector<__u64> counts(__u32 index) const;

  /*
   * adopt returns the slot of a container's key, and takes one if there is none; -1 if the table is full. It does
   * what claim() in bpf/slots.bpf.h does.
   */
  long adopt(const Adopted &container);

  /* release unlinks a slot at once; reuse() makes it free after a grace period. False: another generation. */
  bool release(__u32 index, __u32 generation);

  /* name notes that a slot is of a container. False: another generation. */
  bool name(__u32 index, __u32 generation);
  /* ignore stops counting in a slot, which stays taken. False: another generation. */
  bool ignore(__u32 index, __u32 generation);

  /* note_arguments makes the kernel side note these arguments (bits) of a number, in every slot from now on. */
  void note_arguments(__u32 place_in_seen, __u8 arguments);

  /*
   * admit makes the kernel side count a child of the self-test that is in Secco's own container, which is ignored.
   * The kernel side forgets the child at its end. False: no room. A slot that a killed self-test left is released
   * first, or the next child would count in it.
   */
  bool admit(__u32 tgid);

  /* watch makes the kernel side note how calls with these numbers end in a slot. False: another generation. */
  bool watch(__u32 index, __u32 generation, const secco_denied_row &denied);

  /*
   * denials returns the notes of denials of all slots. Read after counts, they cover every call in the counts: the
   * kernel side notes before it counts. An element that is removed meanwhile may end a walk early, but only this
   * process removes elements.
   */
  const std::vector<DetailMaps::Denial> &denials();

  /* Released slots that wait for a grace period. */
  bool has_released() const { return !released_.empty(); }
  std::vector<__u32> take_released();

  /* reuse empties slots and makes them free. Call it after the grace period, when no CPU can be counting in them. */
  void reuse(const std::vector<__u32> &indices);

  /* recover ends what a process that was killed had begun with a slot. */
  void recover();

  /* clear_complete marks all containers incomplete: calls were missed. */
  void clear_complete();

  /* forget_execs removes notes of filters and processes, which may have ended unseen and whose addresses and ids may be
   * reused. */
  void forget_execs();

 private:
  bool is_free(__u32 index) const;
  long table_full();
  void forget_cached_slots();
  void set_flag(__u32 index, __u32 flag);
  long adopt_known(__u32 index, secco_entry &entry, const Adopted &container);
  void fill_adopted(__u32 index, __u32 entry, __u32 flags, const Adopted &container);
  void drop_early_notes(__u32 index, __u32 generation, const secco_denied_row &denied);
  void give_row(__u32 row);
  void give_slot(__u32 index);
  long take_slot();
  long claim_entry(__u64 key);
  void unlink_slot(__u32 index);
  void unlink_full();

  std::vector<__u32> released_;
  /* What the last walk found, and state.noted before it. */
  std::vector<DetailMaps::Denial> denials_;
  __u64 noted_ = 0;
  bool walked_ = false;
  Mapping state_;
  Mapping slot_memory_;
  DetailMaps details_;
  int counts_fd_ = -1;
  __u32 slots_;
  secco_sizes sizes_ = {};
};

}  // namespace secco
