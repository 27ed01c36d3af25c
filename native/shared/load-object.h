/* Loading of a BPF object by a thread that gets signals; for C and C++. */
#ifndef SECCO_LOAD_OBJECT_H
#define SECCO_LOAD_OBJECT_H

#include <bpf/libbpf.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>

/*
 * secco_load_object loads an object as bpf_object__load() does: 0, or a negative errno. Signals wait until it is
 * over: the verifier ends with EAGAIN when one is pending for its thread and libbpf tries five times only
 * (tools/lib/bpf/bpf.c), so a profiler's ticks or a busy SIGCHLD handler would fail the load.
 */
static inline int secco_load_object(struct bpf_object *object)
{
	sigset_t all, before;
	sigfillset(&all);
	const int held = pthread_sigmask(SIG_SETMASK, &all, &before);
	const int code = bpf_object__load(object);
	if (held == 0)
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code;
}

#endif
