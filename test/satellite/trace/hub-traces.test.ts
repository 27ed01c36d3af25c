import { type Test, test } from 'tap'
import { Observation, SyscallCount, type TraceCounts } from '../../../src/api/gen/hub.js'
import { createLogger } from '../../../src/lib/log.js'
import type { Clock } from '../../../src/lib/worker.js'
import { HubTraces, mostTraces } from '../../../satellite/trace/hub-traces.js'
import { quiet } from '../../helpers/quiet.js'
import { until } from '../../helpers/until.js'
import { observationOf } from '../../webhook/hub/rig.js'
import { matchLists } from '../../helpers/match-lists.js'

interface Waiting {
  at: number
  run: () => void
}

/** Time that passes when the test says so. */
class ManualClock implements Clock {
  #now = 0
  readonly #waiting = new Set<Waiting>()

  now(): number {
    return this.#now
  }

  setTimeout(run: () => void, ms: number): Waiting & { unref: () => void } {
    const timer = { at: this.#now + ms, run, unref: () => undefined }
    this.#waiting.add(timer)
    return timer
  }

  clearTimeout(timer: unknown): void {
    this.#waiting.delete(timer as Waiting)
  }

  async pass(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      const due = [...this.#waiting].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#now = Math.max(this.#now, due.at)
      this.#waiting.delete(due)
      due.run()
      // A run of the worker takes some turns of the event loop.
      for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    }
    this.#now = end
  }
}

type Counts = Record<string, number>

function observed(
  id: string,
  counts: Counts,
  more: Pick<Partial<Observation>, 'ended' | 'part'> & { denied?: SyscallCount[] } = {}
): Observation {
  const syscalls = Object.entries(counts).map(([name, count]) => ({ name, count }))
  return Observation.fromPartial({
    ...observationOf(`n/b/${id}`, []),
    ...{ container: { id, name: id }, abis: [{ abi: 'x86_64', syscalls }] },
    ...more
  })
}

function rig(t: Test) {
  const clock = new ManualClock()
  const sent: TraceCounts[] = []
  const state = { connected: true, holds: 0, live: [] as Observation[], read: 0 }
  const traces = new HubTraces({
    recording: {
      problem: '',
      losses: () => ({ tableFull: 0, recursionMisses: 0 }) as never,
      hold: () => {
        state.holds += 1
        return Promise.resolve(() => {
          state.holds -= 1
        })
      },
      current: (only = () => true) => {
        state.read += 1
        const wants = ({ container }: Observation) => only({ id: container?.id ?? '' } as never)
        return Promise.resolve(state.live.filter(wants))
      }
    },
    containers: () => state.live.map(({ container }) => ({ id: container?.id ?? '', pid: 7 })),
    send: (counts) => {
      if (state.connected) sent.push(counts)
      return state.connected
    },
    logger: createLogger('test', quiet),
    clock
  })
  t.teardown(() => traces.close())
  const start = (id: string, container = 'c1', leaseMs = 10_000) =>
    traces.start({ id, container, leaseMs })
  const next = () => until('a message', () => sent.shift())
  const totals = ({ calls }: TraceCounts): Counts =>
    Object.fromEntries(calls.map(({ name, count }) => [name, count]))
  return { clock, sent, state, traces, start, next, totals }
}

test('a trace sends what was denied, and tells what was denied on purpose from the rest', async (t) => {
  const { state, start, next } = rig(t)
  const denial = (name: string, expected: boolean) =>
    SyscallCount.fromPartial({
      ...{ name, count: 2, action: 'SCMP_ACT_ERRNO' },
      detail: { expected, comm: 'app' }
    })
  const denied = [denial('keyctl', false), denial('clone3', true)]
  state.live = [
    observed('c1', { keyctl: 2, clone3: 2 }, { denied }),
    observed('c1', { keyctl: 2 }, { denied: [denial('keyctl', false)], part: 'session' })
  ]
  start('a')
  t.same(
    (await next()).denied.map(({ name, count, detail }) => [name, count, detail?.expected]),
    [
      ['keyctl', 4, undefined],
      ['clone3', 2, true]
    ]
  )
})

test('a trace sends every count once, then what changed, and its last counts when it is stopped', async (t) => {
  const { clock, sent, state, traces, start, next, totals } = rig(t)
  state.live = [observed('c1', { read: 5, write: 2 }), observed('c2', { mount: 1 })]
  start('a')
  const first = await next()
  matchLists(t, first, {
    ...{ id: 'a', complete: true, ended: false, lost: 0, code: '', denied: [] }
  })
  t.same(totals(first), { read: 5, write: 2 }, 'its own container only')
  t.equal(state.holds, 1)

  state.live = [observed('c1', { read: 9, write: 2 })]
  await clock.pass(400)
  t.same(sent, [], 'not more often than twice a second')
  await clock.pass(100)
  t.same(totals(await next()), { read: 9 })
  await clock.pass(500)
  t.same(totals(await next()), {}, 'nothing changed: the hub knows that it goes on')

  state.live = [observed('c1', { read: 10, write: 2 })]
  traces.stop('a')
  const last = await next()
  matchLists(t, last, { ended: true, code: '', denied: [] })
  t.same(totals(last), { read: 10 })
  t.equal(state.holds, 0, 'the recorder may detach')
  t.equal(traces.running, 0)
  const before = state.read
  await clock.pass(60_000)
  t.equal(state.read, before, 'nothing is read any more')
})

test('the lease: renewed it goes on, else it ends', async (t) => {
  const { clock, state, traces, start, next } = rig(t)
  state.live = [observed('c1', { read: 1 })]
  start('a', 'c1', 3000)
  await next()
  for (let nth = 0; nth < 3; nth += 1) {
    await clock.pass(2500)
    start('a', 'c1', 3000)
  }
  t.equal(traces.running, 1, 'longer than one lease')
  await clock.pass(3600)
  t.equal(traces.running, 0)
  t.equal(state.holds, 0)
})

test('a new stream: the same trace, every count again', async (t) => {
  const { clock, sent, state, traces, start, totals } = rig(t)
  state.live = [observed('c1', { read: 1, close: 1 })]
  start('a')
  await clock.pass(600)
  state.connected = false
  state.live = [observed('c1', { read: 7, close: 1 })]
  await clock.pass(2000)
  state.connected = true
  traces.welcome()
  start('a')
  sent.length = 0
  await clock.pass(500)
  t.same(sent.map(totals), [{ read: 7, close: 1 }])
  t.equal(state.holds, 1, 'it is the same trace')
})

test('probes that end between two readings count, sessions of people do not', async (t) => {
  const { clock, sent, state, traces, start, next, totals } = rig(t)
  state.live = [observed('c1', { read: 1 })]
  start('a')
  await next()
  traces.observed(observed('c1', { getsid: 3 }, { ended: true, part: 'probe' }))
  traces.observed(observed('c1', { getsid: 3 }, { ended: true, part: 'probe' }))
  traces.observed(observed('c1', { mount: 3 }, { ended: true, part: 'session' }))
  traces.observed(observed('c2', { chroot: 3 }, { ended: true, part: 'probe' }))
  await clock.pass(500)
  t.same(sent.map(totals), [{ getsid: 6 }])
})

test('the end of the container is the end of the trace, also for a hub that was away', async (t) => {
  const { clock, sent, state, traces, start, next, totals } = rig(t)
  state.live = [observed('c1', { read: 1 })]
  start('a')
  await next()
  state.connected = false
  traces.observed(observed('c1', { read: 4, exit_group: 1 }, { ended: true }))
  state.live = []
  await clock.pass(500)
  t.equal(traces.running, 0)
  state.connected = true
  traces.welcome()
  start('a')
  matchLists(t, sent, [{ id: 'a', ended: true, code: '' }])
  t.same(sent.map(totals), [{ read: 4, exit_group: 1 }])
})

test('what cannot be traced', async (t) => {
  const { clock, sent, state, traces, start, next } = rig(t)
  start('a', 'nobody')
  t.match(await next(), { id: 'a', ended: true, code: 'CONTAINER_NOT_FOUND' })
  state.live = [observed('c1', { read: 1 })]
  for (let nth = 0; nth < mostTraces; nth += 1) start(`b${nth}`)
  await clock.pass(500)
  t.equal(new Set(sent.map(({ id }) => id)).size, mostTraces, 'all of them count')
  sent.length = 0
  start('c')
  matchLists(t, sent, [{ id: 'c', ended: true, code: 'UNAVAILABLE', message: /20 traces/ }])
  t.equal(traces.running, mostTraces)
})
