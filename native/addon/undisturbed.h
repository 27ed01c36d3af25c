/*
 * The verifier ends with EAGAIN when a signal is waiting for the thread that loads (libbpf tries five
 * times): a profiler's ticks or a busy child handler would fail the load. They wait until it is over.
 */
#pragma once

#include <bpf/libbpf.h>
#include <pthread.h>
#include <signal.h>

#ifdef __cplusplus
namespace {
#endif

/* As bpf_object__load(): 0, or an errno below 0. */
static inline int load_undisturbed(struct bpf_object *object) {
  sigset_t all, before;
  sigfillset(&all);
  const int held = pthread_sigmask(SIG_SETMASK, &all, &before);
  const int code = bpf_object__load(object);
  if (held == 0) pthread_sigmask(SIG_SETMASK, &before, NULL);
  return code;
}

#ifdef __cplusplus
}  // namespace
#endif
