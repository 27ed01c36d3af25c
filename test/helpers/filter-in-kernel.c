/*
 * Lets the kernel execute a filter: reads one line with its instructions in hexadecimal digits (as secco-launcher prints
 * them), then a call a line:
 *   ABI NR ARG0 … ARG5     ABI is x86_64 (x32 has its bit in NR) or i386
 * Each call is made by a child of its own, under the filter. Prints what became of it: "returned N", "trapped",
 * or "killed SIGNAL". The program's calls have to be harmless: those that the filter allows are made.
 */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOTHING, RETURNED, TRAPPED, NOT_LOADED };

struct outcome {
	volatile int kind;
	volatile long value;
};

static struct outcome *outcome;

static long call_x86_64(long nr, const uint64_t *args)
{
	register uint64_t r10 __asm__("r10") = args[3];
	register uint64_t r8 __asm__("r8") = args[4];
	register uint64_t r9 __asm__("r9") = args[5];
	long result;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(nr), "D"(args[0]), "S"(args[1]), "d"(args[2]), "r"(r10), "r"(r8),
			   "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/* The entry of i386 takes the sixth argument from ebp. It is reached from 64-bit code too, with 32 bits of each register. */
static long call_i386(long nr, const uint64_t *args)
{
	long result;
	__asm__ volatile("push %%rbp\n\tmov %[sixth], %%rbp\n\tint $0x80\n\tpop %%rbp"
			 : "=a"(result)
			 : "a"(nr), "b"(args[0]), "c"(args[1]), "d"(args[2]), "S"(args[3]),
			   "D"(args[4]), [sixth] "r"(args[5])
			 : "r8", "r9", "r10", "r11", "memory");
	return (int)result;
}

/* Ends the child without a call, which the filter may deny. */
static void end(int kind, long value)
{
	outcome->value = value;
	outcome->kind = kind;
	__builtin_trap();
}

static void on_trap(int number)
{
	(void)number;
	end(TRAPPED, 0);
}

static void make_call(struct sock_fprog *program, int is_i386, long nr, const uint64_t *args)
{
	struct rlimit none = { 0, 0 };
	struct sigaction action = { .sa_handler = on_trap };
	setrlimit(RLIMIT_CORE, &none);
	sigaction(SIGSYS, &action, NULL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program) != 0)
		end(NOT_LOADED, 0);
	end(RETURNED, is_i386 ? call_i386(nr, args) : call_x86_64(nr, args));
}

static unsigned short read_filter(const char *line, struct sock_filter *filter)
{
	size_t bytes = strspn(line, "0123456789abcdef") / 2;
	if (bytes == 0 || bytes % sizeof(*filter) != 0 || bytes / sizeof(*filter) > BPF_MAXINSNS)
		exit(4);
	for (size_t at = 0; at < bytes; at++)
		sscanf(line + 2 * at, "%2hhx", (unsigned char *)filter + at);
	return bytes / sizeof(*filter);
}

int main(void)
{
	static struct sock_filter filter[BPF_MAXINSNS];
	char *line = NULL, abi[8];
	size_t size = 0;
	outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (outcome == MAP_FAILED || getline(&line, &size, stdin) <= 0)
		return 4;
	struct sock_fprog program = { .len = read_filter(line, filter), .filter = filter };
	while (getline(&line, &size, stdin) > 0) {
		unsigned long long args[6];
		uint64_t call[6];
		long nr;
		int status;
		if (sscanf(line, "%7s %ld %llu %llu %llu %llu %llu %llu", abi, &nr, &args[0],
			   &args[1], &args[2], &args[3], &args[4], &args[5]) != 8)
			return 4;
		for (int i = 0; i < 6; i++)
			call[i] = args[i];
		outcome->kind = NOTHING;
		fflush(stdout);
		pid_t child = fork();
		if (child == 0)
			make_call(&program, strcmp(abi, "i386") == 0, nr, call);
		if (child < 0 || waitpid(child, &status, 0) != child)
			return 5;
		if (outcome->kind == NOT_LOADED)
			return 6;
		if (outcome->kind == RETURNED)
			printf("returned %ld\n", outcome->value);
		else if (outcome->kind == TRAPPED)
			printf("trapped\n");
		else
			printf("killed %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	}
	return 0;
}
