/* Exits 0 when none of the BPF programs with these ids exists. */
#include <bpf/bpf.h>
#include <stdlib.h>

int main(int count, char **args)
{
	for (int i = 1; i < count; i++)
		if (bpf_prog_get_fd_by_id(strtoul(args[i], 0, 10)) >= 0)
			return 1;
	return 0;
}
