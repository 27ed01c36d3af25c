/* Pins a header of another release: `pin-header FOLDER VERSION SLOTS SLOT_BYTES` (native/addon/pins/pin-header.h). */
#include <bpf/bpf.h>
#include <stdlib.h>
#include <unistd.h>

int main(int count, char **args)
{
	__u32 header[3], zero = 0;
	if (count < 5 || chdir(args[1]))
		return 2;
	for (int i = 0; i < 3; i++)
		header[i] = strtoul(args[2 + i], NULL, 10);
	int map =
		bpf_map_create(BPF_MAP_TYPE_ARRAY, "header", sizeof(zero), sizeof(header), 1, NULL);
	return map < 0 || bpf_map_update_elem(map, &zero, header, BPF_ANY) ||
	       bpf_obj_pin(map, "header");
}
