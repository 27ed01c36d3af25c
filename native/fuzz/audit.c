/* Audit records from netlink: the kernel writes them, with names that processes chose. */
#define main audit_reader_main
#include "programs/audit-reader.c"
#undef main

#include "fuzz/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char message[MESSAGE_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
	size_t length = size < sizeof(message) ? size : sizeof(message);
	if (length > 0)
		memcpy(message, data, length);
	print(message, length);
	return 0;
}
