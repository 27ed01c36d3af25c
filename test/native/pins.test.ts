import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  unlinkSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'tap'
import { loadAddon } from '../../native/addon.js'
import { launchCommand, type LaunchedCommand } from '../../native/launcher.js'
import { packageRoot } from '../../native/paths.js'
import { cleanPins, RecorderInUse } from '../../native/pins.js'
import { openRecorder, probeTracing } from '../../native/recorder.js'
import { cgroupMount } from '../../satellite/containers/processes.js'
import type { Recorder, Slot, SlotCounts } from '../../native/types.js'
import { learnedValues } from '../../src/seccomp/arguments/learned-arguments.js'
import { meetProgram } from '../helpers/met-program.js'
import { until } from '../helpers/until.js'

const probe = probeTracing()
const skip = probe.available ? false : `nothing can be traced here: ${probe.reason ?? ''}`
const moduleUrl = new URL('../../native/recorder.js', import.meta.url).href
const getpriority = 140
const [write, socket, getsid] = [1, 41, 124]

/** A process that holds a pinned recorder and says `open` once it records. */
const holder = `
const { openRecorder } = await import(${JSON.stringify(moduleUrl)})
const recorder = openRecorder({ pin: process.argv[1], slots: Number(process.argv[2]) })
recorder.attach()
if (process.argv[3] === 'slowly') {
  process.stdout.write('attached\\n')
  await new Promise((resolve) => process.stdin.once('data', resolve))
}
recorder.leftovers()
process.stdout.write('open\\n')
process.stdin.on('data', () => { recorder.stop({ keep: true }); process.exit(0) })
setInterval(() => {}, 1000)
`

test('pins', { skip, timeout: 300_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'secco-pins-'))
  const mount = join(folder, 'bpf')
  const pin = join(mount, 'secco')
  const [calls, oldLayout] = [join(folder, 'calls'), join(folder, 'old-layout')]
  mkdirSync(mount)
  execFileSync('mount', ['-t', 'bpf', 'bpf', mount])
  const sources = join(packageRoot(), 'test', 'native')
  execFileSync('cc', ['-O1', '-pthread', '-o', calls, join(sources, 'calls.c')])
  execFileSync('cc', ['-O1', '-o', oldLayout, join(sources, 'old-layout.c'), '-lbpf'])
  const children: ChildProcess[] = []
  t.teardown(async () => {
    for (const child of children) await kill(child)
    if (existsSync(pin)) cleanPins(pin)
    execFileSync('umount', [mount])
    rmSync(folder, { recursive: true })
  })
  const layouts = (): string[] => (existsSync(pin) ? readdirSync(pin) : [])
  const pinsIn = (layout = ''): string[] => readdirSync(join(pin, layout)).sort()

  const start = (slots: number, ...how: 'slowly'[]) => {
    const args = ['--input-type=module', '-e', holder, '--', pin, String(slots), ...how]
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    children.push(child)
    return child
  }
  const hold = async (slots = 64): Promise<ChildProcess> => {
    const child = start(slots)
    await Promise.race([
      once(createInterface({ input: child.stdout }), 'line'),
      once(child, 'exit').then(() => Promise.reject(new Error('the holder did not open')))
    ])
    return child
  }
  const kill = async (child: ChildProcess): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  /** Runs a program to its end. */
  const call = async (
    count: number,
    mode = 'native',
    cgroup?: string
  ): Promise<{ mntns: number; pid: number }> => {
    const one = await launchCommand([calls, mode, String(count)], {
      ...{ filter: true, stdio: 'ignore' },
      ...(cgroup === undefined ? {} : { cgroup })
    })
    one.go()
    await one.ended
    if (cgroup !== undefined) rmdirSync(cgroup)
    return one
  }
  /** A container that does as it is told: one read and one write for each byte. */
  const startCat = async (
    cgroup?: string
  ): Promise<LaunchedCommand & { echo: () => Promise<void> }> => {
    const cat = await launchCommand(['cat'], {
      ...{ filter: true, stdio: 'pipe' },
      ...(cgroup === undefined ? {} : { cgroup })
    })
    const { stdin, stdout } = cat.process
    if (stdin === null || stdout === null) throw new Error('no pipes')
    cat.go()
    const echo = async (): Promise<void> => {
      stdin.write('1')
      await once(stdout, 'data')
    }
    await echo()
    return { ...cat, echo }
  }
  const met = (recorder: Recorder, pid: number): { slot: Slot; counts: SlotCounts } => {
    const slot = recorder.slots().find((one) => one.pid === pid)
    if (slot === undefined) throw new Error(`no slot of ${pid}`)
    const counts = recorder.read(slot.index, slot.generation)
    if (counts === undefined) throw new Error('read')
    return { slot, counts }
  }

  await t.test('kill -9, and everything goes on', async (t) => {
    const first = await hold()
    const [layout = ''] = layouts()
    t.ok(pinsIn(layout).filter((name) => name.startsWith('link-')).length >= 3)
    const cat = await startCat()
    const early = await call(11)
    await kill(first)
    const meanwhile = await call(22)
    await cat.echo()

    const recorder = openRecorder({ pin, slots: 64 })
    t.match(recorder.pinning, { folder: pin, adopted: true })
    t.ok(recorder.attached, 'without attaching')
    recorder.attach()
    for (const [one, count] of [
      [early, 11],
      [meanwhile, 22]
    ] as const) {
      const { slot, counts } = met(recorder, one.pid)
      t.equal(counts.native.get(getpriority), count)
      t.match(slot, { complete: true, filtered: true })
    }
    t.match(met(recorder, cat.pid).slot, { complete: true })
    t.match(await recorder.selfTest(), { ok: true })
    t.equal(recorder.counters().recursionMisses, 0)
    await t.rejects(hold(), 'a second one is refused')
    t.throws(() => openRecorder({ pin, slots: 64 }), RecorderInUse)
    t.throws(() => cleanPins(pin), RecorderInUse)

    const before = met(recorder, cat.pid)
    recorder.stop({ keep: true })
    const next = openRecorder({ pin, slots: 64 })
    t.match(met(next, cat.pid).slot, {
      index: before.slot.index,
      generation: before.slot.generation
    })
    next.detach()
    t.equal(met(next, cat.pid).slot.complete, false, 'what nobody sees is not complete')
    next.attach()
    t.equal(met(next, cat.pid).slot.complete, false)
    next.stop()
    t.strictSame(layouts(), [], 'an end without keep leaves nothing')
    cat.process.kill('SIGKILL')
    await cat.ended
  })

  await t.test('another layout is taken over without a gap', async (t) => {
    const old = await hold(32)
    const cat = await startCat()
    const gone = await call(33)
    old.stdin?.write('keep\n')
    await once(old, 'exit')
    const recorder = openRecorder({ pin, slots: 64 })
    t.equal(recorder.pinning.adopted, false)
    t.equal(layouts().length, 2)
    recorder.attach()
    await cat.echo()
    const taken = recorder.leftovers()
    t.match(taken, [{ problem: '', slots: Number }])
    t.equal(layouts().length, 1)
    const { slot, counts } = met(recorder, gone.pid)
    t.equal(counts.native.get(getpriority), 33)
    t.match(slot, { complete: true })
    const running = met(recorder, cat.pid)
    t.equal(running.slot.complete, true)
    t.ok(running.counts.native.has(59), 'its execve was seen by the old one only')
    t.ok((running.counts.native.get(0) ?? 0) > 1)
    t.equal(running.slot.distinct, running.counts.native.size)
    cat.process.kill('SIGKILL')
    await cat.ended

    mkdirSync(join(pin, 'v0-strange'))
    t.match(recorder.leftovers(), [{ layout: 'v0-strange', slots: 0, problem: /read/ }])
    recorder.stop()
  })

  await t.test('fewer slots than are in use: nothing is lost, and it shrinks later', async (t) => {
    const old = await hold(256)
    const done: { pid: number; count: number }[] = []
    // As containers have them: a mount namespace's number alone comes again.
    const cgroup = (name: string): string =>
      join(cgroupMount() ?? '', `secco-pins-${process.pid}-${name}`)
    for (let count = 1; count <= 30; count += 1) {
      done.push({ ...(await call(count, 'native', cgroup(String(count)))), count })
    }
    const cat = await startCat(cgroup('cat'))
    old.stdin?.write('keep\n')
    await once(old, 'exit')
    const everybody = async (recorder: Recorder): Promise<void> => {
      for (const { pid, count } of done) {
        const { slot, counts } = met(recorder, pid)
        t.equal(counts.native.get(getpriority), count)
        t.match(slot, { complete: true })
      }
      await cat.echo()
      t.match(met(recorder, cat.pid).slot, { complete: true })
    }
    // Another layout all the same: as a release with other programs would have.
    const asked = { pin, slots: 24, stripes: 1 }
    const open = (): Recorder => {
      const recorder = openRecorder(asked)
      t.teardown(() => recorder.stop())
      return recorder
    }
    const upgraded = open()
    t.match(upgraded.pinning, { adopted: false, kept: 256 })
    upgraded.attach()
    t.match(upgraded.leftovers(), [{ problem: '', slots: Number }])
    t.equal(upgraded.counters().tableFull, 0)
    await everybody(upgraded)
    upgraded.stop({ keep: true })

    const again = open()
    t.match(again.pinning, { adopted: true, kept: 256 })
    await everybody(again)
    cat.process.stdin?.end()
    await cat.ended
    rmdirSync(cgroup('cat'))
    for (const slot of again.slots()) again.release(slot.index, slot.generation)
    again.stop({ keep: true })

    const small = open()
    t.equal(small.pinning.kept, undefined)
    t.equal(small.pinning.adopted, false)
    small.attach()
    small.leftovers()
    t.equal(layouts().length, 1)
    t.match(await small.selfTest(), { ok: true })
    let free = 0
    for (; small.adopt(free + 1, 7n, process.pid) !== undefined; free += 1);
    t.ok(free <= 24, `${free} more`)
    small.stop()
    t.strictSame(layouts(), [])
  })

  await t.test('a table that is nearly full finds room in another layout', (t) => {
    const fill = (recorder: Recorder, from: number, count: number): void => {
      for (let nth = 0; nth < count; nth += 1) {
        t.ok(recorder.adopt(from + nth, 7n, process.pid) !== undefined)
      }
    }
    const old = openRecorder({ pin, slots: 64 })
    old.attach()
    fill(old, 1, 62 - old.slots().length)
    old.stop({ keep: true })
    const again = openRecorder({ pin, slots: 64 })
    t.match(again.pinning, { adopted: true, kept: undefined }, 'its own is adopted as it is')
    again.stop({ keep: true })

    // Another layout of as many slots.
    const upgraded = openRecorder({ pin, slots: 64, stripes: 1 })
    t.notOk(upgraded.pinning.adopted)
    t.ok((upgraded.pinning.kept ?? 0) >= 62 + 16, String(upgraded.pinning.kept))
    upgraded.attach()
    fill(upgraded, 1000, 5)
    t.match(upgraded.leftovers(), [{ problem: '', missed: 0 }])
    t.equal(upgraded.counters().tableFull, 0)
    upgraded.stop()
    t.strictSame(layouts(), [])
    t.end()
  })

  await t.test('what finds no room in another layout is counted', (t) => {
    const most = loadAddon().slotsMax
    const fill = (recorder: Recorder, from: number): number => {
      let count = 0
      while (recorder.adopt(from + count, 7n, process.pid) !== undefined) count += 1
      return count
    }
    const old = openRecorder({ pin, slots: most, stripes: 1 })
    const count = fill(old, 1)
    old.stop({ keep: true })
    const upgraded = openRecorder({ pin, slots: most, stripes: 2 })
    t.match(upgraded.pinning, { adopted: false, kept: undefined })
    for (let nth = 0; nth < 10; nth += 1) upgraded.adopt(most + 1 + nth, 7n, process.pid)
    t.match(upgraded.leftovers(), [{ problem: '', slots: count - 10, missed: 10 }])
    upgraded.stop()
    t.strictSame(layouts(), [])
    t.end()
  })

  /** All that was learned of a process' container. */
  const learned = (recorder: Recorder, { pid }: { pid: number }) => {
    const { slot, counts } = met(recorder, pid)
    const { native, compat, x32, unknown } = counts
    const pairs = (table: typeof native): string[] => {
      const found: string[] = []
      table.forEach((count, nr) => found.push(`${nr}: ${count}`))
      return found
    }
    return {
      counts: [pairs(native), pairs(compat), pairs(x32), unknown],
      arguments: recorder.readArguments(slot.index, slot.generation),
      denials: recorder
        .denials(slot)
        .map((one) => ({ ...one, index: 0 }))
        .sort(
          (a, b) =>
            a.nr - b.nr || Number(a.arguments !== undefined) - Number(b.arguments !== undefined)
        ),
      slot: { ...slot, index: 0, lastSeen: 0n, exits: 0 }
    }
  }
  /** Leaves containers of each kind, over already, in a layout of so many slots. */
  const leave = async (slots: number, times = 1) => {
    const old = openRecorder({ pin, slots })
    old.attach()
    const left: { pid: number }[] = []
    for (let nth = 0; nth < times; nth += 1) {
      for (const [count, mode] of [
        [9, 'values'],
        [learnedValues + 1, 'values'],
        [5, 'x32'],
        [5, 'native']
      ] as const) {
        left.push(await call(count, mode))
      }
    }
    const before = left.map((one) => learned(old, one))
    old.stop({ keep: true })
    return { left, before }
  }

  await t.test('argument values and notes of refused calls go over too', async (t) => {
    const { left, before } = await leave(512)
    const refused = { nr: socket, count: 1, result: -1 }
    t.match(before[0]?.denials, [refused, { ...refused, arguments: [16n, 3n, 5n] }], 'by both')
    t.ok((before[1]?.arguments?.many ?? []).length > 0, 'and one with many values')
    const recorder = openRecorder({ pin, slots: 513 })
    t.teardown(() => recorder.stop())
    recorder.attach()
    const noted = recorder.noted()
    t.match(recorder.leftovers(), [{ problem: '' }])
    t.not(recorder.noted(), noted, 'whoever reads notes is told of it')
    t.same(
      left.map((one) => learned(recorder, one)),
      before
    )
    t.equal(recorder.counters().detailsLost, 0)
    // The kernel side and what was taken over are one note; to drop it is to drop both.
    const [one] = left
    const { slot } = met(recorder, one?.pid ?? 0)
    t.ok(recorder.watchDenials(slot.index, slot.generation, { native: [], compat: [], x32: [] }))
    t.same(recorder.denials(slot), [])
  })

  /** One that waits to be refused, in a slot that another one had before. */
  const meetAgain = (old: Recorder) =>
    until('a slot to be given again', async () => {
      const command = [calls, 'meet', '3', '0', 'trap']
      const launched = await meetProgram(command)
      const { slot } = met(old, launched.pid)
      if (slot.generation > 0) return { ...launched, slot }
      await launched.go()
      old.release(slot.index, slot.generation)
      return undefined
    })

  await t.test('a slot goes on under its generation, with what was noted before', async (t) => {
    const old = openRecorder({ pin, slots: 512 })
    t.teardown(() => old.stop())
    old.attach()
    const one = await meetAgain(old)
    old.stop({ keep: true })
    const recorder = openRecorder({ pin, slots: 513 })
    t.teardown(() => recorder.stop())
    recorder.attach()
    await one.go()
    t.equal(met(recorder, one.pid).slot.generation, 0)
    recorder.leftovers()
    const now = met(recorder, one.pid)
    t.match(now.slot, { generation: one.slot.generation, unnoted: false, complete: true })
    // Both counted meanwhile, and both noted.
    const of = recorder.denials(now.slot).filter(({ nr }) => nr === getsid)
    t.match(of, [{ count: now.counts.native.get(getsid), result: getsid }])
  })

  await t.test('killed before what was noted goes on under it: it does all the same', async (t) => {
    const old = openRecorder({ pin, slots: 512 })
    t.teardown(() => old.stop())
    old.attach()
    const one = await meetAgain(old)
    old.stop({ keep: true })
    const [layout = ''] = layouts()
    const child = start(513, 'slowly')
    await once(child.stdout, 'data')
    await one.go()
    const args = ['kill-noting', join(pin, layout), '1', String(child.pid)]
    const killer = spawn(oldLayout, args, { stdio: ['ignore', 'ignore', 'inherit'] })
    const killed = once(killer, 'exit')
    await until('the other one to be traced', () =>
      /^TracerPid:\s*[1-9]/m.test(readFileSync(`/proc/${child.pid ?? 0}/status`, 'utf8'))
        ? true
        : undefined
    )
    child.stdin.write('go on')
    t.same(await killed, [0, null])
    await kill(child)
    t.equal(layouts().length, 2)

    const recorder = openRecorder({ pin, slots: 513 })
    t.teardown(() => recorder.stop())
    recorder.leftovers()
    const now = met(recorder, one.pid)
    t.match(now.slot, { generation: one.slot.generation, unnoted: false, complete: true })
    const of = recorder.denials(now.slot).filter(({ nr }) => nr === getsid)
    t.match(of, [{ count: now.counts.native.get(getsid), result: getsid }])
  })

  await t.test('a layout that tells of neither', async (t) => {
    const { left, before } = await leave(512)
    // The first release's `about` was as long as this.
    execFileSync(oldLayout, ['shorten', join(pin, layouts()[0] ?? ''), '516'])
    const recorder = openRecorder({ pin, slots: 513 })
    t.teardown(() => recorder.stop())
    recorder.attach()
    t.match(recorder.leftovers(), [{ problem: '', slots: Number }])
    for (const [nth, one] of left.entries()) {
      const { slot, counts } = met(recorder, one.pid)
      t.match(slot, { complete: true, unnoted: true })
      t.same(learned(recorder, one).counts, before[nth]?.counts)
      const found = recorder.readArguments(slot.index, slot.generation)
      t.same(found?.values, [], 'no condition is made of some')
      const called = loadAddon().learned.filter(({ abi, nr }) =>
        (abi === 0 ? counts.native : counts.compat).has(nr)
      )
      t.same(
        found?.many.map(({ abi, nr }) => `${abi} ${nr}`),
        called.map(({ abi, nr }) => `${abi === 0 ? 'native' : 'compat'} ${nr}`)
      )
    }
    t.ok(recorder.counters().detailsLost >= left.length)
    recorder.stop({ keep: true })

    const next = openRecorder({ pin, slots: 512 })
    t.teardown(() => next.stop())
    next.attach()
    next.leftovers()
    for (const one of left) t.match(met(next, one.pid).slot, { unnoted: true }, 'and says so on')
  })

  await t.test('killed while it takes over: nothing twice, nothing lost', async (t) => {
    const { left, before } = await leave(1024, 8)
    const held = await hold(1024)
    const cat = await startCat()
    let echoes = 1
    await kill(held)
    let slots = 1024
    for (const moments of [
      [2, 7, 12],
      [1, 20, 30]
    ]) {
      const [old = ''] = layouts()
      slots += 1
      for (const moment of moments) {
        const child = start(slots)
        const args = ['kill', join(pin, old), String(moment), String(child.pid)]
        const killer = once(spawn(oldLayout, args, { stdio: 'inherit' }), 'exit')
        const [code] = (await killer) as [number]
        t.equal(code, 0, `killed at its ${moment}`)
        await kill(child)
        t.equal(layouts().length, 2)
        // Nobody reads, and one of the two counts.
        await cat.echo()
        echoes += 1
      }
      await kill(await hold(slots))
    }
    const recorder = openRecorder({ pin, slots })
    t.teardown(() => recorder.stop())
    t.match(recorder.pinning, { adopted: true })
    t.same(
      left.map((one) => learned(recorder, one)),
      before
    )
    const { slot, counts } = met(recorder, cat.pid)
    t.equal(counts.native.get(write), echoes)
    t.ok(slot.complete)
    cat.process.kill('SIGKILL')
    await cat.ended
  })

  await t.test('half-made pins', async (t) => {
    const first = await hold()
    const [layout = ''] = layouts()
    const cat = await startCat()
    await kill(first)
    mkdirSync(join(pin, 'v1-0-making'))
    unlinkSync(join(pin, layout, 'link-exec_btf'))
    const again = openRecorder({ pin, slots: 64 })
    t.match(again.pinning, { adopted: true })
    t.notOk(again.attached, 'two of three hooks are none')
    t.strictSame(layouts(), [layout])
    again.attach()
    t.equal(met(again, cat.pid).slot.complete, false, 'its calls were missed')
    again.stop({ keep: true })
    unlinkSync(join(pin, layout, 'map-slots'))
    const anew = openRecorder({ pin, slots: 64 })
    t.match(anew.pinning, { adopted: false })
    t.strictSame(anew.slots(), [])
    anew.attach()
    t.match(await anew.selfTest(), { ok: true })
    anew.stop()
    cat.process.kill('SIGKILL')
    await cat.ended
  })

  await t.test('killed at any moment of its life', async (t) => {
    // Each holder dies somewhere between its first instruction and some releases.
    for (let round = 0; round < 12; round += 1) {
      const args = ['--input-type=module', '-e', holder, '--', pin, '16']
      const child = spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'ignore'] })
      children.push(child)
      const limit = setTimeout(() => child.kill('SIGKILL'), 60 + round * 12)
      await once(child, 'exit')
      clearTimeout(limit)
    }
    const recorder = openRecorder({ pin, slots: 16 })
    recorder.attach()
    t.match(await recorder.selfTest(), { ok: true })
    const one = await call(7)
    t.match(met(recorder, one.pid).slot, { complete: true })
    recorder.stop()
    t.strictSame(layouts(), [])
  })

  await t.test('where nothing can be pinned', (t) => {
    const wrong = openRecorder({ pin: join(folder, 'plain'), slots: 4 })
    t.match(wrong.pinning, { adopted: false, problem: /not on a bpf file system/ })
    t.equal(wrong.pinning.folder, undefined)
    wrong.attach()
    t.ok(wrong.attached)
    wrong.stop()
    t.strictSame(cleanPins(join(folder, 'nothing')), [])
    t.end()
  })

  await t.test('clean', async (t) => {
    const child = await hold()
    child.stdin?.write('keep\n')
    await once(child, 'exit')
    t.equal(cleanPins(pin).length, 1)
    t.notOk(existsSync(pin))
  })

  await t.test('a satellite in a container of its own does not record itself', (t) => {
    const script = `
      const { openRecorder } = await import(${JSON.stringify(moduleUrl)})
      const { readlinkSync } = await import('node:fs')
      const own = Number(/\\d+/.exec(readlinkSync('/proc/self/ns/mnt'))[0])
      const recorder = openRecorder({ pin: process.argv[1], slots: 64 })
      recorder.attach()
      const slots = recorder.slots().filter(({ mntns }) => mntns === own)
      process.stdout.write(JSON.stringify(slots.map(({ ignored, distinct }) => [ignored, distinct])))
      recorder.stop()
    `
    // Its pid 1 is the shell: that one's mount namespace is the machine's, the inner one is its own.
    const inner = [
      'unshare',
      '-m',
      process.execPath,
      '--input-type=module',
      '-e',
      script,
      '--',
      pin
    ]
    const args = ['-p', '-f', '--mount-proc', 'sh', '-c', '"$@"; exit', 'sh', ...inner]
    t.equal(execFileSync('unshare', args, { encoding: 'utf8' }), '[[true,0]]')
    t.strictSame(layouts(), [])
    t.end()
  })
})
