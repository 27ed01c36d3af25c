import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'tap'
import { launchCommand, type LaunchedCommand } from '../../native/launcher.js'
import { packageRoot } from '../../native/paths.js'
import { cleanPins, RecorderInUse } from '../../native/pins.js'
import { openRecorder, probeTracing } from '../../native/recorder.js'
import type { Recorder, Slot, SlotCounts } from '../../native/types.js'

const probe = probeTracing()
const skip = probe.available ? false : `nothing can be traced here: ${probe.reason ?? ''}`
const moduleUrl = new URL('../../native/recorder.js', import.meta.url).href
const getpriority = 140

/** A process that holds a pinned recorder and says `open` once it records. */
const holder = `
const { openRecorder } = await import(${JSON.stringify(moduleUrl)})
const recorder = openRecorder({ pin: process.argv[1], slots: Number(process.argv[2]) })
recorder.attach()
recorder.leftovers()
process.stdout.write('open\\n')
process.stdin.on('data', () => { recorder.stop({ keep: true }); process.exit(0) })
setInterval(() => {}, 1000)
`

test('pins', { skip, timeout: 300_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'secco-pins-'))
  const mount = join(folder, 'bpf')
  const pin = join(mount, 'secco')
  const [calls, pinHeader] = [join(folder, 'calls'), join(folder, 'pin-header')]
  mkdirSync(mount)
  execFileSync('mount', ['-t', 'bpf', 'bpf', mount])
  const sources = join(packageRoot(), 'test', 'native')
  execFileSync('cc', ['-O1', '-pthread', '-o', calls, join(sources, 'calls.c')])
  execFileSync('cc', ['-O1', '-o', pinHeader, join(sources, 'pin-header.c'), '-lbpf'])
  const children: ChildProcess[] = []
  t.teardown(async () => {
    for (const child of children) await kill(child)
    if (existsSync(pin)) cleanPins(pin)
    execFileSync('umount', [mount])
    rmSync(folder, { recursive: true })
  })
  const layouts = (): string[] => (existsSync(pin) ? readdirSync(pin) : [])
  const pinsIn = (layout = ''): string[] => readdirSync(join(pin, layout)).sort()

  const start = (slots: number) => {
    const args = ['--input-type=module', '-e', holder, '--', pin, String(slots)]
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
  const call = async (count: number): Promise<{ mntns: number; pid: number }> => {
    const one = await launchCommand([calls, 'native', String(count)], {
      filter: true,
      stdio: 'ignore'
    })
    one.go()
    await one.ended
    return one
  }
  /** A container that does as it is told: one read and one write for each byte. */
  const startCat = async (): Promise<LaunchedCommand & { echo: () => Promise<void> }> => {
    const cat = await launchCommand(['cat'], { filter: true, stdio: 'pipe' })
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
    // The kernel's clock of files may be a tick behind.
    const began = Date.now() - 100
    const first = await hold()
    const [layout = ''] = layouts()
    t.ok(pinsIn(layout).filter((name) => name.startsWith('link-')).length >= 3)
    const cat = await startCat()
    const early = await call(11)
    await kill(first)
    const meanwhile = await call(22)
    await cat.echo()

    const recorder = openRecorder({ pin, slots: 64 })
    const { since, ...pinning } = recorder.pinning
    t.strictSame(pinning, { folder: pin, adopted: true })
    t.ok(since !== undefined && since >= began && since <= Date.now(), 'when the counts began')
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
    await t.rejects(hold(), 'a second one is rejected')
    t.throws(() => openRecorder({ pin, slots: 64 }), RecorderInUse)
    t.throws(() => cleanPins(pin), RecorderInUse)

    const before = met(recorder, cat.pid)
    recorder.stop({ keep: true })
    const next = openRecorder({ pin, slots: 64 })
    t.equal(next.pinning.since, since, 'the same pins')
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

  await t.test('pins of another layout are counted and removed', async (t) => {
    const old = await hold(32)
    const cat = await startCat()
    const gone = await call(33)
    old.stdin?.write('keep\n')
    await once(old, 'exit')
    const before = Date.now() - 100
    const recorder = openRecorder({ pin, slots: 64 })
    t.teardown(() => recorder.stop())
    t.equal(recorder.pinning.adopted, false)
    t.ok((recorder.pinning.since ?? 0) > before, 'other pins begin at zero')
    t.equal(layouts().length, 2)
    recorder.attach()
    const [removed] = recorder.leftovers()
    t.match(removed, { problem: '' })
    t.ok((removed?.missed ?? 0) >= 2, `both were in it: ${removed?.missed ?? 0}`)
    t.equal(layouts().length, 1)
    t.notOk(
      recorder.slots().some(({ pid }) => pid === gone.pid),
      'what is over is lost'
    )
    await cat.echo()
    t.match(met(recorder, cat.pid).slot, { complete: false }, 'what runs is not complete')
    cat.process.kill('SIGKILL')
    await cat.ended

    const table: [string, string[], RegExp][] = [
      ['v0-strange', [], /no header/],
      ['v2-newer', ['2', '32', '8'], /newer release/],
      ['v1-cut', ['1', '32', '8'], /slots cannot be read/]
    ]
    for (const [layout, header, problem] of table) {
      mkdirSync(join(pin, layout))
      if (header.length > 0) execFileSync(pinHeader, [join(pin, layout), ...header])
      t.matchOnly(recorder.leftovers(), [{ layout, missed: 0, problem }])
      t.equal(layouts().length, 1)
    }
  })

  await t.test('half-made pins', async (t) => {
    const first = await hold()
    const [layout = ''] = layouts()
    const cat = await startCat()
    await kill(first)
    mkdirSync(join(pin, 'v1-0-making'))
    unlinkSync(join(pin, layout, 'link-exec_btf'))
    const again = openRecorder({ pin, slots: 64 })
    t.notOk(again.attached, 'two of three hooks are none')
    t.match(again.pinning, { folder: pin, adopted: false }, 'nothing was recorded meanwhile')
    t.strictSame(layouts(), [layout])
    again.attach()
    t.equal(met(again, cat.pid).slot.complete, false, 'its calls were missed')
    again.stop({ keep: true })
    unlinkSync(join(pin, layout, 'map-slots'))
    const fresh = openRecorder({ pin, slots: 64 })
    t.match(fresh.pinning, { adopted: false })
    t.strictSame(fresh.slots(), [])
    fresh.attach()
    t.match(await fresh.selfTest(), { ok: true })
    fresh.stop()
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
    t.matchOnly(wrong.pinning, { adopted: false, problem: /not on a bpf file system/ })
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
