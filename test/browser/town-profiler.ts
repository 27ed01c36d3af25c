import type { TraceUpdate } from '../../src/api/gen/satellite.js'
import type { Profiler, RunningTrace } from '../../webhook/ui/model/profiler.js'
import { hour, residents } from './residents.js'

const [checkout] = residents
const names = [...(checkout?.names ?? []), ...(checkout?.late ?? [])]

function seen(container: string, share: number, complete: boolean): TraceUpdate {
  const counts = Object.fromEntries(
    names
      .slice(0, Math.round(names.length * share))
      // Loops ask for a few calls, and now and then for the others.
      .map((name, at) => [name, Math.round(90_000 / (1 + ((at * 29 + 23) % 67)) ** 2) + 1])
  )
  return {
    ...{ traceId: container, container, complete, ended: false, lost: 0 },
    abis: [{ abi: 'x86_64', counts }]
  }
}

/** What came with the traffic came one after the other; the rest was there when the trace began. */
function firstSeen(update: TraceUpdate): Map<string, number> {
  const begun = Date.parse(hour('14:17:54'))
  return new Map(
    update.abis.flatMap(({ abi, counts }) =>
      Object.keys(counts).map((name, at): [string, number] => [
        `${abi} ${name}`,
        begun + (at < 41 ? 0 : (at - 40) * 4800)
      ])
    )
  )
}

const update = seen('checkout', 1, true)
const trace: RunningTrace = {
  ...{
    id: '1',
    container: 'checkout',
    by: 'dev-checkout',
    startedAt: Date.parse(hour('14:17:54'))
  },
  ...{ ended: false, problem: '', update, firstSeen: firstSeen(update) }
}

/** A satellite on the hub's machine: four containers, one of them traced. */
export const townProfiler: Profiler = {
  containers: () =>
    Promise.resolve([
      update,
      seen('storefront', 0.9, true),
      seen('invoices', 0.6, true),
      seen('redis', 0.8, false)
    ]),
  start: () => trace,
  find: (id) => (id === trace.id ? trace : undefined),
  list: () => [trace],
  stop: () => undefined,
  close: () => undefined
}
