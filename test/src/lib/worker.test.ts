import { setImmediate } from 'node:timers/promises'
import { test } from 'tap'
import { type Clock, Worker, type WorkerOptions } from '../../../src/lib/worker.js'

interface Alarm {
  at: number
  callback: () => void
  unref(): void
}

/** A clock that stands still between calls of `advance`. */
class FakeClock implements Clock {
  #now = 0
  readonly #alarms = new Set<Alarm>()
  unrefs = 0

  now(): number {
    return this.#now
  }

  setTimeout(callback: () => void, ms: number): Alarm {
    const alarm = { at: this.#now + ms, callback, unref: () => void (this.unrefs += 1) }
    this.#alarms.add(alarm)
    return alarm
  }

  clearTimeout(alarm: Alarm | undefined): void {
    if (alarm !== undefined) this.#alarms.delete(alarm)
  }

  get pending(): number {
    return this.#alarms.size
  }

  /** Fires everything that is due within `ms`, in order; promises settle after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      const [first] = [...this.#alarms].sort((a, b) => a.at - b.at)
      if (first === undefined || first.at > end) break
      this.#now = first.at
      this.#alarms.delete(first)
      first.callback()
      await setImmediate()
    }
    this.#now = end
    await setImmediate()
  }
}

/** A worker whose runs last until they are ended by hand, unless `instant`. */
function rig(options: Partial<WorkerOptions> = {}, instant = true) {
  const clock = new FakeClock()
  const startedAt: number[] = []
  const errors: string[] = []
  const open: ((error?: Error) => void)[] = []
  let failing = 0
  const run = (): Promise<void> | undefined => {
    startedAt.push(clock.now())
    if (failing > 0) {
      failing -= 1
      throw new Error('disk full')
    }
    if (instant) return undefined
    return new Promise((resolve, reject) => {
      open.push((error) => (error === undefined ? resolve() : reject(error)))
    })
  }
  const worker = new Worker(run, {
    onError: (error) => errors.push(String(error)),
    clock,
    ...options
  })
  return {
    ...{ worker, clock, startedAt, errors },
    end: async (error?: Error) => {
      open.shift()?.(error)
      await setImmediate()
    },
    fail: (times: number) => {
      failing = times
    }
  }
}

test('when requests lead to runs', async (t) => {
  type Step = { wait: number } | { request: number | undefined }
  const wait = (ms: number): Step => ({ wait: ms })
  const request = (ms?: number): Step => ({ request: ms })
  const table: [string, Partial<WorkerOptions>, Step[], number[]][] = [
    ['no request, no run', { delayMs: 10 }, [wait(100)], []],
    ['requests are collected', { delayMs: 10 }, [request(), wait(5), request(), wait(50)], [10]],
    ['a run per collection', { delayMs: 10 }, [request(), wait(20), request(), wait(50)], [10, 30]],
    ['without a delay: at once', {}, [request(), wait(0)], [0]],
    ['an earlier request counts', { delayMs: 50 }, [request(), request(5), wait(90)], [5]],
    ['a later one does not', { delayMs: 5 }, [request(), request(50), wait(90)], [5]],
    [
      'debounced: after the last request',
      { delayMs: 10, maxDelayMs: 100 },
      [request(), wait(8), request(), wait(8), request(), wait(50)],
      [26]
    ],
    [
      'debounced: bounded after the first',
      { delayMs: 10, maxDelayMs: 15 },
      [request(), wait(8), request(), wait(6), request(), wait(50)],
      [15]
    ],
    ['polled', { everyMs: 20 }, [wait(65)], [20, 40, 60]],
    ['polled and asked', { everyMs: 20 }, [wait(5), request(), wait(20)], [5, 20]]
  ]
  for (const [what, options, steps, expected] of table) {
    const { worker, clock, startedAt } = rig(options)
    for (const step of steps) {
      if ('wait' in step) await clock.advance(step.wait)
      else worker.request(step.request)
    }
    t.same(startedAt, expected, what)
    await worker.close()
    t.equal(clock.pending, 0, `${what}: nothing is left after close`)
  }
})

test('one run at a time; a request during a run leads to one more', async (t) => {
  const { worker, clock, startedAt, end } = rig({ delayMs: 1 }, false)
  worker.request()
  await clock.advance(1)
  worker.request()
  await clock.advance(10)
  worker.request()
  await clock.advance(10)
  t.same(startedAt, [1], 'the first one is still under way')
  t.equal(worker.busy, true)
  await end()
  t.same(startedAt, [1, 21], 'both requests are one run')
  await end()
  await clock.advance(100)
  t.same(startedAt, [1, 21])
  t.equal(worker.busy, false)
})

test('runNow runs in any case, and callers during a run share the next one', async (t) => {
  const { worker, clock, startedAt, end } = rig({ delayMs: 50 }, false)
  worker.request()
  const ended: string[] = []
  const first = worker.runNow().then(() => ended.push('first'))
  const second = worker.runNow().then(() => ended.push('second'))
  const third = worker.runNow().then(() => ended.push('third'))
  t.same(startedAt, [0], 'at once, without a turn of the event loop')
  await end()
  await first
  t.same(ended, ['first'])
  t.same(startedAt, [0, 0])
  await end()
  await Promise.all([second, third])
  await clock.advance(100)
  t.same(startedAt, [0, 0], 'the request before is satisfied')
})

test('flush runs what was requested, and waits', async (t) => {
  const { worker, clock, startedAt, end } = rig({ delayMs: 50 }, false)
  await worker.flush()
  t.same(startedAt, [], 'nothing was requested')
  worker.request()
  const flushed = worker.flush()
  await clock.advance(5)
  worker.request()
  const again = worker.flush()
  await end()
  await flushed
  t.same(startedAt, [0, 5])
  let settled = false
  const waiting = Promise.all([again, worker.settled(), worker.flush()]).then(
    () => (settled = true)
  )
  await setImmediate()
  t.equal(settled, false, 'the second run is under way')
  await end()
  await waiting
  t.same(startedAt, [0, 5])
})

test('a failure is reported and retried with a growing delay', async (t) => {
  const { worker, clock, startedAt, errors, fail } = rig({ retry: { firstMs: 10, mostMs: 35 } })
  fail(4)
  await worker.runNow()
  worker.request()
  await clock.advance(9)
  t.same(startedAt, [0], 'a request does not shorten the delay')
  await clock.advance(200)
  t.same(startedAt, [0, 10, 30, 65, 100], '10, 20, then 35 at most')
  t.same(errors, Array(4).fill('Error: disk full'))
  fail(1)
  await worker.runNow()
  await clock.advance(10)
  t.same(startedAt.slice(5), [209, 219], 'a success resets the delay')
})

test('a run that follows a failed one is its retry', async (t) => {
  const { worker, clock, startedAt, end } = rig({ retry: { firstMs: 10, mostMs: 10 } }, false)
  void worker.runNow()
  void worker.runNow()
  await end(new Error('disk full'))
  await end()
  await clock.advance(50)
  t.same(startedAt, [0, 0])
  t.equal(worker.busy, false)
})

test('what else follows a failure', async (t) => {
  const table: [string, Partial<WorkerOptions>, (worker: Worker) => unknown, number[]][] = [
    ['without retry: nothing', {}, () => undefined, [0]],
    ['without retry: the next request', {}, (worker) => worker.request(7), [0, 7]],
    [
      'flush does not wait for the delay',
      { retry: { firstMs: 10, mostMs: 10 } },
      (w) => w.flush(),
      [0, 0]
    ],
    [
      'polling waits for the retry',
      { everyMs: 5, retry: { firstMs: 12, mostMs: 12 } },
      () => 0,
      [0, 12, 15]
    ],
    ['nothing after close', { everyMs: 5, retry: { firstMs: 3, mostMs: 3 } }, (w) => w.close(), [0]]
  ]
  for (const [what, options, act, expected] of table) {
    const { worker, clock, startedAt, fail } = rig(options)
    fail(1)
    await worker.runNow()
    await act(worker)
    await clock.advance(18)
    t.same(startedAt, expected, what)
    await worker.close()
  }
})

test('close drops what was requested and waits for the current run', async (t) => {
  const { worker, clock, startedAt, errors, end } = rig(
    { everyMs: 5, unref: true, retry: { firstMs: 1, mostMs: 1 } },
    false
  )
  void worker.runNow()
  const following = worker.runNow()
  worker.request()
  let closed = false
  const closing = worker.close().then(() => (closed = true))
  await clock.advance(50)
  t.equal(closed, false)
  await end(new Error('cut'))
  await Promise.all([closing, following])
  t.same(errors, ['Error: cut'])
  await worker.runNow()
  worker.request()
  await worker.flush()
  await clock.advance(50)
  t.same(startedAt, [0], 'neither the following run, nor a retry, nor a poll')
  t.equal(clock.pending, 0)
})

test('which timers keep the process alive', async (t) => {
  const table: [string, Partial<WorkerOptions>, number][] = [
    ['a request does', {}, 0],
    ['with unref it does not', { unref: true }, 1],
    ['a poll does not', { everyMs: 50 }, 1]
  ]
  for (const [what, options, unrefs] of table) {
    const { worker, clock } = rig(options)
    worker.request(10)
    t.equal(clock.unrefs, unrefs, what)
    await worker.close()
  }
})

test('the real clock', async (t) => {
  let runs = 0
  const onError = (error: unknown) => t.fail(String(error))
  const worker = new Worker(() => (runs += 1), {
    delayMs: 1,
    everyMs: 1000,
    unref: true,
    onError
  })
  worker.request()
  await t.resolves(
    new Promise<void>((resolve) => {
      const other = new Worker(resolve, { delayMs: 20, onError })
      other.request()
    })
  )
  await worker.close()
  t.equal(runs, 1)
})
