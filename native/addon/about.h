/*
 * `about`: what any release must be able to read of any other's layout. It only ever grows at its end:
 * what an earlier layout does not tell is 0 here, what a later one tells beyond is not read. Anything
 * else gets a new number, and the old one stays readable. One more map of a kind is one more row.
 */
#pragma once

#include <linux/types.h>
#include <stddef.h>
#include <string.h>

#include <iterator>

#include "learned-calls.h"
#include "../shared/recorder.h"

namespace {

constexpr __u32 about_version = 1;

/*
 * Arrays of 64-bit counts, `stripes` of them for a slot, at slot * stripes; or one of a pool that the
 * slot names.
 */
struct AboutRows {
  char map[32];
  __u32 abi; /* 0 native, 1 compat, 2 x32 */
  __u32 stripes;
  __u32 numbers;
  __u32 seen_at; /* first bit in `seen` */
  __u32 by; /* where in a slot its row's number + 1 stands; 0: rows at slot * stripes */
};

/* What one argument of one call had, as a secco_value_set; in the slot's element of an array. */
struct AboutValues {
  char map[32];
  __u32 abi, nr, argument, mask;
  __u32 at; /* of the set, bytes in the element */
  __u32 places; /* of values, after the word of flags */
  __u32 by; /* as above; 0: the element has the slot's number */
};

/* Which notes a map has; what they are told apart by beside the slot. */
constexpr __u32 notes_of_calls = 0; /* ABI and number: secco_denial */
constexpr __u32 notes_of_arguments = 1; /* and arguments: a word of bits for those that are there, then a word each */

/* Of refused calls, in a hash: bytes in its keys, then bytes in its values. */
struct AboutNotes {
  char map[32];
  __u32 kind;
  __u32 index, generation, abi, nr;
  __u32 more, more_bytes; /* what else tells them apart */
  __u32 count, succeeded, result, at, pid, comm, comm_bytes;
};

/* Offsets are bytes in a slot. */
struct About {
  __u32 version;
  __u32 slots;
  __u32 slot_bytes;
  __u32 cgroup_id, ns_id, first_seen, last_seen, unknown, seen, mntns, pid, generation, state, flags, part;
  __u32 comm, comm_bytes, cgroup_name, cgroup_parent, name_bytes;
  __u32 used; /* `state` of an occupied slot */
  __u32 filtered, complete, ignored; /* bits of `flags` */
  __u32 row_kinds;
  AboutRows rows[8];
  /* What follows was not told at first. */
  __u32 unnoted; /* bit of `flags` */
  __u32 has_zero, many; /* bits of a set's flags */
  __u32 value_kinds;
  AboutValues values[64];
  __u32 note_kinds;
  AboutNotes notes[8];
};

About about_this(__u32 slots, __u32 stripes) {
  About about = {};
  about.version = about_version;
  about.slots = slots;
  about.slot_bytes = sizeof(secco_slot);
#define AT(field) about.field = offsetof(secco_slot, field)
  AT(cgroup_id), AT(ns_id), AT(first_seen), AT(last_seen), AT(unknown), AT(seen), AT(mntns), AT(pid);
  AT(generation), AT(state), AT(flags), AT(part), AT(comm), AT(cgroup_name), AT(cgroup_parent);
#undef AT
  about.comm_bytes = SECCO_COMM;
  about.name_bytes = SECCO_NAME;
  about.used = SECCO_SLOT_USED;
  about.filtered = SECCO_FILTERED;
  about.complete = SECCO_COMPLETE;
  about.ignored = SECCO_IGNORED;
  about.row_kinds = 3;
  about.rows[0] = {"map-counts", 0, stripes, SECCO_NATIVE_NUMBERS, 0, 0};
  about.rows[1] = {"map-rows", 1, 1, SECCO_COMPAT_NUMBERS, SECCO_COMPAT_AT, offsetof(secco_slot, compat_row)};
  about.rows[2] = {"map-rows", 2, 1, SECCO_X32_NUMBERS, SECCO_X32_AT, offsetof(secco_slot, x32_row)};

  about.unnoted = SECCO_UNNOTED;
  about.has_zero = SECCO_HAS_ZERO;
  about.many = SECCO_MANY;
  static_assert(SECCO_NATIVE_SETS + SECCO_COMPAT_SETS <= std::size(About().values), "each set has a row");
  for (const secco_call &call : calls) {
    __u32 at = call.first_set * sizeof(secco_value_set);
    for (__u32 argument = 0; argument < std::size(call.masks); argument++) {
      if (call.masks[argument] == 0) continue;
      AboutValues &row = about.values[about.value_kinds++];
      row = {"map-arguments", call.abi, call.nr, argument, call.masks[argument], at, SECCO_VALUES, 0};
      if (call.abi == 1)
        row = {"map-rows", 1, call.nr, argument, row.mask, at, SECCO_VALUES, offsetof(secco_slot, compat_arguments)};
      at += sizeof(secco_value_set);
    }
  }
  /* A key of the second begins with one of the first. */
#define KEY(field) offsetof(secco_denial_key, field)
#define VALUE(field) offsetof(secco_denial, field)
  about.note_kinds = 2;
  about.notes[0] = {
      "map-denials", notes_of_calls,   KEY(index),    KEY(generation), KEY(abi),   KEY(nr),     0,         0,
      VALUE(count),  VALUE(succeeded), VALUE(result), VALUE(at),       VALUE(pid), VALUE(comm), SECCO_COMM};
  about.notes[1] = about.notes[0];
  memcpy(about.notes[1].map, "map-argument_denials", sizeof("map-argument_denials"));
  about.notes[1].kind = notes_of_arguments;
  about.notes[1].more = offsetof(secco_argument_denial_key, asked);
  about.notes[1].more_bytes = sizeof(secco_argument_denial_key) - about.notes[1].more;
#undef KEY
#undef VALUE
  return about;
}

}  // namespace
