import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Test, t, test } from 'tap'
import { probeTracing } from '../../native/recorder.js'
import { mustRun } from '../../cli/walk-through/run.js'
import { compare } from '../bench/completeness.js'
import { allowAll, type Fleet, idsOf, openFleet } from '../bench/container-fleet.js'
import { callsIn, startRecorded } from '../bench/recorded.js'
import { type BenchRow, judge } from '../bench/row.js'
import { shortLived } from '../bench/short-lived.js'
import { slopeOf, soakHolds, type SoakResult } from '../bench/soak.js'
import { readStraceLog } from '../bench/strace-log.js'
import { runTraced } from '../bench/traced-run.js'
import { runs } from '../helpers/fuzz.js'
import { repositoryRoot } from '../helpers/repository.js'
import { until } from '../helpers/until.js'

// Hundreds of real containers one after the other.
t.setTimeout(900_000)
const probe = probeTracing()
const skip = probe.available ? false : (probe.reason ?? 'nothing can be traced')
const short = { inARow: runs(25), atOnce: runs(10) }

test('what strace saw of a container, read from its log', (t) => {
  const boundary = `10 [ 157] prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, {len=5, filter=0xc0}) = 0`
  const cases: { name: string; log: string[]; seen: Record<string, number> }[] = [
    {
      name: 'only what comes after the filter, of the thread that has it',
      log: [
        "10 [  39] getpid()                   = 1 /* 10 in strace's PID NS */",
        "10 [  56] clone(child_stack=0x1, flags=CLONE_VM|CLONE_THREAD) = 2 /* 11 in strace's PID NS */",
        boundary,
        '11 [   1] write(1, ""..., 1)         = 1',
        '10 [   3] close(3)                   = 0'
      ],
      seen: { 'x86_64:close': 1 }
    },
    {
      name: 'a filter that was denied is no boundary; one by seccomp(2) is, a second one is a call',
      log: [
        '10 [ 317] seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, NULL) = -1 EFAULT (Bad address)',
        '10 [  39] getpid()                   = 1',
        '10 [ 317] seccomp(SECCOMP_SET_MODE_FILTER, 0, {len=5, filter=0xc0} <unfinished ...>',
        '10 [ 317] <... seccomp resumed>)     = 0',
        boundary,
        '10 [ 110] getppid( <unfinished ...>',
        '10 [ 110] <... getppid resumed>)     = 0'
      ],
      seen: { 'x86_64:prctl': 1, 'x86_64:getppid': 1 }
    },
    {
      name: "a child, whose first call may overtake the end of its parent's fork",
      log: [
        boundary,
        '10 [  58] vfork( <unfinished ...>',
        '12 [  39] getpid()                   = 6',
        '12 [ 231] exit_group(0)              = ?',
        '12 [ 231] +++ exited with 0 +++',
        "10 [  58] <... vfork resumed>)       = 6 /* 12 in strace's PID NS */",
        "10 [  57] fork()                     = 7 /* 12 in strace's PID NS */",
        '12 [ 102] getuid()                   = 0'
      ],
      seen: {
        'x86_64:vfork': 1,
        'x86_64:getpid': 1,
        'x86_64:exit_group': 1,
        'x86_64:fork': 1,
        'x86_64:getuid': 1
      }
    },
    {
      name: 'a number of another process that was freed by a task of the container',
      log: [
        '9 [   0] read(3, ""..., 1)          = 1',
        boundary.replace('10', '9 '),
        "9 [  57] fork()                     = 7 /* 12 in strace's PID NS */",
        '12 [ 231] exit_group(0)              = ?',
        '12 [ 231] +++ exited with 0 +++'
      ],
      seen: { 'x86_64:fork': 1, 'x86_64:exit_group': 1 }
    },
    {
      name: 'ABIs: int 0x80 in a 64-bit program, x32, and a number that two tables share',
      log: [
        boundary,
        '10 [  20] getpid()                   = 1',
        '10 [1073741863] getpid()             = -1 ENOSYS (Function not implemented)',
        '10 [ 186] gettid()                   = 1',
        '10 [ 435] clone3({flags=0}, 88)      = -1 ENOSYS (Function not implemented)',
        '10 [3000] syscall_0xbb8(0, 0, 0, 0, 0, 0) = -1 ENOSYS (Function not implemented)'
      ],
      seen: {
        'i386:getpid': 1,
        'x32:getpid': 1,
        'x86_64:gettid': 1,
        'x86_64:clone3': 1,
        'x86_64:syscall_3000': 1
      }
    },
    {
      name: 'an execve into a 32-bit program has the number of the new ABI when it ends',
      log: [
        boundary,
        '10 [  59] execve("/i386", [], 0x1 /* 0 vars */) = 0',
        '10 [  64] getppid()                  = 0',
        '10 [   1] exit(0)                    = ?'
      ],
      seen: { 'i386:execve': 1, 'i386:getppid': 1, 'i386:exit': 1 }
    },
    {
      name: 'execve by a thread that is not the leader',
      log: [
        boundary,
        "10 [  56] clone(child_stack=0x1, flags=CLONE_VM|CLONE_THREAD) = 2 /* 11 in strace's PID NS */",
        '11 [  59] execve("/bin/x", [], 0x1 /* 0 vars */ <unfinished ...>',
        '10 [ 202] +++ superseded by execve in pid 11 +++',
        '10 [  59] <... execve resumed>)      = 0',
        '10 [  12] brk(NULL)                  = 0x1'
      ],
      seen: { 'x86_64:clone': 1, 'x86_64:execve': 1, 'x86_64:brk': 1 }
    }
  ]
  for (const { name, log, seen } of cases) {
    t.strictSame(Object.fromEntries(readStraceLog(log.join('\n'))), seen, name)
  }
  t.throws(
    () => readStraceLog(`${boundary}\n77 [  39] getpid() = 1`),
    /nobody made task 77/,
    'a task from nowhere is an error, not a guess'
  )
  t.end()
})

test('the comparison can fail; the slope is that of the line', (t) => {
  const seen = new Map(Object.entries({ 'x86_64:read': 2, 'x86_64:open': 1 }))
  const ours = new Map(Object.entries({ 'x86_64:read': 3, 'i386:read': 1 }))
  t.strictSame(compare(seen, ours), {
    missing: ['x86_64:open'],
    foreign: ['i386:read'],
    countsDiffer: ['x86_64:read 2 ours 3']
  })
  t.strictSame(compare(seen, seen), { missing: [], foreign: [], countsDiffer: [] })
  const line = Array.from({ length: 20 }, (_, x): [number, number] => [x, 5 + 0.25 * x])
  t.ok(Math.abs(slopeOf(line) - 0.25) < 1e-9)
  t.end()
})

test('what must be reached is judged on the figures as they are printed', (t) => {
  const row = (name: string, ratio: Record<string, number>, median = 1): BenchRow => ({
    ...{ case: name, unit: 'ns', min: median, median, rounds: 1, ratio }
  })
  const rows = [
    row('close', { empty: 1.104, untraced: 1.456 }),
    row('sets', {}, 100.4),
    row('slow', {}, 101),
    row('none', {}, Number.NaN)
  ]
  const verdicts = judge(rows, [
    { case: 'close', of: 'empty', most: 1.1 },
    { case: 'close', of: 'untraced', most: 1.45 },
    ...['sets', 'slow', 'none'].map((name) => ({ case: name, of: 'median', most: 100 }))
  ]).map(({ verdicts = [] }) => verdicts.map(({ measured, met }) => [measured, met]))
  t.strictSame(verdicts, [
    [
      ['1.10', true],
      ['1.46', false]
    ],
    [['100', true]],
    [['101', false]],
    [['NaN', false]]
  ])
  t.throws(() => judge(rows, [{ case: 'sets', of: 'empty', most: 1 }]), RangeError)
  t.throws(() => judge(rows, [{ case: 'gone', of: 'median', most: 1 }]), RangeError)
  t.end()
})

test('a soak holds where nothing is lost; what may be of others is not judged', (t) => {
  const none = { unknownSyscalls: 0, unidentified: 0, details: 0, missed: 0, givenUp: 0 }
  const good: SoakResult = {
    ...{ minutes: 30, containers: 9, unseen: 0, wrong: 0, lost: 0, others: none, strangers: 0 },
    ...{ slope: 0.9, slopeOfAll: 2, slopeOfSecondHalf: 1, firstMb: 80, lastMb: 82 },
    ...{ cpuShare: 1, forgotten: 0 }
  }
  const cases: [Partial<SoakResult>, boolean][] = [
    [{}, true],
    [{ slope: 1 }, false],
    [{ lost: 1 }, false],
    [{ unseen: 1 }, false],
    [{ wrong: 1 }, false],
    [{ others: { ...none, details: 1 } }, false],
    [{ others: { ...none, givenUp: 1 } }, false],
    [{ others: { ...none, details: 1 }, strangers: 1 }, true]
  ]
  for (const [given, holds] of cases) {
    t.equal(soakHolds({ ...good, ...given }), holds, JSON.stringify(given))
  }
  t.end()
})

async function open(t: Test): Promise<{ folder: string; fleet: Fleet; own: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'secco-proof-'))
  const fleet = await openFleet(folder, 'default/proof')
  t.teardown(async () => {
    await fleet.close()
    await rm(folder, { recursive: true, force: true })
  })
  return { folder, fleet, own: idsOf('proof')(0) }
}

test('a whole run, call by call, against strace from the same boundary', { skip }, async (t) => {
  const { folder, fleet, own } = await open(t)
  const calls = join(folder, 'rootfs/calls')
  const source = join(repositoryRoot, 'test/native/calls.c')
  await mustRun('gcc', ['-O1', '-static', '-pthread', '-o', calls, source])
  const recorded = await startRecorded(fleet.root, (id) => id.startsWith(own))
  t.teardown(() => recorded.close())
  const modes: { args: string[]; exits?: number; must: string }[] = [
    { args: ['threads', '100', '4'], must: 'x86_64:getpriority' },
    { args: ['fork', '6'], must: 'x86_64:vfork' },
    { args: ['compat', '3'], must: 'i386:getpid' },
    { args: ['x32', '3'], must: 'x32:getpid' },
    { args: ['sigreturn', '3'], must: 'x86_64:rt_sigreturn' },
    { args: ['execveat'], must: 'x86_64:execveat' },
    { args: ['errno', '3'], must: 'x86_64:getsid' },
    { args: ['kill-thread'], must: 'x86_64:getsid' },
    { args: ['kill'], exits: 159, must: 'x86_64:getsid' }
  ]
  for (const [at, { args, exits, must }] of modes.entries()) {
    const id = `${own}-${at}`
    const seen = await runTraced({
      workload: { name: args.join(' '), args: () => ['/calls', ...args], exits: exits ?? 0 },
      place: { port: 0, page: '' },
      folder: join(folder, id),
      root: fleet.root,
      rootfs: join(folder, 'rootfs'),
      id,
      seccomp: allowAll,
      noNewPrivileges: at % 2 === 0
    })
    const observations = await recorded.ended(id)
    t.ok(seen.has(must), `${args.join(' ')}: strace saw ${must}`)
    t.strictSame(
      compare(seen, callsIn(observations)),
      { missing: [], foreign: [], countsDiffer: [] },
      args.join(' ')
    )
    t.ok(observations.every(({ complete }) => complete))
  }
})

test('containers that live for a moment: each has its own set, and all of it', {
  skip
}, async (t) => {
  const result = await shortLived(short.inARow, short.atOnce)
  t.strictSame(result.wrong, [])
  const ran = short.inARow + result.longer + short.atOnce
  t.match(result, { brief: short.inARow, ran, right: ran, lost: 0 })
  t.ok(result.longestMs < 50, `${result.longestMs} ms`)
})

test('what is lost is said', { skip }, async (t) => {
  const { folder, fleet, own } = await open(t)
  const isOwn = (id: string): boolean => id.startsWith(own)

  await t.test('a full table', async (t) => {
    const recorded = await startRecorded(fleet.root, isOwn, 2)
    const ids = [1, 2, 3, 4].map((n) => `${own}-full-${n}`)
    for (const id of ids) await fleet.stay(id, 1)
    // Other containers of this machine may have had the slots: then even more of ours found none.
    const named = (): number => ids.filter((id) => recorded.of(id).length > 0).length
    t.ok(recorded.losses().tableFull >= 2, 'counted')
    t.ok(named() <= 2)
    for (const id of ids) await fleet.end(id)
    await recorded.close()
    const whole = ids.filter((id) => recorded.of(id).some(({ complete }) => complete))
    t.ok(whole.length <= 2, 'who got a slot later is not said to be complete')
  })

  await t.test('numbers that no table knows', async (t) => {
    const recorded = await startRecorded(fleet.root, isOwn)
    const noise = join(folder, 'rootfs/noise')
    const source = join(repositoryRoot, 'test/bench/noise.c')
    await mustRun('gcc', ['-O1', '-static', '-o', noise, source])
    const before = recorded.losses().unknownSyscalls
    const id = `${own}-unknown`
    await runTraced({
      workload: { name: id, args: () => ['/noise', '7', '-', '500', '511', '512', '3000'] },
      place: { port: 0, page: '' },
      folder: join(folder, id),
      root: fleet.root,
      rootfs: join(folder, 'rootfs'),
      id,
      seccomp: allowAll,
      noNewPrivileges: true
    })
    const calls = callsIn(await recorded.ended(id))
    t.match(Object.fromEntries(calls), {
      'x86_64:syscall_500': 7,
      'x86_64:syscall_511': 7,
      'x86_64:syscall_unknown': 14
    })
    t.ok(recorded.losses().unknownSyscalls - before >= 14, 'and counted for the node')
    await recorded.close()
  })

  await t.test(
    'a container without a cgroup of its own; one that is gone before it has a name',
    async (t) => {
      const recorded = await startRecorded(fleet.root, isOwn)
      t.teardown(() => recorded.close())
      const inRootCgroup = async (id: string, args: string[], flags: string[]): Promise<void> => {
        await fleet.live(`${own}-model`, 3)
        const model = await readFile(join(folder, 'bundles/3/config.json'), 'utf8')
        const config = JSON.parse(model) as { process: { args: string[] }; hooks?: unknown }
        config.process.args = args
        const unified = (await mustRun('findmnt', ['-nt', 'cgroup2', '-o', 'TARGET'])).trim()
        const script = `sed 's/.*"pid":\\([0-9]*\\).*/\\1/' >${unified}/cgroup.procs`
        config.hooks = { createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', script] }] }
        const bundle = join(folder, id)
        await mkdir(bundle, { recursive: true })
        await writeFile(join(bundle, 'config.json'), JSON.stringify(config))
        const command = ['--root', fleet.root, 'run', ...flags, '--bundle', bundle, id]
        await promisify(execFile)('sh', [
          '-c',
          `runc ${command.join(' ')} >/dev/null 2>&1 </dev/null`
        ])
      }
      const staying = `${own}-no-cgroup`
      await inRootCgroup(staying, ['/life', '3', 'stay'], ['-d'])
      const [observation] = await until(`${staying} to be named`, () => {
        const all = recorded.of(staying)
        return all.length > 0 ? all : undefined
      })
      t.match(
        observation,
        { complete: true, container: { id: staying } },
        'its mount namespace tells'
      )
      await fleet.end(staying)
      await recorded.ended(staying)

      // Nobody can read its state here, and its cgroup is the root's: nothing names it.
      const elsewhere = await mkdtemp(join(tmpdir(), 'secco-elsewhere-'))
      t.teardown(() => rm(elsewhere, { recursive: true, force: true }))
      const blind = await startRecorded(elsewhere, isOwn)
      t.teardown(() => blind.close())
      const before = blind.losses().unidentified
      const gone = `${own}-gone`
      await inRootCgroup(gone, ['/life', '3'], [])
      await until(`${gone} to be counted`, () => blind.losses().unidentified > before || undefined)
      t.same(blind.of(gone), [], 'counted, and not under a guessed name')
    }
  )

  await t.test('a container that ends before its runtime could be asked', async (t) => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'secco-elsewhere-'))
    const recorded = await startRecorded(elsewhere, isOwn)
    const id = `${own}-unwatched`
    const before = recorded.losses().unidentified
    await fleet.live(id, 9)
    const [observation] = await recorded.ended(id)
    t.match(observation, { complete: true, container: { id, runtime: 'unknown' } })
    t.ok(recorded.losses().unidentified > before, 'and counted')
    await recorded.close()
    await rm(elsewhere, { recursive: true, force: true })
  })
})
