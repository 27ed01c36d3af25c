/** Syscalls that our programs may make and that a measured run may not show. */
interface RareCall {
  readonly name: string
  /** Only this program; default: both. */
  readonly program?: 'satellite' | 'webhook'
  readonly reason: string
}

/** All but perf_event_open are in RuntimeDefault; that one is what CAP_PERFMON is for. */
export const rarelyCalled: readonly RareCall[] = [
  { name: 'fdatasync', reason: 'durable files' },
  { name: 'membarrier', reason: 'V8, before it frees code' },
  { name: 'mremap', reason: 'realloc(3) of large blocks' },
  {
    name: 'perf_event_open',
    program: 'satellite',
    reason: 'libbpf attaches to tracepoints with it where a kernel rejects tp_btf'
  },
  {
    name: 'setitimer',
    program: 'satellite',
    reason: 'alarm(3) on ABIs without a syscall alarm: arm64'
  },
  {
    name: 'utimensat',
    program: 'satellite',
    reason: "a file's time says until when it recorded"
  }
]
