/*
 * The program of containers that live for a moment: `/life MASK [stay]`. Bit n of MASK makes call n of
 * the list in container-fleet.ts; every one is harmless and no start of a static program makes it.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static const long calls[] = {
	SYS_getpgid, SYS_getsid,  SYS_sched_getparam, SYS_sched_getscheduler,	  SYS_getitimer,
	SYS_times,   SYS_sysinfo, SYS_getpriority,    SYS_sched_get_priority_max, SYS_getrusage,
};

int main(int count, char **args)
{
	long mask = count > 1 ? atol(args[1]) : 0;
	for (unsigned at = 0; at < sizeof(calls) / sizeof(*calls); at++)
		if (mask >> at & 1)
			syscall(calls[at], -1L, 0L, 0L, 0L);
	while (count > 2)
		pause();
	return 0;
}
