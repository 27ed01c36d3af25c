/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The kernel structs that the recorder reads, with the fields that it reads. CO-RE finds the offsets at load. A struct
 * NAME___x is NAME in other kernel versions: libbpf ignores what follows the ___.
 */
#ifndef SECCO_CORE_H
#define SECCO_CORE_H

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef _Bool bool;
enum { false, true };

/* From <linux/bpf.h>, which cannot be included next to these typedefs. */
enum { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_ARRAY = 2 };
enum { BPF_ANY = 0, BPF_NOEXIST = 1 };
#define BPF_F_MMAPABLE (1U << 10)

#define CORE __attribute__((preserve_access_index))

typedef struct {
	int counter;
} CORE atomic_t;

struct ns_common {
	unsigned int inum;
} CORE;
struct mnt_namespace;
struct vfsmount {
	int mnt_flags;
} CORE;
struct mount {
	struct vfsmount mnt;
	struct mnt_namespace *mnt_ns;
	__u64 mnt_id_unique; /* since 6.8 */
} CORE;
struct mnt_namespace {
	struct ns_common ns;
	struct mount *root;
} CORE;
struct path {
	struct vfsmount *mnt;
} CORE;
struct file {
	struct path f_path;
} CORE;
struct mm_struct {
	struct file *exe_file;
} CORE;
struct mnt_namespace___seq { /* before 6.18 */
	__u64 seq;
} CORE;
struct nsproxy {
	struct mnt_namespace *mnt_ns;
} CORE;

struct kernfs_node {
	const char *name;
	__u64 id;
} CORE;
struct kernfs_node___old {
	struct kernfs_node *parent;
} CORE;
struct kernfs_node___new { /* since 6.15 */
	struct kernfs_node *__parent;
} CORE;
struct cgroup {
	struct kernfs_node *kn;
} CORE;
struct css_set {
	struct cgroup *dfl_cgrp;
} CORE;

struct seccomp_filter {
	struct seccomp_filter *prev;
} CORE;
struct seccomp {
	int mode;
	atomic_t filter_count;
	struct seccomp_filter *filter;
} CORE;
struct tty_struct;
struct signal_struct {
	atomic_t live;
	unsigned int flags;
	int group_exit_code;
	unsigned long cmin_flt;
	struct tty_struct *tty;
} CORE;
struct linux_binprm {
	struct file *file;
	const char *fdpath;
} CORE;

#if defined(__TARGET_ARCH_x86)

struct thread_info {
	__u32 status;
} CORE;
struct pt_regs {
	unsigned long bp;
	unsigned long bx;
	unsigned long r10;
	unsigned long r9;
	unsigned long r8;
	unsigned long cx;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
} CORE;
#define THREAD_WORD status
#define COMPAT_BIT (1U << 1) /* TS_COMPAT */
#define X32_BIT 0x40000000UL
#define SYSCALL_NUMBER orig_ax
/* The registers still have the call's arguments when it ends; only ax has its result. */
#define NATIVE_ARGUMENT_0 di
#define NATIVE_ARGUMENT_1 si
#define NATIVE_ARGUMENT_2 dx
#define NATIVE_ARGUMENT_3 r10
#define NATIVE_ARGUMENT_4 r8
#define NATIVE_ARGUMENT_5 r9
#define COMPAT_ARGUMENT_0 bx
#define COMPAT_ARGUMENT_1 cx
#define COMPAT_ARGUMENT_2 dx
#define COMPAT_ARGUMENT_3 si
#define COMPAT_ARGUMENT_4 di
#define COMPAT_ARGUMENT_5 bp
#define NR_RT_SIGRETURN 15
#define NR_EXIT 60
#define NR_EXIT_GROUP 231
#define NR_EXECVE 59
#define NR_EXECVEAT 322
#define NR_PRCTL 157
#define NR_SECCOMP 317
/* Calls without a row in arguments.h. */
#define MORE_NATIVE                                                                                \
	[NR_SECCOMP] = SECCO_INSTALLS, [57] = SECCO_FORKS, [58] = SECCO_FORKS, [435] = SECCO_FORKS
#define COMPAT_RT_SIGRETURN 173
#define COMPAT_EXIT_GROUP 252
#define COMPAT_EXECVE 11
#define COMPAT_EXECVEAT 358
#define COMPAT_PRCTL 172
#define COMPAT_SECCOMP 354
#define X32_RT_SIGRETURN 513
#define X32_EXECVEAT 545

#elif defined(__TARGET_ARCH_arm64)

struct thread_info {
	unsigned long flags;
} CORE;
struct pt_regs {
	__u64 regs[31];
	__u64 orig_x0;
	__s32 syscallno;
} CORE;
#define THREAD_WORD flags
#define COMPAT_BIT (1UL << 22) /* TIF_32BIT */
#define X32_BIT 0UL
#define SYSCALL_NUMBER syscallno
#define NATIVE_ARGUMENT_0 orig_x0
#define NATIVE_ARGUMENT_1 regs[1]
#define NATIVE_ARGUMENT_2 regs[2]
#define NATIVE_ARGUMENT_3 regs[3]
#define NATIVE_ARGUMENT_4 regs[4]
#define NATIVE_ARGUMENT_5 regs[5]
#define COMPAT_ARGUMENT_0 orig_x0
#define COMPAT_ARGUMENT_1 regs[1]
#define COMPAT_ARGUMENT_2 regs[2]
#define COMPAT_ARGUMENT_3 regs[3]
#define COMPAT_ARGUMENT_4 regs[4]
#define COMPAT_ARGUMENT_5 regs[5]
#define NR_RT_SIGRETURN 139
#define NR_EXIT 93
#define NR_EXIT_GROUP 94
#define NR_EXECVE 221
#define NR_EXECVEAT 281
#define NR_PRCTL 167
#define NR_SECCOMP 277
#define MORE_NATIVE [NR_SECCOMP] = SECCO_INSTALLS, [435] = SECCO_FORKS
#define COMPAT_RT_SIGRETURN 173
#define COMPAT_EXIT_GROUP 248
#define COMPAT_EXECVE 11
#define COMPAT_EXECVEAT 387
#define COMPAT_PRCTL 172
#define COMPAT_SECCOMP 383
#define X32_RT_SIGRETURN 0
#define X32_EXECVEAT 0

#else
#error "compile with -D__TARGET_ARCH_x86 or -D__TARGET_ARCH_arm64"
#endif

#define COMPAT_EXIT 1
#define MORE_COMPAT                                                                                \
	[COMPAT_SECCOMP] = SECCO_INSTALLS, [2] = SECCO_FORKS, [190] = SECCO_FORKS,                 \
	[435] = SECCO_FORKS

struct task_struct {
	struct thread_info thread_info;
	unsigned int flags;
	int exit_code;
	char comm[16];
	struct task_struct *real_parent;
	struct mm_struct *mm;
	int tgid;
	struct task_struct *group_leader;
	int exit_state;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct seccomp seccomp;
	struct css_set *cgroups;
} CORE;

#endif
