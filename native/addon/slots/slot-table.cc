#include "addon/slots/slot-table.h"

#include <bpf/bpf.h>
#include <string.h>

#include <algorithm>
#include <utility>

#include "addon/lib/kernel.h"
#include "addon/slots/array-rows.h"

namespace secco {

namespace {

/* Copies a text to a field, cut to its size; the field ends with a zero byte. */
template <size_t N>
void put(char (&field)[N], const std::string &text) {
  const size_t length = std::min(text.size(), N - 1);
  memcpy(field, text.data(), length);
  field[length] = 0;
}

/* The slot that an entry's word names, plus 1; 0: none. */
__u32 slot_in(__u64 word) { return static_cast<__u32>(word); }

/* Removes an entry from the table. In this order: the kernel claims a removed entry only when its word is 0. */
void unlink_entry(secco_entry &entry) {
  __atomic_store_n(&entry.key, SECCO_KEY_REMOVED, __ATOMIC_RELEASE);
  __atomic_store_n(&entry.filter, 0, __ATOMIC_RELEASE);
  __atomic_store_n(&entry.word, 0, __ATOMIC_RELEASE);
}

bool has_bit(const __u64 *words, __u32 bit) { return words[bit >> 6] >> (bit & 63) & 1; }

}  // namespace

SlotTable::~SlotTable() {
  state_.close();
  slot_memory_.close();
}

void SlotTable::open(const SlotMaps &maps, const secco_sizes &sizes, bool adopted) {
  sizes_ = sizes;
  state_.open(maps.bss, sizeof(secco_state), ".bss");
  slot_memory_.open(maps.slots, sizeof(secco_slot) * slots_, "slots");
  counts_fd_ = maps.counts;
  details_ = {maps.rows, maps.arguments, maps.denied, maps.denials, maps.argument_denials};
  if (adopted) return;
  for (__u32 i = 0; i < slots_; i++) give_slot(i);
  for (__u32 i = 0; i < sizes_.rows; i++) give_row(i + 1);
  state().epoch = 1;
}

bool SlotTable::is_used(__u32 index) const {
  return __atomic_load_n(&slot(index).state, __ATOMIC_ACQUIRE) == SECCO_SLOT_USED;
}

bool SlotTable::is_used(__u32 index, __u32 generation) const {
  return index < slots_ && slot(index).generation == generation && is_used(index);
}

std::vector<__u64> SlotTable::counts(__u32 index) const {
  std::vector<__u64> sum(SECCO_NATIVE_NUMBERS);
  secco_native_row row;
  for (__u32 stripe = 0; stripe < sizes_.stripes; stripe++) {
    const __u32 at = index * sizes_.stripes + stripe;
    if (bpf_map_lookup_elem(counts_fd_, &at, &row) != 0) continue;
    for (__u32 nr = 0; nr < SECCO_NATIVE_NUMBERS; nr++) sum[nr] += row.count[nr];
  }
  return sum;
}

long SlotTable::adopt(const Adopted &container) {
  const long at = claim_entry((static_cast<__u64>(container.mntns) << 32) ^ container.cgroup);
  if (at < 0) return table_full();
  secco_entry &entry = state().entries[at];
  __u64 known = load(&entry.word);
  if (slot_in(known) != 0) return adopt_known(slot_in(known) - 1, entry, container);
  /* An entry that got no slot before may get one now. */
  const long taken = take_slot();
  if (taken < 0) {
    __u64 none = 0;
    __atomic_compare_exchange_n(&entry.word, &none, static_cast<__u64>(SECCO_FULL) << 32, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_ACQUIRE);
    return table_full();
  }
  const __u32 flags = SECCO_ADOPTED | (container.filtered ? SECCO_FILTERED : 0);
  fill_adopted(taken, at, flags, container);
  const __u64 word = static_cast<__u64>(flags) << 32 | (taken + 1);
  while (!__atomic_compare_exchange_n(&entry.word, &known, word, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
    if (slot_in(known) == 0) continue;
    /* The kernel side was quicker. */
    give_slot(taken);
    return slot_in(known) - 1;
  }
  __atomic_store_n(&slot(taken).state, SECCO_SLOT_USED, __ATOMIC_RELEASE);
  forget_cached_slots();
  return taken;
}

void SlotTable::fill_adopted(__u32 index, __u32 entry, __u32 flags, const Adopted &container) {
  secco_slot &made = slot(index);
  made.cgroup_id = container.cgroup;
  made.mntns = container.mntns;
  made.ns_id = 0; /* unknown: resolve() in bpf/parts.bpf.h sets it */
  made.first_seen = made.last_seen = monotonic();
  made.pid = container.pid;
  made.entry = entry;
  made.index = index;
  made.flags = flags;
  made.part = SECCO_ENTRY_POINT;
  put(made.comm, container.comm);
  put(made.cgroup_name, container.name);
  put(made.cgroup_parent, container.parent);
}

/*
 * Adopts a container that has a slot already. The kernel side cannot know whose call it saw first: an exec may have
 * come before the entry point's next call. The runtime knows the entry point, so its process id counts.
 */
long SlotTable::adopt_known(__u32 index, secco_entry &entry, const Adopted &container) {
  secco_slot &known = slot(index);
  if (known.flags & (SECCO_COMPLETE | SECCO_ADOPTED) || known.pid == container.pid) return index;
  known.pid = container.pid;
  known.ending = 0;
  put(known.comm, container.comm);
  __atomic_store_n(&entry.filter, 0, __ATOMIC_RELEASE);
  __atomic_fetch_or(&known.flags, SECCO_ADOPTED, __ATOMIC_ACQ_REL);
  forget_cached_slots();
  return index;
}

bool SlotTable::release(__u32 index, __u32 generation) {
  if (!is_used(index, generation)) return false;
  secco_slot &gone = slot(index);
  gone.state = SECCO_SLOT_RELEASED;
  gone.generation++;
  unlink_slot(index);
  forget_cached_slots();
  released_.push_back(index);
  return true;
}

bool SlotTable::name(__u32 index, __u32 generation) {
  if (!is_used(index, generation)) return false;
  set_flag(index, SECCO_NAMED);
  return true;
}

bool SlotTable::ignore(__u32 index, __u32 generation) {
  if (!is_used(index, generation)) return false;
  set_flag(index, SECCO_IGNORED);
  return true;
}

void SlotTable::note_arguments(__u32 place_in_seen, __u8 arguments) {
  if (place_in_seen >= SECCO_SEEN_WORDS * 64) return;
  __atomic_fetch_or(&state().deciding[place_in_seen], arguments, __ATOMIC_ACQ_REL);
}

bool SlotTable::admit(__u32 tgid) {
  each_used([&](__u32 index, const secco_slot &one) {
    if (one.part == SECCO_TEST) release(index, one.generation);
  });
  const __u64 note = static_cast<__u64>(tgid) << 8 | SECCO_TEST;
  for (__u32 i = 0; i < SECCO_PROCESS_PLACES; i++) {
    __u64 *place = &state().processes[(static_cast<__u64>(tgid) * SECCO_PROCESS_PLACES + i) % SECCO_PROCESSES];
    __u64 none = 0;
    if (!__atomic_compare_exchange_n(place, &none, note, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) continue;
    forget_cached_slots();
    return true;
  }
  return false;
}

bool SlotTable::watch(__u32 index, __u32 generation, const secco_denied_row &denied) {
  if (!is_used(index, generation)) return false;
  if (denied.any_result != 0) __atomic_store_n(&state().notes_allowed, 1, __ATOMIC_RELEASE);
  /* The numbers go before the flag: a program that sees the flag finds them. */
  details_.deny(index, denied);
  set_flag(index, SECCO_WATCHED);
  drop_early_notes(index, generation, denied);
  return true;
}

/* Drops notes from the time when the profile was unknown, of calls that it does not deny: they failed by themselves. */
void SlotTable::drop_early_notes(__u32 index, __u32 generation, const secco_denied_row &denied) {
  for (const auto &[key, denial] : denials()) {
    const auto &[owner, owner_generation, abi, nr] = key.call;
    const __u32 at = nr + (abi == 0 ? 0 : abi == 1 ? SECCO_COMPAT_AT : SECCO_X32_AT);
    if (owner != index || owner_generation != generation || at >= SECCO_SEEN_WORDS * 64) continue;
    if (has_bit(denied.word, at) && has_bit(denied.by_arguments, at) == (key.asked != 0)) continue;
    details_.drop(key);
    /* Another call may take its place (SECCO_ARGUMENT_DENIALS). */
    if (key.asked != 0) __atomic_fetch_sub(&slot(index).argument_denials, 1, __ATOMIC_ACQ_REL);
    walked_ = false;
  }
}

const std::vector<DetailMaps::Denial> &SlotTable::denials() {
  const __u64 noted = load(&state().noted);
  if (walked_ && noted == noted_) return denials_;
  denials_ = details_.walk_denials();
  walked_ = true;
  noted_ = noted;
  return denials_;
}

std::vector<__u32> SlotTable::take_released() { return std::exchange(released_, {}); }

void SlotTable::reuse(const std::vector<__u32> &indices) {
  std::vector<bool> is_gone(slots_);
  std::vector<__u32> counted, watched;
  for (const __u32 index : indices) {
    is_gone[index] = true;
    for (__u32 stripe = 0; stripe < sizes_.stripes; stripe++) counted.push_back(index * sizes_.stripes + stripe);
    if (slot(index).flags & SECCO_WATCHED) watched.push_back(index);
  }
  clear_rows<secco_native_row>(counts_fd_, counted);
  details_.forget(indices, watched);
  for (const __u32 index : indices) {
    secco_slot &gone = slot(index);
    for (const __u32 row : {gone.compat_row, gone.x32_row, gone.compat_arguments}) give_row(row);
    /* One copy, so that the generation is there whenever this process is killed. */
    secco_slot empty = {};
    empty.generation = gone.generation;
    memcpy(&gone, &empty, sizeof(gone));
  }
  for (const DetailMaps::Denial &denial : denials()) {
    if (!is_gone[denial.first.call.index]) continue;
    details_.drop(denial.first);
    walked_ = false;
  }
  for (const __u32 index : indices) give_slot(index);
  if (load(&state().table_full) != 0 && !indices.empty()) unlink_full();
}

void SlotTable::recover() {
  for (secco_entry &entry : state().entries) {
    if (load(&entry.key) == SECCO_KEY_REMOVED && load(&entry.word) != 0) unlink_entry(entry);
  }
  std::vector<__u32> unclear;
  for (__u32 i = 0; i < slots_; i++) {
    const __u32 is = __atomic_load_n(&slot(i).state, __ATOMIC_ACQUIRE);
    if (is == SECCO_SLOT_RELEASED) {
      unlink_slot(i);
      released_.push_back(i);
    } else if (is == SECCO_SLOT_FREE && !is_free(i)) {
      unclear.push_back(i);
    }
  }
  if (unclear.empty()) return;
  /* A program may be in the middle of claim() with such a slot; after a grace period it is not. */
  if (!has_grace_period()) return;
  for (const __u32 index : unclear) {
    if (__atomic_load_n(&slot(index).state, __ATOMIC_ACQUIRE) != SECCO_SLOT_FREE || is_free(index)) continue;
    bool linked = false;
    for (const secco_entry &entry : state().entries) linked = linked || slot_in(load(&entry.word)) == index + 1;
    if (linked) __atomic_store_n(&slot(index).state, SECCO_SLOT_USED, __ATOMIC_RELEASE);
    else released_.push_back(index);
  }
}

void SlotTable::clear_complete() {
  constexpr __u32 whole = SECCO_COMPLETE | SECCO_STARTING | SECCO_STARTED;
  for (__u32 i = 0; i < slots_; i++) {
    if (slot(i).state == SECCO_SLOT_USED) __atomic_fetch_and(&slot(i).flags, ~whole, __ATOMIC_ACQ_REL);
  }
}

void SlotTable::forget_execs() {
  for (auto &filter : state().filters) __atomic_store_n(&filter, 0, __ATOMIC_RELEASE);
  for (auto &process : state().processes) __atomic_store_n(&process, 0, __ATOMIC_RELEASE);
  forget_cached_slots();
}

bool SlotTable::is_free(__u32 index) const { return load(&state().free_slots[index / 64]) >> (index % 64) & 1; }

long SlotTable::table_full() {
  __atomic_fetch_add(&state().table_full, 1, __ATOMIC_ACQ_REL);
  return -1;
}

/* Makes the kernel side look up the slot of each CPU's next call: what it has in state.last may be wrong now. */
void SlotTable::forget_cached_slots() { __atomic_fetch_add(&state().epoch, 1, __ATOMIC_ACQ_REL); }

/* Sets a flag in the slot and in the entry's word, where the kernel side reads it. */
void SlotTable::set_flag(__u32 index, __u32 flag) {
  __atomic_fetch_or(&slot(index).flags, flag, __ATOMIC_ACQ_REL);
  __u64 *word = &state().entries[slot(index).entry % SECCO_ENTRIES].word;
  __u64 known = load(word);
  while (slot_in(known) == index + 1 &&
         !__atomic_compare_exchange_n(word, &known, known | static_cast<__u64>(flag) << 32, false, __ATOMIC_ACQ_REL,
                                      __ATOMIC_ACQUIRE)) {
  }
  forget_cached_slots();
}

/* Gives a row back to the pool. `row` is as in slot.compat_row. */
void SlotTable::give_row(__u32 row) {
  if (row == 0 || row == SECCO_NO_ROW) return;
  details_.clear_row(row - 1);
  __atomic_fetch_or(&state().free_rows[(row - 1) / 64], 1ULL << ((row - 1) % 64), __ATOMIC_ACQ_REL);
}

void SlotTable::give_slot(__u32 index) {
  __atomic_fetch_or(&state().free_slots[index / 64], 1ULL << (index % 64), __ATOMIC_ACQ_REL);
}

/* Takes a free slot; -1 if there is none. */
long SlotTable::take_slot() {
  for (__u32 i = 0; i < SECCO_SLOTS_MAX / 64; i++) {
    __u64 *word = &state().free_slots[i];
    for (__u64 free = load(word); free != 0; free = load(word)) {
      const __u64 bit = free & -free;
      if (__atomic_fetch_and(word, ~bit, __ATOMIC_ACQ_REL) & bit) return i * 64 + __builtin_ctzll(bit);
    }
  }
  return -1;
}

/* The entry of a key, claimed if it is in no entry; -1 if all places of the key are taken. */
long SlotTable::claim_entry(__u64 key) {
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

/* Unlinks a slot, unless its entry already belongs to a later owner of the same mount namespace number. */
void SlotTable::unlink_slot(__u32 index) {
  secco_entry &entry = state().entries[slot(index).entry % SECCO_ENTRIES];
  if (slot_in(load(&entry.word)) == index + 1) unlink_entry(entry);
}

/* Unlinks containers that found the table full, so that their next call may find a free slot. */
void SlotTable::unlink_full() {
  for (auto &entry : state().entries) {
    if (load(&entry.word) == static_cast<__u64>(SECCO_FULL) << 32) unlink_entry(entry);
  }
  forget_cached_slots();
}

}  // namespace secco
