/*
 * Asks libseccomp's own filter what it answers: builds a profile exactly as the launcher's trial does
 * (its lines on stdin, up to a line "asks"), and runs the kernel's instructions for each call after it:
 *   ARCH NR ARG0 ARG1 ARG2     ARCH as audit(7) numbers it
 * Prints "built MILLISECONDS INSTRUCTIONS", then the kernel's return value of each call in hex.
 */
#define main launcher_main
#include "../../native/programs/launcher.c"
#undef main

#include <stddef.h>
#include <time.h>

static uint32_t answer(const struct sock_fprog *program, const struct seccomp_data *data)
{
	uint32_t acc = 0, scratch[BPF_MEMWORDS] = { 0 };
	for (unsigned at = 0; at < program->len; at++) {
		const struct sock_filter *op = &program->filter[at];
		switch (op->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&acc, (const char *)data + op->k, sizeof(acc));
			break;
		case BPF_LD | BPF_MEM:
			acc = scratch[op->k];
			break;
		case BPF_ST:
			scratch[op->k] = acc;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			acc &= op->k;
			break;
		case BPF_JMP | BPF_JA:
			at += op->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at += acc == op->k ? op->jt : op->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			at += acc > op->k ? op->jt : op->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			at += acc >= op->k ? op->jt : op->jf;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			at += acc & op->k ? op->jt : op->jf;
			break;
		case BPF_RET | BPF_K:
			return op->k;
		default:
			fprintf(stderr, "instruction %#x is not known here\n", op->code);
			exit(2);
		}
	}
	exit(3);
}

static double now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

int main(void)
{
	char *text = NULL;
	size_t size = 0;
	if (getdelim(&text, &size, 0, stdin) <= 0)
		return 4;
	char *asks = strstr(text, "asks\n");
	if (!asks)
		return 4;
	*asks = 0;
	alarm(30);
	scmp_filter_ctx filter = NULL;
	struct sock_fprog program;
	double began = now_ms();
	FILE *lines = fmemopen(text, strlen(text), "r");
	if (!build(&filter, lines) || !compile(filter, &program))
		return 1;
	printf("built %.1f %u\n", now_ms() - began, program.len);
	char *rest = NULL;
	for (char *line = strtok_r(asks + 5, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		unsigned long long args[3];
		struct seccomp_data data = { 0 };
		if (sscanf(line, "%u %d %llu %llu %llu", &data.arch, &data.nr, &args[0], &args[1],
			   &args[2]) != 5)
			return 4;
		for (int i = 0; i < 3; i++)
			data.args[i] = args[i];
		printf("%x\n", answer(&program, &data));
	}
	/* And the kernel's own opinion of it, in a child that may not come back. */
	fflush(stdout);
	volatile int *loaded =
		mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child = fork();
	if (child == 0) {
		struct rlimit none = { 0, 0 };
		setrlimit(RLIMIT_CORE, &none);
		*loaded = load_filter(&program) == 0;
		syscall(SYS_exit_group, 0);
		__builtin_trap();
	}
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	printf("%s\n", *loaded ? "loaded" : "reason the kernel denied the filter");
	return *loaded ? 0 : 1;
}
