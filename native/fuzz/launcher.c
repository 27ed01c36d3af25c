/* A profile in the lines of trial-load.ts, as libseccomp gets it. */
#define main launcher_main
#include "programs/launcher.c"
#undef main

#include "fuzz/entry.h"

/* libseccomp 2.5.4 loses nodes of its tree where rules overlap. The launcher ends after one profile. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libseccomp.so";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	scmp_filter_ctx filter = NULL;
	FILE *lines = size > 0 ? fmemopen((void *)data, size, "r") : NULL;
	if (!lines)
		return 0;
	(void)build(&filter, lines);
	fclose(lines);
	if (filter)
		seccomp_release(filter);
	return 0;
}
