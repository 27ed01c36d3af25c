/*
 * The slots of a set of kernel maps, as plain memory: which containers have one, what they counted, and
 * how a slot is given, released and given again. recorder.h has the layout and its meaning.
 */
#pragma once

#include <bpf/bpf.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "clear-rows.h"
#include "details.h"
#include "mapping.h"
#include "../shared/sizes.h"

namespace {

struct Adopted {
  __u32 mntns;
  __u64 cgroup;
  __u32 pid;
  bool filtered;
  std::string comm, name, parent;
};

/* Cut to its field; the field ends in a zero byte. */
template <size_t N>
void put(char (&field)[N], const std::string &text) {
  const size_t length = std::min(text.size(), N - 1);
  memcpy(field, text.data(), length);
  field[length] = 0;
}

/* File descriptors of the maps behind it. */
struct SlotMaps {
  int bss, slots, counts, rows, arguments, refused, denials, argument_denials;
};

class SlotTable {
 public:
  explicit SlotTable(__u32 slots) : slots_(slots) {}
  SlotTable(const SlotTable &) = delete;
  SlotTable &operator=(const SlotTable &) = delete;
  ~SlotTable() {
    state_.close();
    slot_memory_.close();
  }

  /* `adopted`: they hold what an earlier process left; else they are empty. */
  void open(const SlotMaps &maps, const secco_sizes &sizes, bool adopted) {
    sizes_ = sizes;
    state_.open(maps.bss, sizeof(secco_state), ".bss");
    slot_memory_.open(maps.slots, sizeof(secco_slot) * slots_, "slots");
    counts_fd_ = maps.counts;
    details_ = {maps.rows, maps.arguments, maps.refused, maps.denials, maps.argument_denials};
    if (adopted) return;
    for (__u32 i = 0; i < slots_; i++) give_slot(i);
    for (__u32 i = 0; i < sizes_.rows; i++) give_row(i + 1);
    state().epoch = 1;
  }

  __u32 slots() const { return slots_; }
  secco_state &state() const { return *state_.as<secco_state>(); }
  secco_slot &slot(__u32 index) const { return slot_memory_.as<secco_slot>()[index]; }

  /* Asks the bitmap first: a page that is never touched is no memory of this process. */
  template <typename Do>
  void each_used(Do what) const {
    for (__u32 from = 0; from < slots_; from += 64) {
      for (__u64 taken = ~load(&state().free_slots[from / 64]); taken != 0; taken &= taken - 1) {
        const __u32 index = from + __builtin_ctzll(taken);
        if (index >= slots_) break;
        if (__atomic_load_n(&slot(index).state, __ATOMIC_ACQUIRE) == SECCO_SLOT_USED) what(index, slot(index));
      }
    }
  }

  /*
   * A slot's counters, summed over the stripes. Copied by the kernel: a mapping of all counters would
   * make every page of them resident memory of this process.
   */
  std::vector<__u64> counts(__u32 index) const {
    std::vector<__u64> sum(SECCO_NATIVE_NUMBERS);
    secco_native_row row;
    for (__u32 stripe = 0; stripe < sizes_.stripes; stripe++) {
      const __u32 at = index * sizes_.stripes + stripe;
      if (bpf_map_lookup_elem(counts_fd_, &at, &row) != 0) continue;
      for (__u32 nr = 0; nr < SECCO_NATIVE_NUMBERS; nr++) sum[nr] += row.count[nr];
    }
    return sum;
  }

  const secco_sizes &sizes() const { return sizes_; }
  const Details &details() const { return details_; }

  /* The slot of a key, made if there is none; -1: table full. The kernel's claim(), from here. */
  long adopt(const Adopted &container) {
    const long at = claim_entry((static_cast<__u64>(container.mntns) << 32) ^ container.cgroup);
    if (at < 0) return full();
    secco_entry &entry = state().entries[at];
    __u64 known = load(&entry.word);
    if (static_cast<__u32>(known) != 0) return meet(static_cast<__u32>(known) - 1, entry, container);
    /* An entry that got no slot before may get one now. */
    const long taken = take_slot();
    if (taken < 0) {
      __u64 none = 0;
      __atomic_compare_exchange_n(&entry.word, &none, static_cast<__u64>(SECCO_FULL) << 32, false, __ATOMIC_ACQ_REL,
                                  __ATOMIC_ACQUIRE);
      return full();
    }
    const __u32 flags = SECCO_ADOPTED | (container.filtered ? SECCO_FILTERED : 0);
    secco_slot &made = slot(taken);
    made.cgroup_id = container.cgroup;
    made.mntns = container.mntns;
    made.ns_id = 0; /* not known */
    made.first_seen = made.last_seen = monotonic();
    made.pid = container.pid;
    made.entry = at;
    made.index = taken;
    made.flags = flags;
    made.part = SECCO_ENTRY_POINT;
    put(made.comm, container.comm);
    put(made.cgroup_name, container.name);
    put(made.cgroup_parent, container.parent);
    const __u64 word = static_cast<__u64>(flags) << 32 | (taken + 1);
    while (!__atomic_compare_exchange_n(&entry.word, &known, word, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
      if (static_cast<__u32>(known) == 0) continue;
      give_slot(taken);
      return static_cast<__u32>(known) - 1;
    }
    __atomic_store_n(&made.state, SECCO_SLOT_USED, __ATOMIC_RELEASE);
    forget_last();
    return taken;
  }

  bool is(__u32 index, __u32 generation) const {
    return index < slots_ && slot(index).generation == generation &&
           __atomic_load_n(&slot(index).state, __ATOMIC_ACQUIRE) == SECCO_SLOT_USED;
  }

  /* The slot is unlinked at once and free after a grace period: see Grace. */
  bool release(__u32 index, __u32 generation) {
    if (!is(index, generation)) return false;
    secco_slot &gone = slot(index);
    gone.state = SECCO_SLOT_RELEASED;
    gone.generation++;
    secco_entry &entry = state().entries[gone.entry % SECCO_ENTRIES];
    /* The entry may have gone to a later owner of the same namespace number. */
    if (static_cast<__u32>(load(&entry.word)) == index + 1) unlink(entry);
    forget_last();
    limbo_.push_back(index);
    return true;
  }

  bool ignore(__u32 index, __u32 generation) {
    if (!is(index, generation)) return false;
    mark(index, SECCO_IGNORED);
    return true;
  }

  /* From now on these arguments are noted of a number, in every slot: another profile may ask for more of them. */
  void ask(__u32 at, __u8 arguments) {
    if (at < SECCO_SEEN_WORDS * 64) __atomic_fetch_or(&state().deciding[at], arguments, __ATOMIC_ACQ_REL);
  }

  /*
   * A child of the self-test is counted in the ignored container that it is in; the kernel side forgets it at its end.
   * False: there is no room. One that was killed before it may have left its slot: the next one would get that.
   */
  bool admit(__u32 tgid) {
    each_used([&](__u32 index, const secco_slot &one) {
      if (one.part == SECCO_TEST) release(index, one.generation);
    });
    const __u64 note = static_cast<__u64>(tgid) << 8 | SECCO_TEST;
    for (__u32 i = 0; i < SECCO_PROCESS_PLACES; i++) {
      __u64 *place = &state().processes[(static_cast<__u64>(tgid) * SECCO_PROCESS_PLACES + i) % SECCO_PROCESSES];
      __u64 none = 0;
      if (!__atomic_compare_exchange_n(place, &none, note, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) continue;
      forget_last();
      return true;
    }
    return false;
  }

  /* The numbers first: whoever sees the flag finds them. */
  bool watch(__u32 index, __u32 generation, const secco_refused_row &refused) {
    if (!is(index, generation)) return false;
    if (refused.any_result != 0) __atomic_store_n(&state().tells_of_passed, 1, __ATOMIC_RELEASE);
    details_.refuse(index, refused);
    mark(index, SECCO_WATCHED);
    /* What failed for another reason before the profile was known has told all it can. */
    for (const auto &[key, denial] : denials()) {
      const auto &[slot, of, abi, nr] = key.call;
      const __u32 at = nr + (abi == 0 ? 0 : abi == 1 ? SECCO_COMPAT_AT : SECCO_X32_AT);
      if (slot != index || of != generation || at >= SECCO_SEEN_WORDS * 64) continue;
      const bool decides = refused.by_arguments[at >> 6] >> (at & 63) & 1;
      if (refused.word[at >> 6] >> (at & 63) & 1 && decides == (key.asked != 0)) continue;
      details_.drop(key);
      /* Its place is another call's. */
      if (key.asked != 0) __atomic_fetch_sub(&this->slot(index).argument_denials, 1, __ATOMIC_ACQ_REL);
      walked_ = false;
    }
    return true;
  }

  /*
   * What is noted of refused calls, of all slots, as it is now. Asked after counts were read it tells of every
   * call in them: the kernel side notes first. An element that is removed meanwhile may end a walk early, and
   * only this process removes.
   */
  const std::vector<Details::Denial> &denials() {
    const __u64 noted = load(&state().noted);
    if (walked_ && noted == noted_) return denials_;
    denials_ = details_.walk_denials();
    walked_ = true;
    noted_ = noted;
    return denials_;
  }

  bool has_limbo() const { return !limbo_.empty(); }
  std::vector<__u32> take_limbo() { return std::exchange(limbo_, {}); }

  /* After the grace period: nobody can count in these any more. */
  void reuse(const std::vector<__u32> &indices) {
    std::vector<bool> is_gone(slots_);
    std::vector<__u32> counted, watched;
    for (__u32 index : indices) {
      is_gone[index] = true;
      for (__u32 stripe = 0; stripe < sizes_.stripes; stripe++) counted.push_back(index * sizes_.stripes + stripe);
      if (slot(index).flags & SECCO_WATCHED) watched.push_back(index);
    }
    clear_rows<secco_native_row>(counts_fd_, counted);
    details_.forget(indices, watched);
    for (__u32 index : indices) {
      secco_slot &gone = slot(index);
      for (const __u32 row : {gone.compat_row, gone.x32_row, gone.compat_arguments}) give_row(row);
      /* Never without its generation, whenever this process is killed. */
      secco_slot empty = {};
      empty.generation = gone.generation;
      memcpy(&gone, &empty, sizeof(gone));
    }
    for (const Details::Denial &denial : denials()) {
      if (!is_gone[denial.first.call.index]) continue;
      details_.drop(denial.first);
      walked_ = false;
    }
    for (__u32 index : indices) give_slot(index);
    if (load(&state().table_full) != 0 && !indices.empty()) forget_full();
  }

  /* What a process that was killed had begun with a slot and not ended. */
  void recover() {
    for (secco_entry &entry : state().entries) {
      if (load(&entry.key) == SECCO_KEY_REMOVED && load(&entry.word) != 0) unlink(entry);
    }
    std::vector<__u32> odd;
    for (__u32 i = 0; i < slots_; i++) {
      const __u32 is = __atomic_load_n(&slot(i).state, __ATOMIC_ACQUIRE);
      if (is == SECCO_SLOT_RELEASED) {
        secco_entry &entry = state().entries[slot(i).entry % SECCO_ENTRIES];
        if (static_cast<__u32>(load(&entry.word)) == i + 1) unlink(entry);
        limbo_.push_back(i);
      } else if (is == SECCO_SLOT_FREE && !is_free(i)) {
        odd.push_back(i);
      }
    }
    if (odd.empty()) return;
    /* The kernel may be about to give these out: it has, after a grace period. */
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0) return;
    for (__u32 index : odd) {
      if (__atomic_load_n(&slot(index).state, __ATOMIC_ACQUIRE) != SECCO_SLOT_FREE || is_free(index)) continue;
      bool linked = false;
      for (const secco_entry &entry : state().entries)
        linked = linked || static_cast<__u32>(load(&entry.word)) == index + 1;
      if (linked) __atomic_store_n(&slot(index).state, SECCO_SLOT_USED, __ATOMIC_RELEASE);
      else limbo_.push_back(index);
    }
  }

  void forget_complete() {
    for (__u32 i = 0; i < slots_; i++) {
      if (slot(i).state == SECCO_SLOT_USED) __atomic_fetch_and(&slot(i).flags, ~SECCO_COMPLETE, __ATOMIC_ACQ_REL);
    }
  }

  /* Filters and processes that were noted may have ended unseen, and others have their addresses and numbers. */
  void forget_execs() {
    for (auto &filter : state().filters) __atomic_store_n(&filter, 0, __ATOMIC_RELEASE);
    for (auto &process : state().processes) __atomic_store_n(&process, 0, __ATOMIC_RELEASE);
    forget_last();
  }

 private:
  bool is_free(__u32 index) { return load(&state().free_slots[index / 64]) >> (index % 64) & 1; }

  long full() {
    __atomic_fetch_add(&state().table_full, 1, __ATOMIC_ACQ_REL);
    return -1;
  }

  /* What the kernel side remembers of a CPU's newest call may be wrong from now on. */
  void forget_last() { __atomic_fetch_add(&state().epoch, 1, __ATOMIC_ACQ_REL); }

  /* A flag that the kernel side finds in the entry's word. */
  void mark(__u32 index, __u32 flag) {
    __atomic_fetch_or(&slot(index).flags, flag, __ATOMIC_ACQ_REL);
    __u64 *word = &state().entries[slot(index).entry % SECCO_ENTRIES].word;
    __u64 known = load(word);
    while (static_cast<__u32>(known) == index + 1 &&
           !__atomic_compare_exchange_n(word, &known, known | static_cast<__u64>(flag) << 32, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
    }
    forget_last();
  }

  /*
   * The kernel side met a container that is not new, and cannot know who of it was met: an exec may have
   * come before the entry point's next call. The runtime knows, so its word counts.
   */
  long meet(__u32 index, secco_entry &entry, const Adopted &container) {
    secco_slot &known = slot(index);
    if (known.flags & (SECCO_COMPLETE | SECCO_ADOPTED) || known.pid == container.pid) return index;
    known.pid = container.pid;
    put(known.comm, container.comm);
    __atomic_store_n(&entry.filter, 0, __ATOMIC_RELEASE);
    __atomic_fetch_or(&known.flags, SECCO_ADOPTED, __ATOMIC_ACQ_REL);
    forget_last();
    return index;
  }

  /* As in slot.compat_row: one more than the row's number. */
  void give_row(__u32 row) {
    if (row == 0 || row == SECCO_NO_ROW) return;
    details_.clear_row(row - 1);
    __atomic_fetch_or(&state().free_rows[(row - 1) / 64], 1ULL << ((row - 1) % 64), __ATOMIC_ACQ_REL);
  }

  void give_slot(__u32 index) {
    __atomic_fetch_or(&state().free_slots[index / 64], 1ULL << (index % 64), __ATOMIC_ACQ_REL);
  }

  long take_slot() {
    for (__u32 i = 0; i < SECCO_SLOTS_MAX / 64; i++) {
      __u64 *word = &state().free_slots[i];
      for (__u64 free = load(word); free != 0; free = load(word)) {
        const __u64 bit = free & -free;
        if (__atomic_fetch_and(word, ~bit, __ATOMIC_ACQ_REL) & bit) return i * 64 + __builtin_ctzll(bit);
      }
    }
    return -1;
  }

  long claim_entry(__u64 key) {
    const __u32 home = (key * SECCO_HASH) >> (64 - SECCO_ENTRY_BITS);
    for (;;) {
      long place = -1;
      for (__u32 i = 0; i < SECCO_PROBES; i++) {
        const __u32 at = (home + i) % SECCO_ENTRIES;
        const __u64 found = load(&state().entries[at].key);
        if (found == key) return at;
        if (found > SECCO_KEY_REMOVED) continue;
        if (place < 0 && load(&state().entries[at].word) == 0) place = at;
        if (found == SECCO_KEY_EMPTY) break;
      }
      if (place < 0) return -1;
      __u64 there = load(&state().entries[place].key);
      if (there == key) return place;
      if (there <= SECCO_KEY_REMOVED && __atomic_compare_exchange_n(&state().entries[place].key, &there, key, false,
                                                                    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        return place;
      }
    }
  }

  /* Containers that found the table full get another chance. */
  void forget_full() {
    for (auto &entry : state().entries) {
      if (load(&entry.word) != static_cast<__u64>(SECCO_FULL) << 32) continue;
      unlink(entry);
    }
    forget_last();
  }

  /* In this order: nobody claims a removed entry before its word is 0. */
  static void unlink(secco_entry &entry) {
    __atomic_store_n(&entry.key, SECCO_KEY_REMOVED, __ATOMIC_RELEASE);
    __atomic_store_n(&entry.filter, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&entry.word, 0, __ATOMIC_RELEASE);
  }

  std::vector<__u32> limbo_;
  /* What the last walk found, and state.noted before it. */
  std::vector<Details::Denial> denials_;
  __u64 noted_ = 0;
  bool walked_ = false;
  Mapping state_, slot_memory_;
  Details details_;
  int counts_fd_ = -1;
  __u32 slots_;
  secco_sizes sizes_ = {};
};

}  // namespace
