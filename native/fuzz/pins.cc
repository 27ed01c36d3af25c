/* The pins of another release: their header says where the fields of a slot are. The maps' contents are the input. */
#include "addon/pins/pin-header.cc"

#include "fuzz/entry.h"

namespace
{

const uint8_t *input;
size_t left;
/* Of the map that was asked last: maps are read one after the other. */
size_t value_bytes;

/* Takes bytes from the input; zeros after its end. */
void take(void *into, size_t bytes)
{
	const size_t some = std::min(bytes, left);
	memset(into, 0, bytes);
	if (some > 0)
		memcpy(into, input, some);
	input += some;
	left -= some;
}

} // namespace

/* The kernel's side. A descriptor that nobody has: close(2) fails. */
int bpf_obj_get(const char *)
{
	return 1 << 20;
}

int bpf_obj_get_info_by_fd(int, void *info, __u32 *)
{
	auto *map = static_cast<struct bpf_map_info *>(info);
	__u8 sizes[3];
	take(sizes, sizeof(sizes));
	map->key_size = sizes[0] % 8;
	map->value_size = sizes[1];
	map->max_entries = sizes[2];
	value_bytes = map->value_size;
	return 0;
}

int bpf_map_lookup_elem(int, const void *, void *value)
{
	/* The caller made room for what the information said. */
	const bool is_there = left > 0;
	take(value, value_bytes);
	return is_there ? 0 : -1;
}

int bpf_map_create(enum bpf_map_type, const char *, __u32, __u32, __u32,
		   const struct bpf_map_create_opts *)
{
	return -1;
}
int bpf_map_update_elem(int, const void *, const void *, __u64)
{
	return -1;
}
int bpf_obj_pin(int, const char *)
{
	return -1;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input = data;
	left = size;
	try {
		(void)secco::containers_in("/pins");
	} catch (const secco::Failure &) {
		/* The pins cannot be read. */
	}
	return 0;
}
