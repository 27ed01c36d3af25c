// What runs in the pods of tests: static, small, and known call by call.
//   server PORT [CALL…]   makes the calls, then answers HTTP: / says ok, /call/NAME makes that call and
//                         says how it went, /attack makes what an intruder would
//   server get ADDRESS PORT PATH   prints what another one answers (busybox' wget needs a resolver)
//   server once [CALL…]   makes the calls and ends
//   server pause          waits: a pod's sandbox
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void leave(int number)
{
	(void)number;
	_exit(0);
}

/* Calls that no start of a program makes, allowed by RuntimeDefault unless said otherwise. */
static long make(const char *name)
{
	if (!strcmp(name, "getpgid"))
		return syscall(SYS_getpgid, 0);
	if (!strcmp(name, "getsid"))
		return syscall(SYS_getsid, 0);
	if (!strcmp(name, "getpriority"))
		return syscall(SYS_getpriority, 0, 0);
	if (!strcmp(name, "sched_getaffinity")) {
		cpu_set_t set;
		return sched_getaffinity(0, sizeof(set), &set);
	}
	if (!strcmp(name, "mknod")) {
		unlink("/tmp/fifo");
		return syscall(SYS_mknod, "/tmp/fifo", S_IFIFO | 0600, 0);
	}
	if (!strcmp(name, "memfd_create"))
		return syscall(SYS_memfd_create, "x", 0);
	if (!strcmp(name, "chroot"))
		return chroot("/");
	if (!strcmp(name, "sethostname"))
		return syscall(SYS_sethostname, "x", 1);
	/* RuntimeDefault denies these two. */
	if (!strcmp(name, "keyctl"))
		return syscall(SYS_keyctl, 1, NULL);
	if (!strcmp(name, "unshare"))
		return unshare(CLONE_NEWUSER);
	errno = ENOTSUP;
	return -1;
}

static size_t report(char *out, size_t size, const char *name)
{
	long result = make(name);
	if (result >= 0)
		return (size_t)snprintf(out, size, "%s ok\n", name);
	return (size_t)snprintf(out, size, "%s denied errno %d\n", name, errno);
}

static void answer(int client)
{
	char request[2048], body[1024], head[128];
	size_t length = 0;
	ssize_t got = read(client, request, sizeof(request) - 1);
	if (got <= 0)
		return;
	request[got] = 0;
	char *path = strchr(request, ' ');
	char *end = path ? strchr(path + 1, ' ') : NULL;
	if (end)
		*end = 0;
	path = end ? path + 1 : "/";
	if (!strncmp(path, "/call/", 6)) {
		length = report(body, sizeof(body), path + 6);
	} else if (!strcmp(path, "/attack")) {
		const char *names[] = { "chroot", "keyctl", "unshare" };
		for (int at = 0; at < 3; at++)
			length += report(body + length, sizeof(body) - length, names[at]);
	} else {
		length = (size_t)snprintf(body, sizeof(body), "ok\n");
	}
	int top = snprintf(head, sizeof(head),
			   "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %zu\r\n\r\n",
			   length);
	if (write(client, head, (size_t)top) == top && write(client, body, length) < 0)
		return;
}

static int get(const char *host, const char *port, const char *path)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)atoi(port)) };
	int server = socket(AF_INET, SOCK_STREAM, 0);
	struct timeval limit = { .tv_sec = 2 };
	char text[4096];
	size_t length = 0;
	ssize_t got;
	setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
		return 1;
	if (connect(server, (struct sockaddr *)&address, sizeof(address)))
		return 1;
	if (dprintf(server, "GET %s HTTP/1.1\r\nhost: %s\r\n\r\n", path, host) < 0)
		return 1;
	while (length < sizeof(text) - 1 &&
	       (got = read(server, text + length, sizeof(text) - 1 - length)) > 0)
		length += (size_t)got;
	text[length] = 0;
	const char *body = strstr(text, "\r\n\r\n");
	if (!body)
		return 1;
	fputs(body + 4, stdout);
	return 0;
}

int main(int count, char **args)
{
	const char *what = count > 1 ? args[1] : "pause";
	signal(SIGTERM, leave);
	signal(SIGINT, leave);
	if (!strcmp(what, "get"))
		return count == 5 ? get(args[2], args[3], args[4]) : 1;
	for (int at = 2; at < count; at++)
		make(args[at]);
	if (!strcmp(what, "once"))
		return 0;
	if (!strcmp(what, "pause"))
		for (;;)
			pause();
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)atoi(what)) };
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 64))
		return 1;
	for (;;) {
		int client = accept(listener, NULL, NULL);
		if (client < 0)
			continue;
		answer(client);
		shutdown(client, SHUT_WR);
		close(client);
	}
}
