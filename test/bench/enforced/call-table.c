/*
 * Makes every call of the 64-bit table, each in a child of its own, and writes what came back: one line
 * `NAME-OF-VARIANT NR RESULT` per call, RESULT an errno, 0, or `-` when it did not come back. The filter
 * under test denies with an errno that no kernel gives, so that its denials cannot be mistaken.
 * Arguments are zero, or those of the variants below.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAST 472
#define NOT_BACK 100000

struct variant {
	const char *name;
	long nr;
	unsigned long args[6];
};

static const struct variant variants[] = {
	{ "socket-unix", SYS_socket, { 1, 1 } },
	{ "socket-inet", SYS_socket, { 2, 1 } },
	{ "socket-netlink", SYS_socket, { 16, 3 } },
	{ "socket-alg", SYS_socket, { 38, 5 } },
	{ "socket-vsock", SYS_socket, { 40, 1 } },
	{ "socket-41", SYS_socket, { 41, 1 } },
	{ "clone-newuser", SYS_clone, { 0x10000011 } },
	{ "clone-newns", SYS_clone, { 0x00020011 } },
	{ "clone-newcgroup", SYS_clone, { 0x02000011 } },
	{ "clone-plain", SYS_clone, { 0x11 } },
	{ "personality-linux32", SYS_personality, { 8 } },
	{ "personality-uname26", SYS_personality, { 0x20000 } },
	{ "personality-both", SYS_personality, { 0x20008 } },
	{ "personality-read", SYS_personality, { 0xffffffff } },
	{ "personality-norandom", SYS_personality, { 0x40000 } },
};

static void record(volatile int *slot, long nr, const unsigned long *a)
{
	pid_t pid = fork();
	if (pid == 0) {
		/* Calls that wait are ended; whether they were allowed is known by then. */
		alarm(1);
		*slot = NOT_BACK;
		errno = 0;
		long result = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		/* The other side of a fork must not answer for the call. */
		if (*slot == NOT_BACK)
			*slot = result < 0 && result >= -4095 ? errno : 0;
		_exit(0);
	}
	int status;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
}

int main(void)
{
	unsigned int extra = sizeof(variants) / sizeof(variants[0]);
	static const unsigned long zero[6];
	volatile int *slots = mmap(NULL, (LAST + extra) * sizeof(int), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (long nr = 0; nr < LAST; nr++) {
		/* rt_sigreturn with no frame kills the child, as does exit: neither says anything. */
		record(slots + nr, nr, zero);
	}
	for (unsigned int at = 0; at < extra; at++)
		record(slots + LAST + at, variants[at].nr, variants[at].args);
	for (long nr = 0; nr < LAST; nr++)
		printf("zero %ld %d\n", nr, slots[nr]);
	for (unsigned int at = 0; at < extra; at++)
		printf("%s %ld %d\n", variants[at].name, variants[at].nr, slots[LAST + at]);
	fflush(stdout);
	return 0;
}
