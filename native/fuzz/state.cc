/* state.json of libcontainer, and the bundle's config.json that it names if there is such a file. */
#include "addon/state/runc-state.cc"

#include "fuzz/entry.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* As in StateWatch, which keeps one: its thread may outlive a run, and a check for leaks may come in between. */
	static secco::SharedTexts shared;
	static secco::RuncReading reading(&shared);
	struct stat about = {};
	const auto state = secco::parse_state({ reinterpret_cast<const char *>(data), size }, about,
					      "id", &reading);
	if (state && (state->pid == 0 || state->labels.size() > size))
		__builtin_trap();
	return 0;
}
