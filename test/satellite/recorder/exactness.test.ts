import { test } from 'tap'
import type { SelfTest } from '../../../native/types.js'
import { cgroupMode } from '../../../satellite/lib/cgroup-mode.js'
import { openRegistry } from '../../../satellite/containers/registry.js'
import { createExactness, type Exactness } from '../../../satellite/recorder/exactness.js'
import { startRecorderLoop } from '../../../satellite/recorder/recorder-loop.js'
import type { Observation } from '../../../src/api/gen/hub.js'
import { createLogger } from '../../../src/lib/log.js'
import { quiet } from '../../helpers/quiet.js'
import { oneSlot } from '../one-slot.js'

const good: SelfTest = { expected: 1000, counted: 1000, ok: true }
const bad: SelfTest = { expected: 1000, counted: 993, ok: false }

test('exactness', (t) => {
  const minute = 60_000
  const table: [string, (x: Exactness) => void, object | undefined, boolean][] = [
    ['before the first test', () => undefined, undefined, true],
    ['passed', (x) => x.noteTest(good, 0, 1), { status: 'True', reason: 'SelfTestPassed' }, true],
    [
      'failed',
      (x) => {
        x.noteTest(good, 0, 1)
        x.noteTest(bad, 0, 2)
      },
      {
        status: 'False',
        reason: 'SelfTestFailed',
        message: /993 of 1000/,
        lastTransitionTime: 'at 2'
      },
      false
    ],
    [
      'the hook was skipped',
      (x) => {
        x.noteTest(good, 0, 1)
        x.noteMisses(3, 2)
      },
      { status: 'False', reason: 'RecursionMisses', message: /3 times/ },
      false
    ],
    [
      'skipped during the test',
      (x) => x.noteTest(good, 2, 1),
      { reason: 'RecursionMisses' },
      false
    ],
    [
      'the same misses again are no news',
      (x) => {
        x.noteMisses(3, 1)
        x.noteTest(good, 3, 2)
        x.noteMisses(3, 3)
      },
      { status: 'True' },
      true
    ],
    ['not run', (x) => x.noteUntested('no', 1), { status: 'Unknown', message: /no$/ }, true],
    [
      'a failure is not refuted by a test that was not run',
      (x) => {
        x.noteTest(bad, 0, 1)
        x.noteUntested('no', 2)
      },
      { status: 'False' },
      false
    ],
    [
      'the transition is when the status changed',
      (x) => {
        x.noteTest(bad, 0, 1)
        x.noteTest(bad, 0, 2)
      },
      { lastTransitionTime: 'at 1' },
      false
    ]
  ]
  for (const [name, act, condition, exact] of table) {
    const one = createExactness((at) => `at ${at}`)
    act(one)
    if (condition === undefined) t.same(one.conditions(), [], name)
    else t.match(one.conditions(), [{ type: 'RecorderExact', ...condition }], name)
    t.equal(one.isExact(), exact, name)
  }
  const one = createExactness(String)
  t.ok(one.isDue(0))
  one.noteTest(good, 0, 5)
  t.notOk(one.isDue(4 + 10 * minute))
  t.ok(one.isDue(5 + 10 * minute), 'every ten minutes')
  one.noteMisses(1, 6)
  t.notOk(one.isDue(5 + minute))
  t.ok(one.isDue(6 + minute), 'a minute after a miss')
  t.end()
})

test('what is learned while the recorder is not exact is incomplete', async (t) => {
  const follow = async (next: { test: SelfTest; misses: number; distinct: number }) => {
    const seen: Observation[] = []
    let wake: (() => void) | undefined
    const logger = createLogger('test', quiet)
    const registry = openRegistry([], logger)
    const loop = await startRecorderLoop({
      recorder: oneSlot(next),
      registry,
      node: 'n',
      bootId: 'b',
      machine: 'x86_64',
      logger,
      intervalMs: 1,
      onObservation: (observation) => {
        seen.push(observation)
        wake?.()
      }
    })
    const until = async (wanted: () => boolean) => {
      while (!wanted()) await new Promise<void>((resolve) => (wake = resolve))
    }
    const stop = async () => {
      await loop.stop()
      registry.close()
    }
    await until(() => seen.length > 0)
    const condition = () => loop.conditions()[0]?.status
    return { seen, until, stop, condition, losses: () => loop.losses() }
  }

  const failed = await follow({ test: bad, misses: 0, distinct: 1 })
  t.equal(failed.seen[0]?.complete, false, 'the self-test at attach failed')
  t.equal(failed.condition(), 'False')
  await failed.stop()

  const next = { test: good, misses: 0, distinct: 1 }
  const missed = await follow(next)
  t.equal(missed.seen[0]?.complete, true)
  t.equal(missed.condition(), 'True')
  next.misses = 1
  await missed.until(() => missed.seen.at(-1)?.complete === false)
  t.equal(missed.condition(), 'False')
  t.equal(missed.seen.at(-1)?.lost, 1)
  const before = missed.seen.length
  next.distinct = 2
  await missed.until(() => missed.seen.length > before)
  t.equal(missed.seen.at(-1)?.complete, false, 'what was alive then stays incomplete')
  await missed.stop()

  // The hub never takes `complete` back, so it also has to get the loss of earlier observations.
  const later = { test: good, misses: 0, distinct: 1 }
  const turned = await follow(later)
  t.match(turned.seen[0], { complete: true, lost: 0 })
  later.test = bad
  later.misses = 1
  await turned.until(() => turned.seen.at(-1)?.complete === false)
  t.ok((turned.seen.at(-1)?.lost ?? 0) > 0, 'a failed self-test is a loss')
  await turned.stop()
  t.match(turned.losses(), { recursionMisses: 1 }, 'read again when the connection is closed')
})

test('cgroup hierarchies', (t) => {
  const line = (type: string) => `1 2 0:3 / /sys/fs/cgroup rw - ${type} ${type} rw`
  t.equal(cgroupMode([line('cgroup2'), line('proc')].join('\n')), 'v2')
  t.equal(cgroupMode([line('cgroup'), line('cgroup2')].join('\n')), 'hybrid')
  t.equal(cgroupMode(line('cgroup')), 'v1')
  t.equal(cgroupMode(line('tmpfs')), 'none')
  t.end()
})
