import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { type Clocks, NodeClock, timeOfTicks } from '../../../satellite/lib/node-clock.js'
import { startTicksOf } from '../../../satellite/lib/proc-text.js'

/** A tick, and the uptime's fraction of one. */
const toleranceMs = 30

test('the start time of a process, to the tick', async (t) => {
  // Twice, half a second apart: whole seconds would be wrong for one of them.
  for (const pauseMs of [0, 500]) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
    const before = Date.now()
    const child = spawn('sleep', ['60'])
    await once(child, 'spawn')
    const after = Date.now()
    const began = Date.parse(timeOfTicks(startTicksOf(child.pid ?? 0) ?? 0))
    t.ok(began >= before - toleranceMs, `${before - began} ms early at most`)
    t.ok(began <= after + toleranceMs, `${began - after} ms late at most`)
    child.kill('SIGKILL')
    await once(child, 'close')
  }
})

/** Clocks of a machine that was booted at a time, as a process reads them that measures `errorMs` too much or too little. */
function clocksOf(machine: { bootedAt: number; sleptMs?: number }, errorMs = 0): Clocks {
  const upMs = 3_600_000
  return {
    now: () => machine.bootedAt + upMs,
    monotonic: () => upMs - (machine.sleptMs ?? 0) - errorMs,
    uptime: () => upMs - errorMs
  }
}

const second = 1_000_000_000n
const bootedAt = Date.parse('2026-01-01T00:00:00Z')
const at = (ms: number): string => new Date(bootedAt + ms).toISOString()

test('a restart changes no date', (t) => {
  const path = join(t.testdir({}), 'clock.json')
  const dates = (one: NodeClock) => [one.timeOf(5n * second), one.timeOfTicks(700)]
  const open = (machine: Parameters<typeof clocksOf>[0], errorMs: number, bootId = 'boot') =>
    dates(new NodeClock({ path, bootId, clocks: clocksOf(machine, errorMs) }))
  const same = [at(5000), at(7000)]
  const set = { bootedAt: bootedAt + 90_000 }
  const table: [string, Parameters<typeof open>, string[]][] = [
    ['the first one measures', [{ bootedAt }, 0], same],
    ['the next one measures later', [{ bootedAt }, 9], same],
    ['and this one earlier', [{ bootedAt }, -25], same],
    ['a suspension moves one clock', [{ bootedAt, sleptMs: 60_000 }, 0], [at(65_000), at(7000)]],
    ['somebody sets the clock', [set, 0], [at(95_000), at(97_000)]],
    ['it stays set', [set, 8], [at(95_000), at(97_000)]],
    ['the next boot', [{ bootedAt }, 0, 'other'], same]
  ]
  for (const [what, given, expected] of table) t.strictSame(open(...given), expected, what)

  const far = [
    ...['1e300', '-1e300', '8.64e15', `${bootedAt + 60_000}`].map(
      (uptime) => `{"boot":"other","monotonic":${bootedAt},"uptime":${uptime}}`
    ),
    `{"boot":"other","monotonic":1e300,"uptime":${bootedAt}}`,
    ' '.repeat(5 << 20)
  ]
  for (const text of [
    ...far,
    '',
    'no json',
    'null',
    '[]',
    '{"boot":"other","monotonic":"1","uptime":2}'
  ]) {
    writeFileSync(path, text)
    t.strictSame(open({ bootedAt }, 0, 'other'), same, `${text.slice(0, 80)}: measured again`)
    t.match(JSON.parse(readFileSync(path, 'utf8')), { boot: 'other' }, 'and written again')
  }
  t.end()
})

test('a process follows a clock that is set while it runs', (t) => {
  const machine = { bootedAt }
  const clock = new NodeClock({ clocks: clocksOf(machine) })
  t.equal(clock.timeOf(5n * second), at(5000))
  machine.bootedAt += 40
  t.equal(clock.timeOf(5n * second), at(5000), 'a small difference is an inexact measurement')
  machine.bootedAt += 3_600_000
  t.equal(clock.timeOf(5n * second), at(3_605_040))
  t.equal(clock.timeOfTicks(700), at(3_607_040))
  t.end()
})

test('a clock is written through no name that somebody can know, and read through no link', (t) => {
  const folder = t.testdir({ other: 'of somebody', 'saved.json': '' })
  const path = join(folder, 'clock.json')
  const other = join(folder, 'other')
  symlinkSync(other, `${path}.tmp`)
  const open = () =>
    new NodeClock({ path, bootId: 'boot', clocks: clocksOf({ bootedAt }) }).timeOfTicks(700)
  t.equal(open(), at(7000))
  t.equal(readFileSync(other, 'utf8'), 'of somebody')
  t.match(JSON.parse(readFileSync(path, 'utf8')), { boot: 'boot' })
  t.notOk(lstatSync(path).isSymbolicLink())
  const far = { boot: 'boot', monotonic: bootedAt + 20, uptime: bootedAt + 20 }
  writeFileSync(other, JSON.stringify(far))
  rmSync(path)
  symlinkSync(other, path)
  t.equal(open(), at(7000), 'the link is not followed')
  t.strictSame(JSON.parse(readFileSync(other, 'utf8')), far)
  t.notOk(lstatSync(path).isSymbolicLink(), 'and replaced')
  t.strictSame(readdirSync(folder).sort(), ['clock.json', 'clock.json.tmp', 'other', 'saved.json'])
  t.end()
})

test('where nothing can be written, dates are as good as those of one process', (t) => {
  const path = join(t.testdir({}), 'no-such-folder', 'clock.json')
  const clock = new NodeClock({ path, bootId: 'boot', clocks: clocksOf({ bootedAt }) })
  t.equal(clock.timeOf(5n * second), at(5000))
  t.notOk(existsSync(path))
  t.end()
})
