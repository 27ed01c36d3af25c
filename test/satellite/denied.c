/* A container's program that makes known numbers of denied and of allowed calls. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <poll.h>
#include <unistd.h>

static volatile sig_atomic_t told;

static void tell(int number)
{
	told = number;
}

static void denied(long calls)
{
	for (long at = 0; at < calls; at++)
		syscall(SYS_getpriority, 0, 0);
}

/* Each in a child of its own: it may not come back. */
static void in_children(long children)
{
	for (long at = 0; at < children; at++) {
		pid_t child = fork();
		if (child == 0) {
			denied(1);
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
}

/* EBADF and EPERM by themselves, not by a filter. */
static void allowed(long calls)
{
	for (long at = 0; at < calls; at++) {
		if (at % 10)
			close(-1);
		else
			sethostname("x", 1);
	}
}

static void open_sockets(int family, long sockets)
{
	for (long at = 0; at < sockets; at++) {
		int opened = socket(family, family == AF_UNIX ? SOCK_STREAM : SOCK_RAW, 0);
		if (opened >= 0)
			close(opened);
	}
}

int main(int count, char **args)
{
	signal(SIGUSR1, tell);
	for (int at = 1; at + 1 < count; at += 2) {
		long number = atol(args[at + 1]);
		if (!strcmp(args[at], "denied"))
			denied(number);
		if (!strcmp(args[at], "children"))
			in_children(number);
		if (!strcmp(args[at], "allowed"))
			allowed(number);
		if (!strcmp(args[at], "fork") && fork() == 0) {
			allowed(number);
			_exit(0);
		}
		if (!strcmp(args[at], "personality"))
			for (long call = 0; call < number; call++)
				syscall(SYS_personality, 0x20);
		/* so many of one family; AF_PACKET is denied by the kernel itself where CAP_NET_RAW is not held */
		if (!strcmp(args[at], "alg") || !strcmp(args[at], "unix") ||
		    !strcmp(args[at], "packet"))
			open_sockets(*args[at] == 'a'	? AF_ALG
				     : *args[at] == 'u' ? AF_UNIX
							: AF_PACKET,
				     number);
		if (!strcmp(args[at], "alg-children"))
			for (long call = 0; call < number; call++) {
				if (fork() == 0) {
					open_sockets(AF_ALG, 1);
					_exit(0);
				}
				wait(NULL);
			}
		if (!strcmp(args[at], "listen"))
			listen(socket(AF_UNIX, SOCK_STREAM, 0), number);
		if (!strcmp(args[at], "poll"))
			poll(NULL, 0, number);
		if (!strcmp(args[at], "exec")) {
			while (wait(NULL) > 0)
				;
			execv("/denied", args + at + 1);
		}
		if (!strcmp(args[at], "signal")) {
			while (!told)
				poll(NULL, 0, 50);
			told = 0;
		}
	}
	while (wait(NULL) > 0)
		;
	return 0;
}
