/*
 * A neighbour: `/noise ROUNDS COMPAT… - NATIVE…` makes every call of its lists again and again, without
 * an effect (first arguments of -1). ROUNDS 0: for ever, with a short pause after each round.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void compat(long nr)
{
	__asm__ volatile("int $0x80"
			 :
			 : "a"(nr), "b"(-1), "c"(0), "d"(0)
			 : "memory", "r8", "r9", "r10", "r11");
}

int main(int count, char **args)
{
	struct timespec pause = { 0, 300000 };
	long rounds = count > 1 ? atol(args[1]) : 1;
	for (long round = 0; !rounds || round < rounds; round++) {
		int at = 2;
		for (; at < count && strcmp(args[at], "-"); at++)
			compat(atol(args[at]));
		for (at++; at < count; at++)
			syscall(atol(args[at]), -1L, 0L, 0L, 0L, 0L, 0L);
		if (!rounds)
			nanosleep(&pause, NULL);
	}
	return 0;
}
