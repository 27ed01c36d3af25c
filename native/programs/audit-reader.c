/*
 * secco-audit-reader prints the kernel's audit records of seccomp, one a line, as
 *   ready | RECORD-TYPE TEXT | lost
 * It reads the multicast group that needs no auditd (AUDIT_NLGRP_READLOG in linux/audit.h; needs CAP_AUDIT_READ),
 * because Node has no netlink sockets. It ends when its standard input ends, or with its parent.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for a burst of records while the parent is busy. SO_RCVBUFFORCE goes beyond net.core.rmem_max (socket(7)). */
enum { RECEIVE_BYTES = 8 << 20, MESSAGE_BYTES = 16 << 10 };

static int fail(const char *what)
{
	printf("error %s: %s\n", what, strerror(errno));
	fflush(stdout);
	return 1;
}

static int open_log(void)
{
	int log = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
	if (log < 0)
		return -1;
	int bytes = RECEIVE_BYTES;
	if (setsockopt(log, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0)
		setsockopt(log, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	struct sockaddr_nl group = { .nl_family = AF_NETLINK,
				     .nl_groups = 1U << (AUDIT_NLGRP_READLOG - 1) };
	return bind(log, (struct sockaddr *)&group, sizeof(group)) == 0 ? log : -1;
}

/* Prints a record, which is one line: the kernel escapes what a process can put into it. */
static void print(const char *message, size_t length)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)message;
	if (length <= NLMSG_HDRLEN)
		return;
	if (header->nlmsg_type != AUDIT_SECCOMP && header->nlmsg_type != AUDIT_SYSCALL)
		return;
	const char *text = message + NLMSG_HDRLEN;
	printf("%u %.*s\n", (unsigned int)header->nlmsg_type, (int)(length - NLMSG_HDRLEN), text);
}

/* Prints all waiting records with one write. Returns false if the socket is unusable. */
static bool drain(int log)
{
	static char message[MESSAGE_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
	for (;;) {
		ssize_t length = recv(log, message, sizeof(message), MSG_DONTWAIT);
		if (length > 0)
			print(message, (size_t)length);
		else if (length < 0 && errno == ENOBUFS)
			puts("lost");
		else if (length < 0 && errno == EINTR)
			continue;
		else
			return fflush(stdout) == 0 && length < 0 && errno == EAGAIN;
	}
}

int main(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int log = open_log();
	if (log < 0)
		return fail("the audit log cannot be read");
	puts("ready");
	fflush(stdout);
	struct pollfd waits[] = { { .fd = log, .events = POLLIN },
				  { .fd = STDIN_FILENO, .events = POLLIN } };
	while (poll(waits, 2, -1) >= 0 || errno == EINTR) {
		if (waits[1].revents != 0)
			return 0;
		if (waits[0].revents != 0 && !drain(log))
			return fail("the audit log ended");
	}
	return fail("cannot wait");
}
