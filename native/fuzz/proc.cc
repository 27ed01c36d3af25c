/* Texts of /proc: a process' name is in its stat file. */
#include "addon/processes/process-facts.cc"

#include <string>

#include "fuzz/entry.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const std::string text(reinterpret_cast<const char *>(data), size);
	(void)secco::start_time_in(text.c_str());
	(void)secco::mntns_in(text.c_str());
	return 0;
}
