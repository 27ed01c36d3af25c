import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { t, test } from 'tap'
import { openRecorder, probeTracing } from '../../../../native/recorder.js'
import { openRegistry } from '../../../../satellite/containers/registry.js'
import type { Container } from '../../../../satellite/containers/runtime.js'
import { EndedSlots } from '../../../../satellite/recorder/slots/ended-slots.js'
import { startRecorderLoop } from '../../../../satellite/recorder/recorder-loop.js'
import { type TrackedSlot, trackSlot } from '../../../../satellite/recorder/slots/tracked-slot.js'
import type { Observation } from '../../../../src/api/gen/hub.js'
import { createLogger } from '../../../../src/lib/log.js'
import { quiet } from '../../../helpers/quiet.js'
import { until } from '../../../helpers/until.js'

function ended(index: number): TrackedSlot {
  const slot = { index, generation: 1, mntns: index, ignored: false, pid: 0 }
  return trackSlot(slot as unknown as TrackedSlot['slot'], 0, 0, { inexact: false, lostBefore: 0 })
}

test('a slot is freed when its last observation is durable, and only so many wait', async (t) => {
  const freed: number[] = []
  const asked: (() => void)[] = []
  const ends = new EndedSlots({
    durable: () => new Promise<void>((resolve) => asked.push(resolve)),
    free: (one) => freed.push(one.slot.index),
    logger: createLogger('test', quiet)
  })
  const state = { added: 0 }
  const adding = (async () => {
    for (let index = 0; index < 1000; index += 1) {
      await ends.add(ended(index))
      state.added += 1
    }
  })()
  await until('the first to be waited for', () => (asked.length === 1 ? true : undefined))
  t.equal(state.added, 255, 'the next one waits for the disk')
  t.same(freed, [])
  while (freed.length < 1000) {
    const next = asked.shift()
    if (next === undefined) {
      await new Promise((resolve) => setImmediate(resolve))
      if (state.added === 1000) void ends.free()
    } else next()
  }
  await adding
  t.same(
    freed,
    Array.from({ length: 1000 }, (_, index) => index),
    'each once'
  )
})

test('slots stay while their observations are not durable', async (t) => {
  const freed: number[] = []
  let broken = true
  const ends = new EndedSlots({
    durable: () => (broken ? Promise.reject(new Error('injected: no space')) : Promise.resolve()),
    free: (one) => freed.push(one.slot.index),
    logger: createLogger('test', quiet)
  })
  await ends.add(ended(1))
  await ends.free()
  t.same(freed, [])
  await ends.add({ ...ended(2), ignored: true })
  t.same(freed, [2], 'ignored slots are freed at once')
  broken = false
  await ends.free()
  t.same(freed, [2, 1])
})

const probe = probeTracing()

t.setTimeout(300_000)

test('a satellite that finds thousands of ended containers stays responsive', {
  skip: probe.available ? false : (probe.reason ?? 'nothing can be traced'),
  timeout: 300_000
}, async (t) => {
  const count = 3000
  // About as many as a registry remembers after their end.
  const named = 1000
  const recorder = openRecorder({ slots: 4096 })
  t.teardown(() => recorder.stop())
  const child = spawn('sleep', ['600'])
  // No process has these mount namespaces: the containers have ended.
  for (let at = 0; at < count; at += 1)
    recorder.adopt(1_000_000 + at, BigInt(10_000_000 + at), child.pid ?? 0)
  child.kill('SIGKILL')
  await once(child, 'close')
  t.equal(recorder.slots().length, count)
  const seen = new Set<string>()
  // Thousands of real containers would take minutes to end; these are described as runc leaves them.
  const all = Array.from({ length: named }, (_, at): Container => {
    const id = at.toString(16).padStart(64, '0')
    const names = { id, name: id, runtime: 'runc', labels: {}, cgroupId: BigInt(10_000_000 + at) }
    return { ...names, pid: 0, status: 'stopped' }
  })
  const registry = openRegistry(
    [
      {
        name: 'runc',
        list: () => Promise.resolve(all),
        byId: (wanted) => Promise.resolve(all.find(({ id }) => id === wanted)),
        version: () => Promise.resolve('')
      }
    ],
    createLogger('test', quiet)
  )
  await registry.refresh()
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const began = performance.now()
  delay.enable()
  const loop = await startRecorderLoop({
    ...{ recorder, registry, node: 'n1', bootId: 'boot', machine: 'x86_64' as const },
    logger: createLogger('test', quiet),
    onObservation: (one: Observation) => seen.add(one.id),
    selfTest: false,
    attach: false
  })
  await until('every slot to be free', () => (recorder.slots().length === 0 ? true : undefined), {
    timeoutMs: 100_000
  })
  const tookMs = performance.now() - began
  delay.disable()
  const longestMs = delay.max / 1e6
  t.ok(longestMs < tookMs / 5, `${longestMs.toFixed(0)} ms at most of ${tookMs.toFixed(0)} ms`)
  t.comment(`${seen.size} observations; losses ${JSON.stringify(loop.losses())}`)
  t.equal(seen.size, named, 'each identified one is reported')
  await loop.stop()
  registry.close()
})
