import type { RunningTrace } from '../../webhook/hub/traces/trace.js'
import type { Profiler } from '../../webhook/ui/model/profiler.js'
import { hour, residents } from './residents.js'

const [checkout] = residents
const names = [...(checkout?.names ?? []), ...(checkout?.late ?? [])]
const startedAt = Date.parse(hour('14:17:54'))
/** Calls that were made before the trace started; the others came with the traffic, one after the other. */
const early = 41

const calls = names.map((name, at) => {
  // Loops ask for a few calls, and now and then for the others.
  const since = Math.round(90_000 / (1 + ((at * 29 + 23) % 67)) ** 2) + 1
  const before = at < early
  return {
    ...{ abi: 'x86_64', name, since, before },
    total: before ? since * 7 : since,
    rate: since > 1000 ? since / 90 : 0,
    firstSeen: startedAt + (before ? 0 : (at - 40) * 4800)
  }
})

const trace: RunningTrace = {
  id: '1',
  target: {
    ...{ key: 'node-1/checkout@1', node: 'node-1', id: 'c'.repeat(64), namespace: 'default' },
    ...{ workload: 'Container/checkout', pod: '', name: 'checkout', image: 'checkout:3' },
    ...{ state: 'runtime-default', profile: 'default/checkout' }
  },
  ...{ by: 'dev-checkout', startedAt, ended: false, problem: '', connected: true },
  ...{ complete: true, lost: 0, denied: [] },
  rate: 1100,
  rates: Array.from({ length: 60 }, (_, at) => 900 + ((at * 137) % 400)),
  calls: () => calls
}

/** A hub with one trace that runs. */
export const townProfiler: Profiler = {
  start: () => Promise.resolve(trace),
  find: (id) => (id === trace.id ? trace : undefined),
  list: () => [trace],
  watch: () => () => undefined,
  stop: () => Promise.resolve()
}
