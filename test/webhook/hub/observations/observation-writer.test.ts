import { mock } from 'node:test'
import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { SeccoError } from '../../../../src/lib/errors.js'
import { createLogger } from '../../../../src/lib/log.js'
import { namespaceField, type Store } from '../../../../src/store/store.js'
import { clusterTiming, defaultTiming } from '../../../../webhook/hub/hub-timing.js'
import { ObservationWriter } from '../../../../webhook/hub/observations/observation-writer.js'
import { readObservation } from '../../../../webhook/hub/observations/read-observation.js'
import { collectLog, observationOf } from '../rig.js'

const silent = createLogger('test', collectLogStream())

function collectLogStream() {
  return { write: () => undefined }
}

test('fifty instances of one workload cost the API server tens of writes in a day', async (t) => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.parse('2026-11-24T00:00:00Z') })
  t.teardown(() => mock.timers.reset())
  let profile: SeccompProfile | undefined
  const writes: number[] = []
  const store = {
    apply: (_kind: string, object: SeccompProfile) => {
      profile = object
      writes.push(Date.now())
      return Promise.resolve(object)
    },
    update: (_kind: string, _ref: unknown, change: (object: SeccompProfile) => SeccompProfile) => {
      if (profile === undefined) return Promise.reject(new SeccoError('NOT_FOUND', 'none'))
      const after = change(profile)
      if (after !== profile) writes.push(Date.now())
      profile = after
      return Promise.resolve(after)
    }
  } as unknown as Store
  const intake = new ObservationWriter(
    store,
    silent,
    { ...clusterTiming, retryMs: 1000 },
    () => profile
  )
  const began = Date.now()
  const day = 86_400_000
  const names = Array.from({ length: 90 }, (_, at) => `call_${at}`)
  let uploads = 0
  let acked = 0
  let unwritten = 0

  /** What instance `i` has used by `age`: most of it in its first three seconds, some later, one rare call in the evening. */
  const usedBy = (i: number, age: number): string[] =>
    names
      .slice(0, Math.min(60, 10 + Math.floor(age / 60)))
      .concat(
        names.slice(60, 60 + Math.min(15, Math.floor(age / 600_000))),
        age > day * 0.7 && i === 7 ? names.slice(80, 84) : []
      )
  const upload = (i: number, age: number): void => {
    uploads += 1
    const observation = observationOf(`i${i}`, usedBy(i, age), {
      sequence: uploads,
      lastSeen: new Date().toISOString()
    })
    const finding = readObservation(observation, 'n1')
    if (typeof finding === 'string') throw new Error(finding)
    intake.offer('n1', finding, () => {
      acked += 1
      if (
        !(finding.set.x86_64 ?? []).every((name) =>
          profile?.status?.observed?.x86_64?.includes(name)
        )
      )
        unwritten += 1
    })
  }
  // Twenty at once, the others over the day; each uploads quickly at first, then each half a minute.
  const starts = Array.from({ length: 50 }, (_, i) => (i < 20 ? i * 40 : (i - 19) * 2_500_000))
  const due = starts.map((start) => start)
  for (let at = 0; at <= day; ) {
    for (let i = 0; i < 50; i += 1) {
      const next = due[i] ?? day
      if (next > at) continue
      const age = at - (starts[i] ?? 0)
      upload(i, age)
      due[i] = at + (age < 4000 ? 200 : 60_000)
    }
    const to = Math.max(at + 50, Math.min(...due))
    mock.timers.tick(to - at)
    // Writes are promises: they go on between two moments.
    for (let turn = 0; turn < 12; turn += 1) await Promise.resolve()
    at = to
  }
  await intake.close()
  t.ok(uploads > 40_000, `${uploads} uploads`)
  t.ok(writes.length <= 60, `${writes.length} writes in a day of fifty instances`)
  t.comment(`${uploads} uploads, ${writes.length} writes`)
  const first = writes.find((at) => at > began) ?? 0
  t.ok(first - began <= 250, `the first syscalls are there after ${first - began} ms`)
  const evening = writes.filter((at) => at - began > day * 0.7)
  t.ok(
    evening.length > 0 && (evening[0] ?? 0) - began - day * 0.7 < 600_000,
    'a new call in the evening is there within minutes'
  )
  t.equal(unwritten, 0, 'nothing is acked before it is durable')
  t.ok(acked > 0)
  t.equal(profile?.status?.observed?.x86_64?.length, 79)
  t.equal(profile?.status?.instances?.length, 50)
  t.end()
})

test('a failed write is repeated after a wait that doubles, up to half a minute', async (t) => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.parse('2026-11-24T00:00:00Z') })
  t.teardown(() => mock.timers.reset())
  const tries: number[] = []
  let isFull = true
  const update = (
    _kind: string,
    _ref: unknown,
    change: (one: SeccompProfile) => SeccompProfile
  ) => {
    tries.push(Date.now())
    if (isFull) return Promise.reject(new SeccoError('WRITE_FAILED', 'no space'))
    return Promise.resolve(
      change({
        ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
        ...{ metadata: { namespace: 'default', name: 'web' }, spec: {} }
      })
    )
  }
  const timing = { ...defaultTiming, coalesceMs: 0, retryMs: 1000 }
  const writer = new ObservationWriter({ update } as unknown as Store, silent, timing)
  const finding = readObservation(observationOf('n/b/1', ['read']), 'n')
  if (typeof finding === 'string') throw new Error(finding)
  let stored = 0
  writer.offer('n', finding, () => (stored += 1))
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 500) {
      mock.timers.tick(500)
      for (let turn = 0; turn < 5; turn += 1) await new Promise((wake) => setImmediate(wake))
    }
  }
  await pass(200_000)
  const waits = tries.slice(1).map((at, nth) => (at - (tries[nth] ?? 0)) / 1000)
  t.same(waits.slice(0, 7), [1, 2, 4, 8, 16, 30, 30])
  t.equal(stored, 0, 'nothing is acked')
  isFull = false
  await pass(31_000)
  t.equal(stored, 1)
  const after = tries.length
  await pass(60_000)
  t.equal(tries.length, after, 'it is written once')
  await writer.close()
})

test('what was observed in a namespace that is gone is not kept, and no error', async (t) => {
  const lines: string[] = []
  const write = (line: string) => void lines.push(line)
  const logger = createLogger('test', { write })
  const isLogged = () => lines.some((line) => line.includes('observations not written'))
  const error = new SeccoError('NOT_FOUND', 'namespaces "shop" not found', {
    field: namespaceField
  })
  // A writer that tries again is let off then, so that the test ends.
  const gone = () => (isLogged() ? Promise.resolve() : Promise.reject(error))
  const store = { apply: gone, update: gone } as unknown as Store
  const timing = { ...defaultTiming, retryMs: 1 }
  const writer = new ObservationWriter(store, logger, timing, () => undefined)
  const finding = readObservation(observationOf('i', ['read']), 'n1')
  if (typeof finding === 'string') throw new Error(finding)
  await new Promise<void>((resolve) => writer.offer('n1', finding, resolve))
  t.notOk(isLogged(), lines.join(''))
  t.match(lines.join(''), /observations dropped: the namespace is gone/)
  await writer.close()
})

test('what was observed is kept while the API server does not know the kind, or the profile is deleted', async (t) => {
  const { logger, seen } = collectLog()
  let isGone = true
  const gone = () =>
    isGone
      ? Promise.reject(
          new SeccoError('NOT_FOUND', 'the server could not find the requested resource')
        )
      : Promise.resolve()
  const store = { apply: gone, update: gone } as unknown as Store
  const timing = { ...defaultTiming, retryMs: 1 }
  const writer = new ObservationWriter(store, logger, timing, () => undefined)
  t.teardown(() => writer.close())
  const finding = readObservation(observationOf('i', ['read']), 'n1')
  if (typeof finding === 'string') throw new Error(finding)
  let isStored = false
  const stored = new Promise<void>((resolve) => {
    writer.offer('n1', finding, () => {
      isStored = true
      resolve()
    })
  })
  await seen(/observations not written/)
  t.notOk(isStored, 'it is not acked')
  isGone = false
  await stored
})
