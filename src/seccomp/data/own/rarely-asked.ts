/** Calls that our programs may come to and that a measured run does not have to show. */
interface RareCall {
  readonly name: string
  /** Only this program; default: both. */
  readonly program?: 'satellite' | 'webhook'
  readonly reason: string
}

/** All but perf_event_open are in RuntimeDefault; that one is what CAP_PERFMON is for. */
export const rarelyAsked: readonly RareCall[] = [
  { name: 'fdatasync', reason: 'durable files' },
  { name: 'membarrier', reason: 'V8, before it frees code' },
  { name: 'mremap', reason: 'realloc(3) of large blocks' },
  {
    name: 'perf_event_open',
    program: 'satellite',
    reason: 'libbpf attaches to tracepoints by it, where a kernel refuses tp_btf'
  },
  { name: 'setitimer', program: 'satellite', reason: 'alarm(3) where there is no such call: arm64' }
]
