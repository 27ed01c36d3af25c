/* What the iterator over tasks writes: heads and filters. */
#define main inspector_main
#include "programs/inspector.c"
#undef main

#include "fuzz/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *from = size > 0 ? fmemopen((void *)data, size, "r") : NULL;
	read_filters(from);
	if (from)
		fclose(from);
	while (filter_count > 0)
		free((void *)filters[--filter_count].bytes);
	return 0;
}
