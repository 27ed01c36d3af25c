/*
 * secco-launcher does for Secco what only a new process can do.
 *   run      a command in a mount namespace of its own, from its first instruction
 *   trial    builds and loads a profile in a child, to find out whether the kernel accepts it
 *   compile  builds a profile and prints its instructions in hexadecimal digits
 *   marker   makes a known number of calls under a filter, for the recorder's self-test
 * native/launcher.ts and native/trial-load.ts start it and describe its input and output.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The exit codes of a shell, and one for the launcher's own failures (as of env(1) and timeout(1)). */
enum { FAILED = 125, CANNOT_EXECUTE = 126, NOT_FOUND = 127 };

/*
 * Pipes to the parent, which native/launcher.ts opens. READY_FD closes when the command executes; a line after "ready",
 * or in place of it, has the reason why it cannot execute.
 */
enum { READY_FD = 3, GO_FD = 4 };

static int fail(const char *what, const char *which)
{
	fprintf(stderr, "secco-launcher: %s%s%s: %s\n", what, *which ? " " : "", which,
		strerror(errno));
	return FAILED;
}

static int own_mounts(void)
{
	if (unshare(CLONE_NEWNS) != 0)
		return fail("cannot make a mount namespace", "");
	if (mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return fail("cannot make the mounts private", "");
	return 0;
}

static unsigned long own_mntns(void)
{
	struct stat found;
	return stat("/proc/self/ns/mnt", &found) == 0 ? (unsigned long)found.st_ino : 0;
}

/* Loads a filter. The recorder takes exactly one of the calls on the way as the container's beginning. */
static long load_filter(const struct sock_fprog *program)
{
	long result = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program);
	if (result != 0 && errno == EACCES) {
		/* Without CAP_SYS_ADMIN the kernel wants no_new_privs first (seccomp(2)). */
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
			return -1;
		result = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program);
	}
	return result;
}

static long allow_all(void)
{
	struct sock_filter allow[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog program = { .len = 1, .filter = allow };
	return load_filter(&program);
}

static int join_cgroup(const char *directory)
{
	char path[4096];
	if (mkdir(directory, 0755) != 0 && errno != EEXIST)
		return fail("cannot make cgroup", directory);
	snprintf(path, sizeof(path), "%s/cgroup.procs", directory);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		return fail("cannot join cgroup", directory);
	close(fd);
	return 0;
}

/* Finds a program as execvp(3) does, but before the filter is loaded: the search is no part of the command. */
static const char *find_program(const char *name)
{
	static char found[4096];
	if (strchr(name, '/'))
		return name;
	const char *path = getenv("PATH");
	int reason = ENOENT;
	for (const char *part = path ? path : "/usr/local/bin:/bin:/usr/bin"; part;
	     part = *part ? part + 1 : NULL) {
		size_t length = strcspn(part, ":");
		struct stat info;
		snprintf(found, sizeof(found), "%.*s%s%s", (int)length, part, length ? "/" : "./",
			 name);
		if (stat(found, &info) == 0 && S_ISREG(info.st_mode)) {
			if (access(found, X_OK) == 0)
				return found;
			reason = EACCES;
		}
		part += length;
		if (!*part)
			break;
	}
	errno = reason;
	return NULL;
}

static int cannot_run(const char *name, bool wait)
{
	int reason = errno;
	dprintf(wait ? READY_FD : STDERR_FILENO, "%scannot run '%s': %s\n",
		wait ? "" : "secco-launcher: ", name, strerror(reason));
	return reason == ENOENT || reason == ENOTDIR ? NOT_FOUND : CANNOT_EXECUTE;
}

/*
 * Waits as the command's parent and ends as the command does. Node has no names for real-time signals and reports
 * them as success, so they become 128 + number, as in a shell.
 */
static int end_as(pid_t command)
{
	int status;
	close(READY_FD);
	close(GO_FD);
	while (waitpid(command, &status, 0) < 0)
		if (errno != EINTR)
			return fail("cannot wait for the command", "");
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	int deadly = WTERMSIG(status);
	if (deadly < SIGRTMIN) {
		struct rlimit none = { 0, 0 };
		setrlimit(RLIMIT_CORE, &none);
		signal(deadly, SIG_DFL);
		raise(deadly);
	}
	return 128 + deadly;
}

/* Forks: 0 in the process that becomes the command. The parent ignores signals of the terminal's keys. */
static pid_t split(void)
{
	static const int keys[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP };
	void (*before[4])(int);
	for (int i = 0; i < 4; i++)
		before[i] = signal(keys[i], SIG_IGN);
	pid_t child = fork();
	for (int i = 0; child == 0 && i < 4; i++)
		signal(keys[i], before[i]);
	return child;
}

static int run(int count, char **args)
{
	bool filter = false, wait = false;
	const char *cgroup = NULL;
	int at = 0;
	for (; at < count && strcmp(args[at], "--") != 0; at++) {
		if (strcmp(args[at], "--filter") == 0)
			filter = true;
		else if (strcmp(args[at], "--wait") == 0)
			wait = true;
		else if (strcmp(args[at], "--cgroup") == 0 && at + 1 < count)
			cgroup = args[++at];
		else
			break;
	}
	if (at >= count || strcmp(args[at], "--") != 0 || at + 1 >= count) {
		fprintf(stderr,
			"secco-launcher: usage: run [--filter] [--wait] [--cgroup DIR] -- COMMAND [ARG…]\n");
		return FAILED;
	}
	char **command = args + at + 1;
	if (wait) {
		pid_t child = split();
		if (child < 0)
			return fail("cannot fork", "");
		if (child > 0)
			return end_as(child);
	}
	int code = own_mounts();
	if (code == 0 && cgroup)
		code = join_cgroup(cgroup);
	if (code != 0)
		return code;
	const char *program = find_program(command[0]);
	if (!program)
		return cannot_run(command[0], wait);
	if (wait) {
		char go;
		fcntl(READY_FD, F_SETFD, FD_CLOEXEC);
		dprintf(READY_FD, "ready %d %lu\n", getpid(), own_mntns());
		/* Nothing can be read when the parent is gone: then the command is not wanted. */
		if (read(GO_FD, &go, 1) != 1)
			return FAILED;
		close(GO_FD);
	}
	if (filter && allow_all() != 0)
		return fail("cannot install the filter", "");
	execve(program, command, environ);
	if (errno == ENOEXEC) {
		/* A script without #! is run by the shell, as in execvp(3). */
		char *script[count - at + 1];
		script[0] = "/bin/sh";
		script[1] = (char *)program;
		for (int i = 1; i < count - at; i++)
			script[i + 1] = command[i];
		execve(script[0], script, environ);
	}
	return cannot_run(command[0], wait);
}

/* ---- trial ---- */

static const struct {
	const char *name;
	uint32_t action;
} actions[] = {
	{ "SCMP_ACT_KILL", SCMP_ACT_KILL },
	{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
	{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
	{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
	{ "SCMP_ACT_LOG", SCMP_ACT_LOG },
	{ "SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY },
};

static const struct {
	const char *name;
	enum scmp_compare compare;
} operators[] = {
	{ "SCMP_CMP_NE", SCMP_CMP_NE },
	{ "SCMP_CMP_LT", SCMP_CMP_LT },
	{ "SCMP_CMP_LE", SCMP_CMP_LE },
	{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
	{ "SCMP_CMP_GE", SCMP_CMP_GE },
	{ "SCMP_CMP_GT", SCMP_CMP_GT },
	{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
};

/* Prints a reason as one line on stdout, where the caller reads it. */
#define FAIL_BECAUSE(...) (printf(__VA_ARGS__), putchar('\n'), false)

static bool read_action(const char *name, unsigned errnum, uint32_t *action)
{
	if (strcmp(name, "SCMP_ACT_ERRNO") == 0) {
		*action = SCMP_ACT_ERRNO(errnum);
		return true;
	}
	if (strcmp(name, "SCMP_ACT_TRACE") == 0) {
		*action = SCMP_ACT_TRACE(errnum);
		return true;
	}
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		if (strcmp(actions[i].name, name) == 0) {
			*action = actions[i].action;
			return true;
		}
	}
	return FAIL_BECAUSE("reason unknown action %s", name);
}

/* Reads INDEX:OPERATOR:VALUE:VALUE_TWO. For MASKED_EQ, VALUE is the mask (datum_a in seccomp_rule_add(3)). */
static bool read_argument(char *text, struct scmp_arg_cmp *argument)
{
	char name[32];
	unsigned index;
	unsigned long long value, second;
	if (sscanf(text, "%u:%31[A-Z_]:%llu:%llu", &index, name, &value, &second) != 4 || index > 5)
		return FAIL_BECAUSE("reason malformed argument %s", text);
	for (size_t i = 0; i < sizeof(operators) / sizeof(*operators); i++) {
		if (strcmp(operators[i].name, name) == 0) {
			*argument =
				(struct scmp_arg_cmp){ index, operators[i].compare, value, second };
			return true;
		}
	}
	return FAIL_BECAUSE("reason unknown operator %s", name);
}

/*
 * Two conditions on one argument mean "or": they become one rule each, as in runc (matchCall() in
 * libcontainer/seccomp/seccomp_linux.go). libseccomp accepts no rule with both.
 */
static int add_rule(scmp_filter_ctx filter, uint32_t action, int number, unsigned count,
		    const struct scmp_arg_cmp *arguments)
{
	unsigned used = 0;
	bool twice = false;
	for (unsigned i = 0; i < count; i++) {
		twice = twice || used >> arguments[i].arg & 1;
		used |= 1U << arguments[i].arg;
	}
	if (!twice)
		return seccomp_rule_add_array(filter, action, number, count, arguments);
	for (unsigned i = 0; i < count; i++) {
		int code = seccomp_rule_add_array(filter, action, number, 1, &arguments[i]);
		if (code != 0)
			return code;
	}
	return 0;
}

/* Reads a line "rule ACTION ERRNO NAME [ARGUMENT…]". */
static bool read_rule(scmp_filter_ctx filter, uint32_t standard)
{
	const char *action_name = strtok(NULL, " "), *errnum = strtok(NULL, " "),
		   *name = strtok(NULL, " ");
	struct scmp_arg_cmp arguments[12];
	unsigned count = 0;
	uint32_t action;
	if (!action_name || !errnum || !name)
		return FAIL_BECAUSE("reason malformed rule");
	if (!read_action(action_name, atoi(errnum), &action))
		return false;
	for (char *text = strtok(NULL, " "); text; text = strtok(NULL, " ")) {
		if (count == 12)
			return FAIL_BECAUSE("reason too many arguments for %s", name);
		if (!read_argument(text, &arguments[count++]))
			return false;
	}
	if (action == standard)
		return true; /* libseccomp accepts no rule with the default action */
	int number = seccomp_syscall_resolve_name(name);
	if (number == __NR_SCMP_ERROR) {
		printf("skip %s\n", name);
		return true;
	}
	int code = add_rule(filter, action, number, count, arguments);
	if (code != 0)
		return FAIL_BECAUSE("reason rule for %s: %s", name, strerror(-code));
	return true;
}

/* Reads a profile and builds its filter. */
static bool build(scmp_filter_ctx *filter, FILE *from)
{
	char *line = NULL;
	size_t size = 0;
	uint32_t standard = 0;
	bool good = true;
	while (good && getline(&line, &size, from) > 0) {
		line[strcspn(line, "\n")] = 0;
		const char *word = strtok(line, " ");
		if (!word)
			continue;
		if (strcmp(word, "default") == 0) {
			const char *name = strtok(NULL, " "), *errnum = strtok(NULL, " ");
			good = name && errnum && !*filter &&
			       read_action(name, atoi(errnum), &standard);
			if (good && (*filter = seccomp_init(standard)) == NULL)
				good = FAIL_BECAUSE("reason the default action %s is not accepted",
						    name);
		} else if (!*filter) {
			good = FAIL_BECAUSE("reason no default action");
		} else if (strcmp(word, "arch") == 0) {
			const char *name = strtok(NULL, " ");
			uint32_t arch = name ? seccomp_arch_resolve_name(name) : 0;
			int code = arch ? seccomp_arch_add(*filter, arch) : -EINVAL;
			if (code != 0 && code != -EEXIST)
				good = FAIL_BECAUSE("reason architecture %s: %s", name ? name : "",
						    strerror(-code));
		} else if (strcmp(word, "rule") == 0) {
			good = read_rule(*filter, standard);
		} else {
			good = FAIL_BECAUSE("reason malformed line: %s", word);
		}
	}
	free(line);
	if (good && !*filter)
		good = FAIL_BECAUSE("reason no default action");
	return good;
}

/* Compiles a filter to the kernel's instructions, by way of a file in memory. */
static bool compile(scmp_filter_ctx filter, struct sock_fprog *program)
{
	int fd = memfd_create("filter", MFD_CLOEXEC);
	int code = fd < 0 ? -errno : seccomp_export_bpf(filter, fd);
	off_t bytes = code == 0 ? lseek(fd, 0, SEEK_END) : 0;
	if (code != 0 || bytes <= 0)
		return FAIL_BECAUSE("reason cannot compile the filter: %s",
				    strerror(code ? -code : EIO));
	size_t length = bytes / sizeof(struct sock_filter);
	if (length > BPF_MAXINSNS)
		return FAIL_BECAUSE("reason the filter has %zu instructions, the kernel takes %d",
				    length, BPF_MAXINSNS);
	program->len = length;
	program->filter = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (program->filter == MAP_FAILED)
		return FAIL_BECAUSE("reason cannot read the filter: %s", strerror(errno));
	return true;
}

/* Prints the instructions of a filter as one line. */
static void print_filter(const struct sock_fprog *program)
{
	printf("filter ");
	for (size_t i = 0; i < program->len * sizeof(struct sock_filter); i++)
		printf("%02x", ((const unsigned char *)program->filter)[i]);
	putchar('\n');
}

static int trial(void)
{
	scmp_filter_ctx filter = NULL;
	struct sock_fprog program;
	/* Ends this process if the one that started it died: trial-load.ts waits less long. */
	alarm(30);
	if (!build(&filter, stdin) || !compile(filter, &program))
		return 1;
	fflush(stdout);
	/* The child may not be able to write once its filter is in place. */
	volatile int *answer =
		mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (answer == MAP_FAILED)
		return fail("cannot share memory", "");
	*answer = -1;
	pid_t child = fork();
	if (child < 0)
		return fail("cannot fork", "");
	if (child == 0) {
		struct rlimit none = { 0, 0 };
		setrlimit(RLIMIT_CORE, &none);
		*answer = load_filter(&program) == 0 ? 0 : errno;
		syscall(SYS_exit_group, 0);
		__builtin_trap(); /* the filter denies exit_group */
	}
	int status;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (*answer == 0) {
		print_filter(&program);
		return 0;
	}
	printf("reason the kernel rejected the filter: %s\n",
	       *answer > 0 ? strerror(*answer) : "the loading process died");
	return 1;
}

static int compile_only(void)
{
	scmp_filter_ctx filter = NULL;
	struct sock_fprog program;
	alarm(30);
	if (!build(&filter, stdin) || !compile(filter, &program))
		return 1;
	print_filter(&program);
	return 0;
}

/* ---- marker ---- */

/*
 * Prints its mount namespace and the number that it will call, and makes the calls when a byte comes. Without the rights
 * to a mount namespace of its own (a user namespace may bring them) it stays in Secco's own container, whose profile
 * allows getuid(2).
 */
static int marker(const char *text)
{
	unsigned long calls = strtoul(text, NULL, 10);
	char go;
	if (unshare(CLONE_NEWNS) != 0)
		(void)!unshare(CLONE_NEWUSER | CLONE_NEWNS);
	printf("%lu %d\n", own_mntns(), (int)SYS_getuid);
	fflush(stdout);
	if (read(STDIN_FILENO, &go, 1) != 1)
		return FAILED;
	if (allow_all() != 0)
		return fail("cannot install the filter", "");
	for (unsigned long i = 0; i < calls; i++)
		syscall(SYS_getuid);
	_exit(0);
}

int main(int count, char **args)
{
	if (count >= 2 && strcmp(args[1], "run") == 0)
		return run(count - 2, args + 2);
	if (count == 2 && strcmp(args[1], "trial") == 0)
		return trial();
	if (count == 2 && strcmp(args[1], "compile") == 0)
		return compile_only();
	if (count == 3 && strcmp(args[1], "marker") == 0)
		return marker(args[2]);
	fprintf(stderr, "secco-launcher: usage: secco-launcher run|trial|compile|marker …\n");
	return FAILED;
}
