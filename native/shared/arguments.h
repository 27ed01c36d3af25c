/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The calls that the recorder handles in a special way: the arguments that it learns, and traits.
 * src/seccomp/arguments/learned-arguments.ts mirrors the table by name, and a test compares them.
 *
 * It has only security-relevant arguments that the kernel reads as a number of 32 bits. What is behind a pointer (the flags
 * of clone3) may change between two reads, and no filter sees it either.
 */
#ifndef SECCO_ARGUMENTS_H
#define SECCO_ARGUMENTS_H

/* A number's byte in secco_config: its row in the table below + 1 in the lower bits, then traits. */
#define SECCO_CALL_BITS 0x1F
#define SECCO_FORKS 0x20 /* the call ends in the child too, with 0 */
#define SECCO_INSTALLS 0x40 /* may install a filter */
#define SECCO_MOVES 0x80 /* may change the caller's namespaces */

#define SECCO_ALL 0xFFFFFFFFU
/* CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET; in unshare() NEWTIME as well. */
#define SECCO_NAMESPACES 0x7E020000U
#define SECCO_UNSHARES 0x7E020080U
#define SECCO_SOCKET_TYPE 0xFU /* without SOCK_CLOEXEC, SOCK_NONBLOCK */

#define SECCO_VALUES 32 /* distinct ones per argument, then "many" */
#define SECCO_NATIVE_SETS 15
#define SECCO_COMPAT_SETS 17
#define SECCO_CALLS 22

#if defined(__TARGET_ARCH_arm64) || defined(__aarch64__)
#define SECCO_NUMBER(x86, arm) arm
#else
#define SECCO_NUMBER(x86, arm) x86
#endif

/* ROW(abi, name, number, index of its first value set in the ABI, masks of arguments 0 to 2, traits) */
#define SECCO_LEARNED_NATIVE(ROW)                                                                  \
	ROW(0, socket, SECCO_NUMBER(41, 198), 0, SECCO_ALL, SECCO_SOCKET_TYPE, SECCO_ALL, 0)       \
	ROW(0, socketpair, SECCO_NUMBER(53, 199), 3, SECCO_ALL, SECCO_SOCKET_TYPE, SECCO_ALL, 0)   \
	ROW(0, clone, SECCO_NUMBER(56, 220), 6, SECCO_NAMESPACES, 0, 0, SECCO_FORKS)               \
	ROW(0, unshare, SECCO_NUMBER(272, 97), 7, SECCO_UNSHARES, 0, 0, SECCO_MOVES)               \
	ROW(0, setns, SECCO_NUMBER(308, 268), 8, 0, SECCO_ALL, 0, SECCO_MOVES)                     \
	ROW(0, prctl, SECCO_NUMBER(157, 167), 9, SECCO_ALL, 0, 0, SECCO_INSTALLS)                  \
	ROW(0, personality, SECCO_NUMBER(135, 92), 10, SECCO_ALL, 0, 0, 0)                         \
	ROW(0, ioctl, SECCO_NUMBER(16, 29), 11, 0, SECCO_ALL, 0, 0)                                \
	ROW(0, fcntl, SECCO_NUMBER(72, 25), 12, 0, SECCO_ALL, 0, 0)                                \
	ROW(0, setsockopt, SECCO_NUMBER(54, 208), 13, 0, SECCO_ALL, SECCO_ALL, 0)

/* i386; on arm64 32-bit ARM. Argument 0 of socketcall is the actual call, its arguments are behind a pointer. */
#define SECCO_LEARNED_COMPAT(ROW)                                                                  \
	ROW(1, socket, SECCO_NUMBER(359, 281), 0, SECCO_ALL, SECCO_SOCKET_TYPE, SECCO_ALL, 0)      \
	ROW(1, socketpair, SECCO_NUMBER(360, 288), 3, SECCO_ALL, SECCO_SOCKET_TYPE, SECCO_ALL, 0)  \
	ROW(1, clone, 120, 6, SECCO_NAMESPACES, 0, 0, SECCO_FORKS)                                 \
	ROW(1, unshare, SECCO_NUMBER(310, 337), 7, SECCO_UNSHARES, 0, 0, SECCO_MOVES)              \
	ROW(1, setns, SECCO_NUMBER(346, 375), 8, 0, SECCO_ALL, 0, SECCO_MOVES)                     \
	ROW(1, prctl, 172, 9, SECCO_ALL, 0, 0, SECCO_INSTALLS)                                     \
	ROW(1, personality, 136, 10, SECCO_ALL, 0, 0, 0)                                           \
	ROW(1, ioctl, 54, 11, 0, SECCO_ALL, 0, 0)                                                  \
	ROW(1, fcntl, 55, 12, 0, SECCO_ALL, 0, 0)                                                  \
	ROW(1, setsockopt, SECCO_NUMBER(366, 294), 13, 0, SECCO_ALL, SECCO_ALL, 0)                 \
	ROW(1, fcntl64, 221, 15, 0, SECCO_ALL, 0, 0)                                               \
	ROW(1, socketcall, 102, 16, SECCO_ALL, 0, 0, 0)

#ifdef __cplusplus
#define SECCO_ASSERT static_assert
#else
#define SECCO_ASSERT _Static_assert
#endif

#define SECCO_CALL_NAME(abi, name, ...) SECCO_CALL_##abi##_##name,
enum {
	SECCO_LEARNED_NATIVE(SECCO_CALL_NAME) SECCO_LEARNED_COMPAT(SECCO_CALL_NAME) SECCO_CALLS_END
};
SECCO_ASSERT(SECCO_CALLS_END == SECCO_CALLS, "SECCO_CALLS counts the rows");
SECCO_ASSERT(SECCO_CALLS < SECCO_CALL_BITS, "a call's number fits its bits");

struct secco_call {
	__u16 nr;
	__u8 abi; /* 0 native, 1 compat */
	__u8 first_set;
	__u32 masks[3]; /* of arguments 0 to 2; 0: not learned */
};

/* The values of one argument in the order in which they were first seen. Zero has a bit of its own. */
struct secco_value_set {
	__u32 flags;
	__u32 values[SECCO_VALUES];
};
#define SECCO_HAS_ZERO 1U
#define SECCO_MANY 2U

struct secco_argument_row {
	struct secco_value_set sets[SECCO_NATIVE_SETS];
};

#endif
