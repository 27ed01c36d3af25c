/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What filters.bpf.c writes for each filter and inspector.c reads: a filter_head, then the instructions. */
#ifndef SECCO_FILTERS_H
#define SECCO_FILTERS_H

/* An iterator's output for one task has to fit into 32 KiB; filters of runtimes have some hundred instructions. */
enum { FILTER_BYTES = 24576, FILTERS_AT_MOST = 8, TASK_BYTES = 32768 };

struct filter_head {
	int pid;
	unsigned length; /* instructions; 0: it could not be read */
};

#endif
