/*
 * secco-inspector [OBJECT] prints the actual seccomp filters of processes, whose ids it reads from stdin, one a line.
 *   with OBJECT (filters.bpf.o)   by a task iterator, which stops no process
 *   without                       by PTRACE_SECCOMP_GET_FILTER, which stops each process for some microseconds
 * It prints "filter N HEX" for each different filter and "pid PID N…" (newest first; "-": unreadable) for each process,
 * or "reason TEXT" and ends with 1. native/kernel-filters.ts starts it.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../shared/filters.h"

struct known {
	size_t length;
	unsigned char *bytes;
};
static struct known *filters;
static size_t filter_count, filter_room;

static int reason(const char *what)
{
	printf("reason %s: %s\n", what, strerror(errno));
	return 1;
}

/* Returns the number of a filter, and prints a new filter once. A node has few different ones. */
static size_t number_of(const void *bytes, size_t length)
{
	for (size_t i = 0; i < filter_count; i++)
		if (filters[i].length == length && memcmp(filters[i].bytes, bytes, length) == 0)
			return i;
	if (filter_count == filter_room) {
		filter_room = filter_room ? 2 * filter_room : 64;
		filters = realloc(filters, filter_room * sizeof(*filters));
		if (!filters)
			abort();
	}
	unsigned char *copy = malloc(length);
	if (!copy)
		abort();
	filters[filter_count] = (struct known){ length, memcpy(copy, bytes, length) };
	printf("filter %zu ", filter_count);
	for (size_t i = 0; i < length; i++)
		printf("%02x", copy[i]);
	putchar('\n');
	return filter_count++;
}

/* The filters of one process; a negative number: unreadable. */
struct process_filters {
	int pid;
	unsigned count;
	long numbers[FILTERS_AT_MOST];
};

static void print_process(const struct process_filters *process)
{
	if (process->pid == 0)
		return;
	printf("pid %d", process->pid);
	for (unsigned i = 0; i < process->count; i++) {
		if (process->numbers[i] < 0)
			printf(" -");
		else
			printf(" %ld", process->numbers[i]);
	}
	putchar('\n');
}

static int *read_pids(size_t *count)
{
	size_t room = 1024;
	int *pids = malloc(room * sizeof(*pids));
	*count = 0;
	while (pids && scanf("%d", &pids[*count]) == 1)
		if (++*count == room)
			pids = realloc(pids, (room *= 2) * sizeof(*pids));
	if (!pids)
		abort();
	return pids;
}

static int print_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

/* Reads so many bytes. Returns false at the end. */
static bool read_bytes(FILE *from, void *into, size_t bytes)
{
	return fread(into, 1, bytes, from) == bytes;
}

/* Prints the filters that the iterator writes, and then the processes that have them. */
static void read_filters(FILE *from)
{
	static unsigned char bytes[FILTER_BYTES];
	struct filter_head head;
	struct process_filters now = { 0 };
	while (from && read_bytes(from, &head, sizeof(head))) {
		if (head.pid != now.pid) {
			print_process(&now);
			now = (struct process_filters){ .pid = head.pid };
		}
		size_t length = (size_t)head.length * sizeof(struct sock_filter);
		if (length > sizeof(bytes) || !read_bytes(from, bytes, length))
			break;
		if (now.count < FILTERS_AT_MOST)
			now.numbers[now.count++] =
				length == 0 ? -1 : (long)number_of(bytes, length);
	}
	print_process(&now);
}

static int by_iterator(const char *path, const int *pids, size_t count)
{
	libbpf_set_print(print_nothing);
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	if (!object)
		return reason("cannot open the object");
	struct bpf_map *wanted = bpf_object__find_map_by_name(object, "wanted");
	if (!wanted || bpf_map__set_max_entries(wanted, count + 1) != 0 ||
	    bpf_object__load(object) != 0)
		return reason("cannot load the iterator");
	uint8_t not_written = 0;
	for (size_t i = 0; i < count; i++)
		if (bpf_map_update_elem(bpf_map__fd(wanted), &pids[i], &not_written, BPF_ANY) != 0)
			return reason("cannot name a process");
	struct bpf_link *link = bpf_program__attach(bpf_object__next_program(object, NULL));
	int fd = link ? bpf_iter_create(bpf_link__fd(link)) : -1;
	if (fd < 0)
		return reason("cannot attach the iterator");
	read_filters(fdopen(fd, "r"));
	return 0;
}

/* A call that waits with a time limit continues by restart_syscall(2) after a stop, and a filter may deny that. */
static bool may_be_stopped(int pid)
{
	char path[64], text[32] = "";
	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length <= 0)
		return false;
#if defined(__x86_64__)
	/* poll, nanosleep, futex, clock_nanosleep, epoll_wait, ppoll, epoll_pwait, epoll_pwait2 */
	static const int waits[] = { 7, 35, 202, 230, 232, 271, 281, 441 };
	if (strncmp(text, "running", 7) == 0)
		return true;
	for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++)
		if (atoi(text) == waits[i])
			return false;
#endif
	return true;
}

static void by_ptrace(int pid)
{
	struct process_filters now = { .pid = pid };
	static unsigned char bytes[4096 * sizeof(struct sock_filter)];
	int status;
	if (!may_be_stopped(pid) || ptrace(PTRACE_SEIZE, pid, 0, 0) != 0)
		return;
	if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0 && waitpid(pid, &status, __WALL) == pid) {
		while (now.count < FILTERS_AT_MOST) {
			long length = ptrace(PTRACE_SECCOMP_GET_FILTER, pid,
					     (void *)(uintptr_t)now.count, NULL);
			if (length < 0 || length > 4096)
				break;
			length = ptrace(PTRACE_SECCOMP_GET_FILTER, pid,
					(void *)(uintptr_t)now.count, bytes);
			if (length < 0)
				break;
			now.numbers[now.count++] =
				(long)number_of(bytes, length * sizeof(struct sock_filter));
		}
		/* A signal that arrived meanwhile is delivered with the detach (ptrace(2)). */
		int signal = WIFSTOPPED(status) && status >> 16 == 0 ? WSTOPSIG(status) : 0;
		ptrace(PTRACE_DETACH, pid, 0, (void *)(uintptr_t)signal);
	}
	print_process(&now);
}

int main(int argc, char **args)
{
	size_t count;
	int *pids = read_pids(&count);
	if (argc == 2)
		return by_iterator(args[1], pids, count);
	for (size_t i = 0; i < count; i++)
		by_ptrace(pids[i]);
	return 0;
}
