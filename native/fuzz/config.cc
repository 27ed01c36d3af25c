/* config.json of a bundle (OCI runtime-spec), which the author of a container influences most. */
#include "addon/state/runc-state.cc"

#include "fuzz/entry.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	secco::SharedTexts shared;
	secco::RuncState state;
	secco::parse_config({ reinterpret_cast<const char *>(data), size }, &state, &shared);
	if (state.annotations.size() + state.bounding.size() + state.masked.size() > size)
		__builtin_trap();
	if (state.seccomp && state.seccomp->text.front() != '{')
		__builtin_trap();
	return 0;
}
