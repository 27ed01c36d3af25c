/* cgroup.procs: the numbers of a text of lines. */
#include "addon/processes/cgroup-members.cc"

#include "fuzz/entry.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const std::string text(reinterpret_cast<const char *>(data), size);
	if (secco::numbers_in(text).size() > size)
		__builtin_trap();
	return 0;
}
