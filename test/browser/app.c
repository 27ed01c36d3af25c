// The application of the stories: it idles until a signal says what to do next.
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

// One for each signal: of two that are pending at once, the handlers run one after the other before the loop goes on.
static volatile sig_atomic_t wanted[NSIG];
static void want(int signal)
{
	wanted[signal] = 1;
}

static int take(int signal)
{
	if (!wanted[signal])
		return 0;
	wanted[signal] = 0;
	return 1;
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
	signal(SIGWINCH, want);
	signal(SIGTERM, want);
	for (;;) {
		// Traffic: what it does for a living.
		if (take(SIGUSR1))
			for (int at = 0; at < 500; at++) {
				ask(SYS_getpgid);
				ask(SYS_getsid);
			}
		// Somebody broke in.
		if (take(SIGUSR2)) {
			ask(SYS_mount);
			ask(SYS_keyctl);
			ask(SYS_unshare);
		}
		// The next release does something new.
		if (take(SIGHUP))
			ask(SYS_getpriority);
		// Somebody reviews at this moment.
		if (take(SIGWINCH))
			ask(SYS_getrusage);
		if (take(SIGTERM))
			return 0;
		usleep(20000);
	}
}
