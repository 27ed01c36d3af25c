import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { test } from 'tap'
import { type LaunchOptions, launchCommand } from '../../native/launcher.js'
import { packageRoot } from '../../native/paths.js'
import { openRecorder, probeTracing } from '../../native/recorder.js'
import { compileFilter, trialLoad } from '../../native/trial-load.js'
import type { Recorder, Slot, SlotCounts } from '../../native/types.js'
import { markedName } from '../helpers/test-run.js'

// x86-64 and i386 numbers that the programs call.
const nr = {
  getpriority: 140,
  getsid: 124,
  getpid: 39,
  fork: 57,
  vfork: 58,
  prctl: 157,
  seccomp: 317,
  execve: 59,
  execveat: 322,
  rtSigreturn: 15,
  exitGroup: 231
}

const probe = probeTracing()
const skip = probe.available ? false : `nothing can be traced here: ${probe.reason ?? ''}`
const moduleUrl = new URL('../../native/recorder.js', import.meta.url).href

interface Met {
  slot: Slot
  counts: SlotCounts
}

interface Run {
  code: number | null
  signal: NodeJS.Signals | null
  mntns: number
  pid: number
}

/** Process ids of what `run` started: another test of this machine may use the launcher too. */
const started = new Set<number>()

async function run(command: string[], options: LaunchOptions = { filter: true }): Promise<Run> {
  const launched = await launchCommand(command, { stdio: 'ignore', ...options })
  started.add(launched.pid)
  launched.go()
  return { ...(await launched.ended), mntns: launched.mntns, pid: launched.pid }
}

/** Reads the newest slot of a mount namespace and gives it back. */
function drain(recorder: Recorder, mntns: number): Met {
  const slot = recorder
    .slots()
    .filter((one) => one.mntns === mntns)
    .sort((a, b) => Number(b.firstSeen - a.firstSeen))[0]
  if (slot === undefined) throw new Error(`no slot for ${mntns}`)
  const counts = recorder.read(slot.index, slot.generation)
  if (counts === undefined) throw new Error(`slot ${slot.index} has another generation`)
  recorder.release(slot.index, slot.generation)
  return { slot, counts }
}

/** Gives all slots back, other people's containers' too; returns those of what `run` started. */
function clear(recorder: Recorder): Slot[] {
  const slots = recorder.slots()
  for (const slot of slots) recorder.release(slot.index, slot.generation)
  return slots.filter((slot) => started.has(slot.pid))
}

const incomplete = (slots: readonly Slot[]) => slots.filter((slot) => !slot.complete)

const folder = mkdtempSync(join(tmpdir(), 'secco-native-'))
const source = (name: string): string => join(packageRoot(), 'test', 'native', name)
const calls = join(folder, 'calls')
const i386 = join(folder, 'i386')
const programs = join(folder, 'programs')
if (skip === false) {
  execFileSync('cc', ['-O1', '-pthread', '-o', calls, source('calls.c')])
  execFileSync('cc', ['-O1', '-o', programs, source('programs.c'), '-lbpf'])
}
const has32 =
  skip === false &&
  spawnSync('cc', ['-m32', '-O1', '-nostdlib', '-static', '-fno-pic', '-o', i386, source('i386.c')])
    .status === 0

/** Where cgroup v2 is mounted, alone or beside v1. */
function unifiedRoot(): string {
  const line = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .find((mount) => mount.split(' ')[2] === 'cgroup2')
  return line?.split(' ')[1] ?? ''
}

test('recorder', { skip }, async (t) => {
  const recorder = openRecorder()
  recorder.attach()
  t.teardown(() => {
    recorder.stop()
    rmSync(folder, { recursive: true })
  })
  const counted = async (args: string[], options?: LaunchOptions): Promise<Met & { run: Run }> => {
    const done = await run([calls, ...args], options)
    return { ...drain(recorder, done.mntns), run: done }
  }

  await t.test('the self-test counts every marker call', async (t) => {
    t.same(await recorder.selfTest(), { expected: 1000, counted: 1000, ok: true })
    t.equal(recorder.counters().recursionMisses, 0)
  })

  const cases: [string, string[], (counts: SlotCounts) => unknown, unknown][] = [
    ['calls of one thread', ['native', '12345'], (c) => c.native.get(nr.getpriority), 12345],
    ['calls of 8 threads', ['threads', '20000', '8'], (c) => c.native.get(nr.getpriority), 160000],
    ['int 0x80', ['compat', '77'], (c) => [c.compat.get(20), c.native.has(20)], [77, false]],
    ['x32', ['x32', '78'], (c) => [c.x32.get(nr.getpid), c.native.has(nr.getpid)], [78, false]],
    [
      'fork and vfork, once each',
      ['fork', '10'],
      (c) => [c.native.get(nr.fork), c.native.get(nr.vfork), c.native.get(nr.exitGroup)],
      [5, 5, 11]
    ],
    ['ERRNO', ['errno', '321'], (c) => c.native.get(nr.getsid), 321],
    ['KILL_PROCESS', ['kill'], (c) => c.native.get(nr.getsid), 1],
    ['KILL_THREAD among threads', ['kill-thread'], (c) => c.native.get(nr.getsid), 1],
    ["the application's own filter", ['errno', '1'], (c) => c.native.get(nr.prctl), 1],
    ['prctl that sets no filter', ['prctl', '9'], (c) => c.native.get(nr.prctl), 9],
    ['unknown numbers', ['unknown', '5'], (c) => c.unknown, 5],
    ['rt_sigreturn', ['sigreturn', '6'], (c) => c.native.get(nr.rtSigreturn), 6],
    [
      'execveat, and the execve before it',
      ['execveat'],
      (c) => [c.native.get(nr.execveat), c.native.get(nr.execve)],
      [1, 1]
    ]
  ]
  for (const filter of [true, false]) {
    for (const [name, args, got, expected] of cases) {
      await t.test(`${filter ? 'filtered' : 'unfiltered'}: ${name}`, async (t) => {
        const met = await counted(args, { filter })
        t.same(got(met.counts), expected)
        t.match(met.slot, { filtered: filter, complete: true, pid: met.run.pid })
        const { native, compat, x32, unknown } = met.counts
        t.equal(met.slot.distinct, native.size + compat.size + x32.size + Math.min(unknown, 1))
      })
    }
  }
  t.ok(recorder.counters().unknownSyscalls >= 10)

  await t.test('the call that installs the filter is no part of the set', async (t) => {
    const { counts, slot } = await counted(['native', '1'])
    t.notOk(counts.native.has(nr.prctl))
    t.notOk(counts.native.has(nr.seccomp))
    t.equal(counts.native.get(nr.execve), 1)
    t.equal(slot.comm, 'secco-launcher')
  })

  await t.test('who went home to the namespace of the machine counts nowhere', (t) => {
    const mntns = Number(execFileSync(calls, ['home', '100'], { encoding: 'utf8' }))
    const { counts } = drain(recorder, mntns)
    t.equal(counts.native.get(nr.getpriority), 100)
    t.equal(counts.native.get(nr.getsid), undefined)
    t.end()
  })

  await t.test('an i386 binary', { skip: has32 ? false : 'no 32-bit compiler' }, async (t) => {
    const { counts } = await counted(['exec', i386])
    t.same(
      counts.compat,
      new Map([
        [1, 1],
        [11, 1],
        [64, 5]
      ])
    )
  })

  await t.test('two containers at once do not mix', async (t) => {
    const both = await Promise.all(
      ['1111', '2222'].map((n) =>
        launchCommand([calls, 'native', n], { filter: true, stdio: 'ignore' })
      )
    )
    for (const one of both) one.go()
    await Promise.all(both.map((one) => one.ended))
    t.same(
      both.map((one) => drain(recorder, one.mntns).counts.native.get(nr.getpriority)),
      [1111, 2222]
    )
  })

  await t.test('a reused mount namespace number makes a new slot', async (t) => {
    const root = unifiedRoot()
    const groups = ['a', 'b'].map((name) => join(root, markedName(name)))
    const options: LaunchOptions[] = [
      ...groups.map((cgroup) => ({ filter: true, cgroup })),
      { filter: true },
      { filter: true },
      { filter: false }
    ]
    const runs: Run[] = []
    for (const [i, one] of options.entries()) {
      runs.push(await run([calls, 'native', String(10 + i)], one))
    }
    const slots = runs.map((done) => recorder.slots().find((slot) => slot.pid === done.pid))
    t.same(
      slots.map(
        (slot) => slot && recorder.read(slot.index, slot.generation)?.native.get(nr.getpriority)
      ),
      [10, 11, 12, 13, 14]
    )
    t.same(
      slots.map((slot) => slot?.complete),
      [true, true, true, true, true]
    )
    t.equal(slots[0]?.cgroupName, groups[0]?.split('/').at(-1))
    t.equal(slots[0]?.cgroupId, statSync(groups[0] ?? '', { bigint: true }).ino)
    t.not(slots[0]?.cgroupId, slots[1]?.cgroupId)
    clear(recorder)
    for (const group of groups) rmdirSync(group)
  })

  await t.test('adopt, ignore', async (t) => {
    recorder.detach()
    t.notOk(recorder.attached)
    const cat = await launchCommand(['cat'], { filter: true, stdio: 'pipe' })
    const out = cat.process.stdout
    if (out === null || cat.process.stdin === null) throw new Error('no pipes')
    cat.go()
    cat.process.stdin.write('1')
    await once(out, 'data')
    recorder.attach()
    const path = /^0::(.*)$/m.exec(readFileSync(`/proc/${cat.pid}/cgroup`, 'utf8'))?.[1] ?? '/'
    const id = statSync(join(unifiedRoot(), path), { bigint: true }).ino
    const slot = recorder.adopt(cat.mntns, id, cat.pid)
    t.match(slot, { complete: false, filtered: true, pid: cat.pid, comm: 'cat' })
    t.equal(recorder.adopt(cat.mntns, id, cat.pid)?.index, slot?.index)
    if (slot === undefined) return
    const writes = (): number | undefined =>
      recorder.read(slot.index, slot.generation)?.native.get(1)
    for (let i = 0; i < 3; i++) {
      cat.process.stdin.write('2')
      await once(out, 'data')
    }
    // cat may still be inside its last write when its bytes arrive.
    t.ok([2, 3].includes(writes() ?? 0), `writes: ${String(writes())}`)
    t.ok(recorder.ignore(slot.index, slot.generation))
    cat.process.stdin.end('3')
    await text(out)
    await cat.ended
    t.ok([2, 3].includes(writes() ?? 0))
    t.notOk(recorder.release(slot.index, slot.generation + 1))
    t.ok(recorder.release(slot.index, slot.generation))
    t.equal(recorder.read(slot.index, slot.generation), undefined)
  })

  await t.test('what began before the attachment is never complete', async (t) => {
    recorder.detach()
    const shell = await launchCommand(['sh'], { stdio: 'pipe' })
    if (shell.process.stdin === null || shell.process.stdout === null) throw new Error('no pipes')
    shell.go()
    shell.process.stdin.write('echo a\n')
    await once(shell.process.stdout, 'data')
    recorder.attach()
    shell.process.stdin.end('/bin/true\n')
    await shell.ended
    t.match(drain(recorder, shell.mntns).slot, { complete: false, filtered: false })
  })

  await t.test('a full table is counted, a released slot is reused', async (t) => {
    const small = openRecorder({ slots: 1 })
    t.teardown(() => {
      small.stop()
    })
    small.attach()
    // Another container of this machine may be quicker.
    let first = await run(['true'])
    while (small.slots()[0]?.pid !== first.pid) {
      clear(small)
      first = await run(['true'])
    }
    const cgroup = join(unifiedRoot(), markedName('full'))
    const second = await run([calls, 'native', '5'], { filter: true, cgroup })
    rmdirSync(cgroup)
    t.ok(small.counters().tableFull >= 1)
    t.same(
      small.slots().map((slot) => slot.pid),
      [first.pid]
    )
    t.equal(small.adopt(second.mntns, 99n, process.pid), undefined)
    const before = drain(small, first.mntns).slot
    let third = await run([calls, 'native', '3'])
    while (small.slots()[0]?.pid !== third.pid) {
      clear(small)
      await setImmediate() // the slot is free after an RCU grace period
      third = await run([calls, 'native', '3'])
    }
    const { slot, counts } = drain(small, third.mntns)
    t.match(slot, { index: 0, pid: third.pid })
    t.ok(slot.generation > before.generation)
    t.equal(counts.native.get(nr.getpriority), 3)
    // The other recorder has seen them all, however often their namespace's number came again.
    t.same(incomplete(clear(recorder)), [])
  })

  await t.test('raw_tp counts the same', async (t) => {
    const raw = openRecorder({ hook: 'raw_tp', slots: 8 })
    raw.attach()
    t.equal(raw.hook, 'raw_tp')
    t.ok((await raw.selfTest()).ok)
    const done = await run([calls, 'execveat'])
    t.equal(drain(raw, done.mntns).counts.native.get(nr.execveat), 1)
    raw.stop()
    t.same(incomplete(clear(recorder)), [])
  })

  await t.test('CPUs that share a row of counters', async (t) => {
    // As a table of 4,096 slots has them from 3 CPUs on; on fewer each CPU has its own.
    const shared = openRecorder({ slots: 64, stripes: 1 })
    shared.attach()
    for (const [args, expected] of [
      [['native', '1000000'], 1_000_000],
      [['threads', '200000', '8'], 1_600_000]
    ] as const) {
      const done = await run([calls, ...args])
      const { slot, counts } = drain(shared, done.mntns)
      t.equal(counts.native.get(nr.getpriority), expected, args.join(' '))
      t.match(slot, { complete: true, distinct: counts.native.size })
    }
    const { counts } = drain(shared, (await run([calls, 'execveat'])).mntns)
    t.same([counts.native.get(nr.execveat), counts.native.get(nr.execve)], [1, 1], 'minus one')
    t.ok((await shared.selfTest()).ok)
    t.equal(shared.counters().recursionMisses, 0)
    shared.stop()
    t.same(incomplete(clear(recorder)), [])
  })

  await t.test('stop twice, use after stop, a worker that ends without stop', async (t) => {
    const one = openRecorder({ slots: 2 })
    one.attach()
    one.stop()
    one.stop()
    t.notOk(one.attached)
    t.throws(() => one.slots(), { message: 'the recorder was stopped' })
    const worker = new Worker(
      `import(${JSON.stringify(moduleUrl)}).then((m) => { const r = m.openRecorder({slots: 2}); r.attach(); process.exit(0) })`,
      { eval: true }
    )
    const [code] = (await once(worker, 'exit')) as [number]
    t.equal(code, 0)
    t.throws(() => openRecorder({ slots: 0 }), RangeError)
  })

  await t.test('a killed process leaves nothing attached', async (t) => {
    const child = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { openRecorder } from ${JSON.stringify(moduleUrl)}
        const recorder = openRecorder({ slots: 2 })
        recorder.attach()
        console.log('up')
        setInterval(() => recorder, 1e6)`
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] }
    )
    await once(child.stdout, 'data')
    const ids = readdirSync(`/proc/${child.pid ?? 0}/fdinfo`).flatMap(
      (fd) =>
        /^prog_id:\s*(\d+)$/m.exec(
          readFileSync(`/proc/${child.pid ?? 0}/fdinfo/${fd}`, 'utf8')
        )?.[1] ?? []
    )
    t.ok(ids.length >= 3)
    t.equal(spawnSync(programs, ids).status, 1)
    child.kill('SIGKILL')
    await once(child, 'exit')
    while (spawnSync(programs, ids).status !== 0) await setImmediate()
  })

  const python = ['/usr/bin/python3', 'python3'].find(
    (path) => path === 'python3' || existsSync(path)
  )
  const commands = [
    ['true'],
    ['bash', '-c', 'ls -la / | sort | head'],
    [python ?? '', '-c', "import ssl, json, subprocess; subprocess.run(['true'])"]
  ]
  for (const command of commands) {
    await t.test(`strace sees nothing more: ${command.join(' ')}`, async (t) => {
      const log = join(folder, 'strace')
      execFileSync('strace', ['-f', '-n', '-o', log, ...command], { stdio: 'ignore' })
      const seen = new Map<number, number>()
      for (const line of readFileSync(log, 'utf8').split('\n')) {
        const number = /resumed>|\+\+\+|---/.test(line)
          ? undefined
          : /^\d+ +\[ *(\d+)\]/.exec(line)?.[1]
        if (number !== undefined) seen.set(Number(number), (seen.get(Number(number)) ?? 0) + 1)
      }
      const done = await run(command)
      const { counts } = drain(recorder, done.mntns)
      t.same(
        [...seen.keys()].filter((number) => !counts.native.has(number)),
        []
      )
      if (command.length > 1) return
      const counted = new Map<number, number>()
      counts.native.forEach((count, number) => counted.set(number, count))
      t.same(counted, seen)
    })
  }
})

test('launcher', { skip }, async (t) => {
  t.equal((await run(['sh', '-c', 'exit 7'])).code, 7)
  t.equal((await run(['sh', '-c', 'kill -9 $$'])).signal, 'SIGKILL')
  t.equal((await run(['/etc'])).code, 126)
  const rejected = (command: string[], options: LaunchOptions): Promise<unknown> =>
    launchCommand(command, { stdio: 'ignore', ...options }).catch(
      (error: unknown) => (error as { exitCode?: unknown }).exitCode
    )
  t.equal(await rejected(['no-such-command'], {}), 127)
  t.equal(await rejected(['true'], { cgroup: '/proc/x' }), 125)
})

test('trial load', { skip }, async (t) => {
  const allow = (names: string[]) => [{ names, action: 'SCMP_ACT_ALLOW' }]
  const table: [string, Parameters<typeof trialLoad>[0], unknown][] = [
    [
      'plain',
      { defaultAction: 'SCMP_ACT_ERRNO', syscalls: allow(['read']) },
      { ok: true, skipped: [] }
    ],
    ['kills all', { defaultAction: 'SCMP_ACT_KILL_PROCESS' }, { ok: true, skipped: [] }],
    [
      'every key',
      {
        defaultAction: 'SCMP_ACT_ERRNO',
        defaultErrnoRet: 38,
        architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
        syscalls: [
          { names: ['read', 'nosuchcall'], action: 'SCMP_ACT_ALLOW' },
          {
            names: ['personality'],
            action: 'SCMP_ACT_ALLOW',
            args: [
              { index: 0, value: 0, op: 'SCMP_CMP_EQ' },
              { index: 0, value: 0xffffffff, op: 'SCMP_CMP_EQ' }
            ]
          },
          {
            names: ['clone'],
            action: 'SCMP_ACT_ALLOW',
            args: [{ index: 0, value: 2114060288, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }]
          },
          { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 },
          { names: ['ptrace'], action: 'SCMP_ACT_LOG' }
        ]
      },
      { ok: true, skipped: ['nosuchcall'] }
    ],
    [
      'unknown action',
      { defaultAction: 'SCMP_ACT_NO' },
      { ok: false, reason: 'unknown action SCMP_ACT_NO' }
    ],
    [
      'unknown architecture',
      { defaultAction: 'SCMP_ACT_ALLOW', architectures: ['SCMP_ARCH_VAX'] },
      { ok: false, reason: 'architecture vax: Invalid argument' }
    ],
    [
      'a line end in a name',
      { defaultAction: 'SCMP_ACT_ERRNO', syscalls: allow(['read\ndefault']) },
      { ok: false, reason: '"read\\ndefault" is not a name' }
    ]
  ]
  for (const [name, profile, expected] of table) {
    const found = await trialLoad(profile)
    if (!found.ok) {
      t.same(found, expected, name)
      continue
    }
    const { bytes, ...rest } = found
    t.same(rest, expected, name)
    t.same(bytes, (await compileFilter(profile))?.bytes, `${name}: the filter that was loaded`)
  }
})
