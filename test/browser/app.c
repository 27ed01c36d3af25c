// The application of the stories: it idles until a signal says what to do next.
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile sig_atomic_t wanted;
static void want(int signal)
{
	wanted = signal;
}

static void ask(long number)
{
	syscall(number, 0, 0, 0, 0, 0, 0);
}

int main(void)
{
	signal(SIGUSR1, want);
	signal(SIGUSR2, want);
	signal(SIGHUP, want);
	signal(SIGTERM, want);
	for (;;) {
		int signal = wanted;
		wanted = 0;
		// Traffic: what it does for a living.
		if (signal == SIGUSR1)
			for (int at = 0; at < 500; at++) {
				ask(SYS_getpgid);
				ask(SYS_getsid);
			}
		// Somebody broke in.
		if (signal == SIGUSR2) {
			ask(SYS_mount);
			ask(SYS_keyctl);
			ask(SYS_unshare);
		}
		// The next release does something new.
		if (signal == SIGHUP)
			ask(SYS_getpriority);
		if (signal == SIGTERM)
			return 0;
		usleep(20000);
	}
}
