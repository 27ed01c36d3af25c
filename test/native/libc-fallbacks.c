/*
 * Shows what the C library of this machine does when a filter answers ENOSYS to one of its syscalls.
 *
 *   libc-fallbacks list                      the calls with the functions of the library that make them, one pair a line
 *   libc-fallbacks run CALL FUNCTION         0: the function does its work although CALL gets ENOSYS; 1: it fails
 *   libc-fallbacks makes CALL FUNCTION       ends by SIGSYS if the function makes CALL
 *   libc-fallbacks without CALL FUNCTION OTHER   as run; ends by SIGSYS if the function goes on to the call OTHER
 *   libc-fallbacks exec CALL ERRNO PROGRAM…  runs a program to which CALL gets that error; 0: it ends by SIGSYS
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct number {
	const char *name;
	int nr;
};

/* Numbers from 424 upwards are the same on every machine; headers may be older than they are. */
static const struct number numbers[] = {
	{ "clone", SYS_clone },
	{ "clone3", 435 },
	{ "close_range", 436 },
	{ "copy_file_range", SYS_copy_file_range },
	{ "epoll_pwait2", 441 },
	{ "faccessat2", 439 },
	{ "getrandom", SYS_getrandom },
	{ "io_uring_setup", 425 },
	{ "memfd_create", SYS_memfd_create },
	{ "mlock2", SYS_mlock2 },
	{ "preadv2", SYS_preadv2 },
	{ "pwritev2", SYS_pwritev2 },
	{ "renameat2", SYS_renameat2 },
	{ "statx", SYS_statx },
};

static int number_of(const char *name)
{
	for (size_t at = 0; at < sizeof(numbers) / sizeof(*numbers); at++)
		if (!strcmp(numbers[at].name, name))
			return numbers[at].nr;
	fprintf(stderr, "%s: no number is known\n", name);
	exit(2);
}

/* Filters that were added later are asked first, and the strictest answer counts. */
static void answer(const char *name, unsigned int action)
{
	struct sock_filter steps[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)number_of(name), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(steps) / sizeof(*steps), .filter = steps };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
		perror("filter");
		exit(2);
	}
}

static void *nothing(void *value)
{
	return value;
}

static int thread(void)
{
	pthread_t id;
	void *value = NULL;

	return pthread_create(&id, NULL, nothing, environ) == 0 && pthread_join(id, &value) == 0 &&
	       value == environ;
}

static int spawned(void)
{
	char *args[] = { "true", NULL };
	int status;
	pid_t pid;

	return posix_spawn(&pid, "/bin/true", NULL, NULL, args, environ) == 0 &&
	       waitpid(pid, &status, 0) == pid && status == 0;
}

static int shell(void)
{
	return system("true") == 0;
}

static int effective(void)
{
	return faccessat(AT_FDCWD, "/", R_OK, AT_EACCESS) == 0 &&
	       faccessat(AT_FDCWD, "/none", R_OK, AT_EACCESS) == -1 && errno == ENOENT;
}

static int not_followed(void)
{
	return faccessat(AT_FDCWD, "/proc/self/exe", R_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int extended(void)
{
	struct statx of = { 0 };

	return statx(AT_FDCWD, "/", 0, STATX_BASIC_STATS, &of) == 0 && S_ISDIR(of.stx_mode);
}

/* As ls and stat of coreutils ask. */
static int extended_without_sync(void)
{
	struct statx of = { 0 };

	return statx(AT_FDCWD, "/", AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &of) == 0;
}

static int in_memory(void)
{
	return memfd_create("name", 0) >= 0;
}

static int range_closed(void)
{
	return close_range(100, 200, 0) == 0;
}

static int closed_from(void)
{
	int file = dup2(1, 100);

	closefrom(100);
	return file == 100 && fcntl(100, F_GETFD) == -1;
}

static int random_bytes(void)
{
	char bytes[8];

	return getrandom(bytes, sizeof(bytes), 0) == sizeof(bytes);
}

static int entropy(void)
{
	char bytes[8];

	return getentropy(bytes, sizeof(bytes)) == 0;
}

static int random_number(void)
{
	/* The library is asked at run time, because the first that has the function is of 2022. */
	uint32_t (*generate)(void) = (uint32_t(*)(void))dlsym(RTLD_DEFAULT, "arc4random");

	return generate != NULL && generate() != generate();
}

static int copied(void)
{
	int from = open("/proc/self/exe", O_RDONLY);
	FILE *to = tmpfile();

	return copy_file_range(from, NULL, fileno(to), NULL, 100, 0) == 100;
}

static int waited(void)
{
	struct timespec none = { 0 };
	struct epoll_event event;
	int (*wait)(int, struct epoll_event *, int, const struct timespec *, const sigset_t *) =
		(int (*)(int, struct epoll_event *, int, const struct timespec *,
			 const sigset_t *))dlsym(RTLD_DEFAULT, "epoll_pwait2");

	return wait != NULL && wait(epoll_create1(0), &event, 1, &none, NULL) == 0;
}

static int locked(void)
{
	return mlock2(environ, 1, MLOCK_ONFAULT) == 0;
}

static int read_vector(int flags)
{
	char byte;
	struct iovec to = { &byte, 1 };
	int from = open("/proc/self/exe", O_RDONLY);

	return preadv2(from, &to, 1, 0, flags) == 1;
}

static int read_plainly(void)
{
	return read_vector(0);
}

static int read_urgently(void)
{
	return read_vector(RWF_HIPRI);
}

static int write_vector(void)
{
	char byte = 0;
	struct iovec from = { &byte, 1 };

	return pwritev2(fileno(tmpfile()), &from, 1, 0, RWF_DSYNC) == 1;
}

static int renamed(void)
{
	char path[] = "/tmp/libc-fallbacks-XXXXXX";
	char other[sizeof(path) + 1];
	int file = mkstemp(path);

	snprintf(other, sizeof(other), "%sx", path);
	int is_renamed = renameat2(AT_FDCWD, path, AT_FDCWD, other, RENAME_NOREPLACE) == 0;
	close(file);
	unlink(is_renamed ? other : path);
	return is_renamed;
}

/* Every function of the library that makes the call: the library falls back only if all of them do. */
static const struct use {
	const char *call;
	const char *function;
	int (*use)(void);
} uses[] = {
	{ "clone3", "pthread_create", thread },
	{ "clone3", "posix_spawn", spawned },
	{ "clone3", "system", shell },
	{ "close_range", "close_range", range_closed },
	{ "close_range", "closefrom", closed_from },
	{ "copy_file_range", "copy_file_range", copied },
	{ "epoll_pwait2", "epoll_pwait2", waited },
	{ "faccessat2", "faccessat:AT_EACCESS", effective },
	{ "faccessat2", "faccessat:AT_SYMLINK_NOFOLLOW", not_followed },
	{ "getrandom", "arc4random", random_number },
	{ "getrandom", "getentropy", entropy },
	{ "getrandom", "getrandom", random_bytes },
	{ "memfd_create", "memfd_create", in_memory },
	{ "mlock2", "mlock2", locked },
	{ "preadv2", "preadv2", read_plainly },
	{ "preadv2", "preadv2:RWF_HIPRI", read_urgently },
	{ "pwritev2", "pwritev2:RWF_DSYNC", write_vector },
	{ "renameat2", "renameat2:RENAME_NOREPLACE", renamed },
	{ "statx", "statx", extended },
	{ "statx", "statx:AT_STATX_DONT_SYNC", extended_without_sync },
};

static int run(const char *call, const char *function)
{
	for (size_t at = 0; at < sizeof(uses) / sizeof(*uses); at++)
		if (!strcmp(uses[at].call, call) && !strcmp(uses[at].function, function))
			return uses[at].use() ? 0 : 1;
	return 2;
}

int main(int count, char **args)
{
	const char *mode = count > 1 ? args[1] : "";
	const unsigned int no_such_call = SECCOMP_RET_ERRNO | ENOSYS;

	if (!strcmp(mode, "list")) {
		for (size_t at = 0; at < sizeof(uses) / sizeof(*uses); at++)
			printf("%s %s\n", uses[at].call, uses[at].function);
		return 0;
	}
	if (count < 4)
		return 2;
	if (!strcmp(mode, "exec") && count > 4) {
		unsigned int error = (unsigned int)atoi(args[3]);

		answer(args[2], error == 0 ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | error);
		execv(args[4], args + 4);
		return 2;
	}
	if (!strcmp(mode, "without") && count > 4)
		answer(args[4], SECCOMP_RET_KILL_PROCESS);
	answer(args[2], !strcmp(mode, "makes") ? SECCOMP_RET_KILL_PROCESS : no_such_call);
	return run(args[2], args[3]);
}
