import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'tap'
import { type LearnedCall, loadAddon } from '../../native/addon.js'
import { launchCommand } from '../../native/launcher.js'
import { packageRoot } from '../../native/paths.js'
import { openRecorder, probeTracing } from '../../native/recorder.js'
import { slotsDefault, slotsMax } from '../../native/slot-numbers.js'
import type {
  AbiClass,
  ArgumentValue,
  Deciding,
  DenialDetail,
  Recorder,
  Slot
} from '../../native/types.js'
import { meetProgram } from '../helpers/met-program.js'
import { until } from '../helpers/until.js'
import {
  type LearnableArgument,
  learnedArguments,
  learnedCompatArguments,
  learnedValues
} from '../../src/seccomp/arguments/learned-arguments.js'

const nr = { getsid: 124, ioctl: 16, socket: 41, getpid: 39, execve: 59, execveat: 322 }
const compatGetpid = 20
const compatIoctl = 54
/** native/shared/recorder.h */
const toldApart = 64
const megabyte = 1 << 20

const probe = probeTracing()
const skip = probe.available ? false : `nothing can be traced here: ${probe.reason ?? ''}`
const folder = mkdtempSync(join(tmpdir(), 'secco-details-'))
const calls = join(folder, 'calls')

async function run(...args: string[]): Promise<number> {
  const launched = await launchCommand([calls, ...args], { filter: true, stdio: 'ignore' })
  launched.go()
  await launched.ended
  return launched.pid
}

function slotOf(recorder: Recorder, pid: number): Slot {
  const found = recorder.slots().find((slot) => slot.pid === pid)
  if (found === undefined) throw new Error(`no slot of ${pid}`)
  return found
}

const release = (recorder: Recorder, slot: Slot): boolean =>
  recorder.release(slot.index, slot.generation)

test('memory is bounded whatever the number of CPUs', { skip }, (t) => {
  const { sizes, ...addon } = loadAddon()
  t.same([slotsDefault, slotsMax], [addon.slotsDefault, addon.slotsMax], 'what programs say of it')
  const table: [number, number, number, boolean][] = [
    // slots, possible CPUs, stripes, one for each CPU
    [4096, 1, 1, true],
    [4096, 2, 2, true],
    [4096, 16, 2, false],
    [4096, 128, 2, false],
    [4096, 512, 2, false],
    [1024, 1, 1, true],
    [1024, 6, 8, true],
    [1024, 16, 8, false],
    [256, 16, 16, true],
    [256, 128, 32, false],
    [1, 1, 1, true],
    [1, 512, 64, false]
  ]
  for (const [slots, cpus, stripes, oneStripePerCpu] of table) {
    const found = sizes(slots, cpus)
    t.match(found, { stripes, oneStripePerCpu }, `${slots} slots, ${cpus} CPUs`)
    t.ok(found.bytes <= 64 * megabyte, `${(found.bytes / megabyte).toFixed(1)} MiB`)
    t.ok(found.rows >= 1 && found.denials >= slots)
  }

  // What the kernel says of it: fdinfo's memlock of each map that this process has open.
  const recorder = openRecorder()
  let real = 0
  for (const fd of readdirSync('/proc/self/fdinfo')) {
    let info = ''
    try {
      info = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
    } catch {
      continue // the folder's own descriptor
    }
    if (/^map_type:/m.test(info)) real += Number(/^memlock:\s*(\d+)/m.exec(info)?.[1] ?? 0)
  }
  recorder.stop()
  const possible = readFileSync('/sys/devices/system/cpu/possible', 'utf8').trim().split('-')
  const expected = sizes(4096, Number(possible.at(-1)) + 1).bytes
  t.ok(real > expected * 0.8 && real <= expected * 1.05, `${real} of ${expected}`)
  t.ok(real <= 64 * megabyte)
  t.end()
})

test('one table of learned arguments', { skip }, (t) => {
  const { learned } = loadAddon()
  const rows = (abi: number): LearnedCall[] => learned.filter((call) => call.abi === abi)
  const list = (all: LearnedCall[]): string[] =>
    all.flatMap((call) =>
      call.masks.flatMap((mask, index) => (mask === 0 ? [] : [`${call.name} ${index} ${mask}`]))
    )
  const mirror = (all: readonly LearnableArgument[]): string[] =>
    all.map(({ name, index, mask }) => `${name} ${index} ${mask}`)
  t.same(list(rows(0)).sort(), mirror(learnedArguments).sort())
  t.same(list(rows(1)).sort(), mirror([...learnedArguments, ...learnedCompatArguments]).sort())
  for (const abi of [0, 1]) {
    // Sets lie side by side: a hole wastes memory, an overlap mixes two arguments.
    let next = 0
    for (const call of rows(abi)) {
      t.equal(call.firstSet, next, call.name)
      next += call.masks.filter((mask) => mask !== 0).length
    }
    t.equal(new Set(rows(abi).map((call) => call.nr)).size, rows(abi).length)
  }
  t.end()
})

test('details', { skip }, async (t) => {
  execFileSync('cc', [
    '-O1',
    '-pthread',
    '-o',
    calls,
    join(packageRoot(), 'test', 'native', 'calls.c')
  ])
  const recorder = openRecorder()
  recorder.attach()
  t.teardown(() => {
    recorder.stop()
    rmSync(folder, { recursive: true })
  })

  await t.test('argument values', async (t) => {
    const numbers = new Map(
      loadAddon().learned.map((call) => [
        `${call.abi === 0 ? 'native' : 'compat'} ${call.nr}`,
        call.name
      ])
    )
    const slot = slotOf(recorder, await run('values', '9'))
    const found = recorder.readArguments(slot.index, slot.generation)
    const of = (name: string, index: number, abi = 'native'): number[] =>
      (found?.values ?? [])
        .filter((one) => numbers.get(`${abi} ${one.nr}`) === name)
        .filter((one: ArgumentValue) => one.abi === abi && one.index === index)
        .map((one) => Number(one.value))
    t.same(found?.many, [])
    // The socket that a filter rejected (16, 3, 5) is not in it.
    t.same(
      [0, 1, 2].map((index) => of('socket', index)),
      [[1], [2], [0]]
    )
    t.same(
      [0, 1, 2].map((index) => of('socketpair', index)),
      [[1], [5], [0]]
    )
    t.same(
      [1, 2].map((index) => of('setsockopt', index)),
      [[1], [16]]
    )
    t.same(of('personality', 0), [0xffffffff])
    t.same(of('clone', 0), [0x08000000])
    t.same(of('unshare', 0), [0, 0x04000000])
    t.same(of('setns', 1), [0x40000000])
    t.ok(of('fcntl', 1).includes(3))
    // PR_GET_DUMPABLE, and the application's own PR_SET_SECCOMP.
    t.ok([3, 22].every((option) => of('prctl', 0).includes(option)))
    const requests = [0, 1, 2, 3, 4, 5, 6, 7, 8].map((at) => 0x5400 + at)
    t.same(of('ioctl', 1), requests)
    t.same(of('ioctl', 1, 'compat'), requests)
    t.same(
      [0, 1, 2].map((index) => of('socket', index, 'compat')),
      [[1], [1], [0]]
    )
    t.same(of('fcntl64', 1, 'compat'), [1])
    t.ok(release(recorder, slot))
    t.equal(recorder.readArguments(slot.index, slot.generation), undefined)
  })

  await t.test('more values than are kept', async (t) => {
    for (const [kinds, many] of [
      [learnedValues, []],
      [learnedValues + 1, [nr.ioctl]]
    ] as const) {
      const slot = slotOf(recorder, await run('values', String(kinds)))
      const found = recorder.readArguments(slot.index, slot.generation)
      t.same(
        found?.many.filter((one) => one.abi === 'native').map((one) => one.nr),
        many
      )
      t.equal(
        found?.values.filter((one) => one.abi === 'native' && one.nr === nr.ioctl).length,
        learnedValues
      )
      release(recorder, slot)
    }
  })

  const none = { native: [], compat: [], x32: [] }
  const rejected = { ...none, native: [nr.getsid, 100_000, -1] }
  // action, threads (0: the main thread), calls of each → what is noted
  const table: [string, number, number, object][] = [
    ['errno', 0, 1, { count: 1, result: -13, succeeded: 0 }],
    ['errno', 8, 5000, { count: 40_000, result: -13, succeeded: 0 }],
    ['trap', 4, 500, { count: 2000, result: nr.getsid, succeeded: 0 }],
    ['log', 4, 50, { count: 200, succeeded: 200 }],
    ['kill', 0, 1, { count: 1, result: nr.getsid, succeeded: 0 }],
    ['kill-thread', 0, 1, { count: 1, result: nr.getsid, succeeded: 0 }],
    ['kill-thread', 8, 1, { count: 8, result: nr.getsid, succeeded: 0 }]
  ]
  for (const [action, threads, times, expected] of table) {
    await t.test(`denials: ${action}, ${threads} threads`, async (t) => {
      const command = [calls, 'meet', String(times), String(threads), action]
      const launched = await meetProgram(command)
      const slot = slotOf(recorder, launched.pid)
      t.ok(recorder.watchDenials(slot.index, slot.generation, rejected))
      t.notOk(recorder.watchDenials(slot.index, slot.generation + 1, rejected))
      let told = 0
      recorder.notifyDenials(5, () => (told += 1))
      await launched.go()
      await until('to be told', () => (told > 0 ? true : undefined))
      const isMine = (one: DenialDetail) =>
        one.index === slot.index && one.generation === slot.generation
      const mine = recorder.denials().filter(isMine)
      t.equal(mine.length, 1)
      t.same(recorder.newDenials().filter(isMine), mine)
      t.same(recorder.newDenials().filter(isMine), [], 'told once')
      t.match(mine[0], {
        abi: 'native',
        nr: nr.getsid,
        pid: launched.pid,
        comm: 'calls',
        ...expected
      })
      t.ok((mine[0]?.at ?? 0n) > slot.firstSeen)
      t.equal(
        recorder.read(slot.index, slot.generation)?.native.get(nr.getsid),
        mine[0]?.count,
        'as many as were counted'
      )
      t.ok(release(recorder, slot))
      t.notOk(recorder.denials().some((one) => one.index === slot.index))
    })
  }

  /** Meets the program, lets it make its calls, and gives its slot. */
  const meetValues = async (kinds: number, deciding: Deciding): Promise<Slot> => {
    const command = [calls, 'meet-values', String(kinds)]
    const launched = await meetProgram(command)
    const slot = slotOf(recorder, launched.pid)
    t.ok(recorder.watchDenials(slot.index, slot.generation, none, deciding))
    await launched.go()
    return slot
  }
  const byArguments = (slot: Slot): DenialDetail[] =>
    recorder.denials(slot).filter((one) => one.arguments !== undefined)
  const told = (slot: Slot, abi: AbiClass, number: number): [string, number, number][] =>
    byArguments(slot)
      .filter((one) => one.abi === abi && one.nr === number)
      .map((one): [string, number, number] => [
        (one.arguments ?? []).map((arg) => (arg === undefined ? '-' : String(arg))).join(' '),
        one.count,
        one.succeeded
      ])
      .sort()

  await t.test('calls whose arguments decide are told apart by them', async (t) => {
    const requests = [0, 1, 2].map((at) => 0x5400 + at)
    const calls: Deciding['calls'] = [
      { abi: 'native', nr: nr.ioctl, asked: 0b10 },
      { abi: 'compat', nr: compatIoctl, asked: 0b10 },
      { abi: 'native', nr: nr.socket, asked: 0b101 }
    ]
    const ioctls = requests.map((request) => [`- ${request} - - - -`, 1, 0])
    const failed = await meetValues(3, { calls, anyResult: false })
    t.same(told(failed, 'native', nr.ioctl), ioctls)
    t.same(told(failed, 'compat', compatIoctl), ioctls)
    t.same(told(failed, 'native', nr.socket), [['16 - 5 - - -', 1, 0]])
    t.match(byArguments(failed).find((one) => one.nr === nr.socket)?.result, -1)
    t.ok(release(recorder, failed))
    await until('its slot to be free', () =>
      recorder.denials().some((one) => one.index === failed.index) ? undefined : true
    )

    const all = await meetValues(0, { calls, anyResult: true })
    t.same(told(all, 'native', nr.socket), [
      ['1 - 0 - - -', 1, 1],
      ['16 - 5 - - -', 1, 0]
    ])
    release(recorder, all)
  })

  await t.test('more of them than a slot may have: the others are counted as lost', async (t) => {
    const before = recorder.counters()
    const calls: Deciding['calls'] = [{ abi: 'native', nr: nr.ioctl, asked: 0b10 }]
    const slot = await meetValues(toldApart + 7, { calls, anyResult: false })
    t.equal(told(slot, 'native', nr.ioctl).length, toldApart)
    const after = recorder.counters()
    t.equal(after.argumentsLost - before.argumentsLost, 7)
    t.equal(after.detailsLost, before.detailsLost, 'nothing of the others is incomplete by that')
    release(recorder, slot)
  })

  await t.test('what nobody watches leaves no details, and nobody is told', async (t) => {
    let told = 0
    recorder.notifyDenials(5, () => (told += 1))
    const slot = slotOf(recorder, await run('errno', '5'))
    await delay(50)
    t.equal(told, 0, 'its thread has looked ten times')
    // A profile that logs was known above: what its filter may be is noted with arguments.
    const byNumber = recorder.denials(slot).filter((one) => one.arguments === undefined)
    t.same(byNumber, [])
    t.ok(recorder.watchDenials(slot.index, slot.generation, none))
    t.same(recorder.denials(slot), [], 'which ends when it is known')
    release(recorder, slot)
  })

  await t.test(
    'execveat by a path',
    { skip: hasPrepareExec() ? false : 'since 6.10' },
    async (t) => {
      for (const how of ['0', '1', '2']) {
        const slot = slotOf(recorder, await run('execveat', how))
        const counts = recorder.read(slot.index, slot.generation)?.native
        t.same([counts?.get(nr.execve), counts?.get(nr.execveat)], [1, 1], how)
        release(recorder, slot)
      }
    }
  )

  await t.test(
    "no room for a rarer ABI's counts: the set stays right, the loss is told",
    async (t) => {
      const small = openRecorder({ slots: 16 }) // and 4 rows
      small.attach()
      const pids: number[] = []
      for (let i = 0; i < 5; i += 1) pids.push(await run('compat', '5'))
      const met = pids.map((pid) => slotOf(small, pid))
      const read = met.map((slot) => small.read(slot.index, slot.generation))
      t.same(
        read.map((counts) => [counts?.compat.get(compatGetpid), counts?.unknown]),
        [...Array.from({ length: 4 }, () => [5, 0]), [1, 5]]
      )
      t.equal(small.counters().detailsLost, 5)
      // A row comes back with its slot and is empty then; that takes an RCU grace period.
      const [first] = met
      if (first !== undefined) release(small, first)
      let calls: number | undefined
      for (let i = 0; i < 100 && calls !== 7; i += 1) {
        const again = slotOf(small, await run('compat', '7'))
        calls = small.read(again.index, again.generation)?.compat.get(compatGetpid)
        release(small, again)
      }
      t.equal(calls, 7)
      small.stop()
      for (const slot of recorder.slots()) if (pids.includes(slot.pid)) release(recorder, slot)
    }
  )

  await t.test('many slots that end at once leave nothing to their next owners', async (t) => {
    const small = openRecorder({ slots: 160 })
    small.attach()
    const before: Slot[] = []
    for (let i = 0; i < 40; i += 1) before.push(slotOf(small, await run('values', '9')))
    for (const slot of before) t.ok(release(small, slot))
    const left = new Set(before.map((slot) => slot.index))
    t.equal(left.size, before.length)
    // Given again after an RCU grace period.
    for (let i = 0; i < 110 && left.size > 0; i += 1) {
      const pid = await run('native', '3')
      const [slot, fresh] = [slotOf(small, pid), slotOf(recorder, pid)]
      left.delete(slot.index)
      t.same(
        [small.read(slot.index, slot.generation), small.readArguments(slot.index, slot.generation)],
        [
          recorder.read(fresh.index, fresh.generation),
          recorder.readArguments(fresh.index, fresh.generation)
        ]
      )
    }
    t.equal(left.size, 0)
    small.stop()
    for (const slot of recorder.slots()) release(recorder, slot)
  })

  await t.test('the sets of all slots', async (t) => {
    const slot = slotOf(recorder, await run('x32', '1'))
    const { words, stride, first } = recorder.seen()
    const starts = Array.from({ length: words.length / stride }, (_, at) => at * stride)
    const mine = starts.find(
      (at) => words[at] === ((BigInt(slot.generation) << 32n) | BigInt(slot.index))
    )
    const has = (bit: number): boolean =>
      ((words[(mine ?? 0) + 1 + (bit >> 6)] ?? 0n) >> BigInt(bit & 63)) % 2n === 1n
    const counts = recorder.read(slot.index, slot.generation)
    for (let number = 0; number < 512; number += 1) {
      if (has(first.native + number) !== (counts?.native.has(number) ?? false))
        t.fail(String(number))
    }
    t.ok(has(first.x32 + nr.getpid))
    t.notOk(has(first.compat + compatGetpid))
    t.equal(starts.length, recorder.slots().length)
    release(recorder, slot)
  })
})

/** sched_prepare_exec (6.10): only there can an execveat by a path be told from an execve. */
function hasPrepareExec(): boolean {
  return readFileSync('/sys/kernel/btf/vmlinux').includes('btf_trace_sched_prepare_exec')
}
