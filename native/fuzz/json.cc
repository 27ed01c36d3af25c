/* Slices of JSON: what is cut out lies in the text, and what is a number or a plain string is one. */
#include "addon/state/json-slices.h"

#include <stdlib.h>

#include "fuzz/entry.h"

namespace
{

bool is_inside(std::string_view part, std::string_view text)
{
	return part.empty() || (part.data() >= text.data() &&
				part.data() + part.size() <= text.data() + text.size());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const std::string_view text(reinterpret_cast<const char *>(data), size);
	const std::string_view key = text.substr(0, text.find(' '));
	const std::string_view rest = text.substr(key.size());
	const std::string_view value = secco::JsonSlices::of(rest, key);
	const std::string_view last = secco::JsonSlices::last_item(rest, key);
	if (!is_inside(value, rest) || !is_inside(last, rest))
		abort();
	if (secco::JsonSlices::plain(last).size() > size)
		abort();
	(void)secco::JsonSlices::number(value);
	(void)secco::JsonSlices::number(rest);
	return 0;
}
