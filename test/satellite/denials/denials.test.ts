import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { t, test } from 'tap'
import { probeTracing } from '../../../native/recorder.js'
import type { DenialDetail, Slot } from '../../../native/types.js'
import { AuditedCalls } from '../../../satellite/denials/audited-calls.js'
import { DenialWatch } from '../../../satellite/denials/denial-watch.js'
import { ReportPace } from '../../../satellite/lib/report-pace.js'
import { readyAfterMs, Phases } from '../../../satellite/recorder/slots/phases.js'
import { namedArguments } from '../../../satellite/recorder/slots/slot-arguments.js'
import type { AbiCounts, Observation } from '../../../src/api/gen/hub.js'
import type { LinuxSeccomp, SeccompAction } from '../../../src/api/seccomp-profile.js'
import { createLogger } from '../../../src/lib/log.js'
import { runtimeDefault } from '../../../src/seccomp/policy/runtime-default.js'
import type { Denial } from '../../../webhook/hub/denials/denial.js'
import { isNightly } from '../../helpers/fuzz.js'
import { quiet } from '../../helpers/quiet.js'
import { until } from '../../helpers/until.js'
import { everything } from '../denial-rig.js'
import { matchLists } from '../../helpers/match-lists.js'

t.setTimeout(600_000)
/** Other programs may keep this machine busy. */
const patience = { timeoutMs: 90_000 }
const probe = probeTracing()
const skip = probe.available ? false : (probe.reason ?? 'nothing can be traced')

/** Denies getpriority only, which nothing but the test program calls. */
const denying = (action: SeccompAction, errnoRet?: number): LinuxSeccomp => ({
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names: ['getpriority'], action, ...(errnoRet === undefined ? {} : { errnoRet }) }]
})

test('denials, parts and phases of real containers, up to the hub', { skip }, async (t) => {
  const all = await everything()
  t.teardown(() => all.dispose())
  const { hub, offered, runc, bundle, root } = all
  let made = 0
  const start = async (args: string[], seccomp: LinuxSeccomp): Promise<string> => {
    const id = `secco-denials-${process.pid}-${(made += 1)}`
    const path = await bundle(args, seccomp)
    const child = spawn('runc', ['--root', root, 'run', '--detach', '--bundle', path, id], {
      stdio: 'ignore'
    })
    const [code] = (await once(child, 'exit')) as [number]
    t.equal(code, 0, `${id} started`)
    return id
  }
  const of = (id: string, syscall = 'getpriority'): Denial | undefined =>
    hub.denials().find((one) => one.container === id && one.syscall === syscall)
  const denied = (id: string, count: number, syscall?: string): Promise<Denial> =>
    until(
      `${count} denials of ${id}`,
      () => {
        const found = of(id, syscall)
        return found?.count === count ? found : undefined
      },
      patience
    )
  const ended = (id: string, part = 'entry'): Promise<Observation> =>
    until(
      `the end of ${id}`,
      () => offered.findLast((one) => one.container?.id === id && one.ended && one.part === part),
      patience
    )
  const followed = (id: string): Promise<unknown> =>
    until(`${id} is known`, () => offered.find((one) => one.container?.id === id), patience)

  // The container waits until the satellite knows it, so that details are there from the first call.
  const kinds: [SeccompAction, number | undefined, string, Partial<Denial>][] = [
    ['SCMP_ACT_ERRNO', 13, 'denied', { errno: 13, signal: '' }],
    ['SCMP_ACT_LOG', undefined, 'denied', { errno: 0, signal: '' }],
    ['SCMP_ACT_KILL_PROCESS', undefined, 'children', { errno: 0, signal: 'SIGSYS' }],
    ['SCMP_ACT_KILL_THREAD', undefined, 'children', { errno: 0, signal: 'SIGSYS' }],
    ['SCMP_ACT_TRAP', undefined, 'children', { errno: 0, signal: 'SIGSYS' }]
  ]
  for (const [at, [action, errno, how, detail]] of kinds.entries()) {
    const count = 3 + at
    const id = await start(['signal', '1', how, String(count)], denying(action, errno))
    await followed(id)
    await runc('kill', id, 'USR1')
    const found = await denied(id, count)
    t.match(found, { ...detail, action, abi: 'x86_64', comm: 'denied', expected: false }, action)
    t.ok(found.pid > 0 && found.succeeded === 0)
    await ended(id)
    t.equal(of(id)?.count, count, 'not more at its end')
    await runc('delete', '--force', id)
  }
  t.strictSame(
    all.satellite.status().conditions.filter(({ type }) => type === 'FiltersMatch'),
    []
  )

  // Allowed calls that fail by themselves, forks, an execve in between; then nothing was denied.
  const honest = await start(
    ['fork', '200000', 'allowed', '400000', 'exec', '-', 'allowed', '400000'],
    { ...denying('SCMP_ACT_ERRNO'), syscalls: [{ names: ['bpf'], action: 'SCMP_ACT_ERRNO' }] }
  )
  const quietEnd = await ended(honest)
  const calls = new Map(
    quietEnd.abis
      .find(({ abi }) => abi === 'x86_64')
      ?.syscalls.map(({ name, count }) => [name, count])
  )
  t.equal(calls.get('sethostname'), 100_000)
  t.ok((calls.get('close') ?? 0) >= 900_000)
  t.strictSame(quietEnd.denied, [])
  await runc('delete', '--force', honest)

  // Each burst is exact, and on the hub within a second.
  const burst = ['signal', '1', 'denied', '10000']
  const busy = await start(
    // A service: it polls for work.
    ['listen', '1', ...burst, ...burst, ...burst, 'poll', '600000'],
    denying('SCMP_ACT_ERRNO')
  )
  await followed(busy)
  const state = JSON.parse((await runc('state', busy)).stdout) as { pid: number }
  const took: number[] = []
  for (const count of [10_000, 20_000, 30_000]) {
    t.equal(of(busy)?.count ?? 0, count - 10_000, 'not more than it made')
    const before = performance.now()
    process.kill(state.pid, 'SIGUSR1')
    await all.seen(new RegExp(`"container":"${busy}".*"count":${count}[,}]`))
    took.push(Math.round(performance.now() - before))
    t.equal(of(busy)?.count, count, 'exactly')
  }
  t.comment(`10,000 denials on the hub after ${took.join(', ')} ms`)
  if (isNightly) t.ok(Math.max(...took) < 1000, `${took.join(', ')} ms`)
  t.match(of(busy), { count: 30_000, errno: 1, comm: 'denied' })

  // An exec without a terminal and one with a terminal are separate parts of one container.
  await runc('exec', busy, '/probe', 'getpgid')
  const shell = `runc --root ${root} exec -t ${busy} /probe getsid`
  await once(spawn('script', ['-qec', shell, '/dev/null'], { stdio: 'ignore' }), 'exit')
  const profile = await until('parts on the hub', async () => {
    const found = await all.store.get('SeccompProfile', { namespace: 'default', name: busy })
    const { probes, sessions } = found?.status ?? {}
    return probes?.x86_64?.includes('getpgid') && sessions?.x86_64?.includes('getsid')
      ? found
      : undefined
  })
  const observed = profile.status?.observed?.x86_64 ?? []
  t.ok(observed.includes('getpgid'), 'probes are learned')
  t.notOk(observed.includes('getsid'), 'sessions are not')
  t.notOk(observed.includes('getpriority'), 'denied calls are not')
  t.strictSame(profile.status?.instances?.map(({ part }) => part).sort(), [
    'entry',
    'probe',
    'session'
  ])
  const entry = offered.findLast((one) => one.container?.id === busy && one.part === 'entry')
  t.notOk(
    entry?.abis.some(({ syscalls }) => syscalls.some(({ name }) => name === 'getpgid')),
    'nothing of an exec in the entry'
  )
  await runc('kill', busy, 'KILL')
  const [end] = await Promise.all([ended(busy), ended(busy, 'probe'), ended(busy, 'session')])
  matchLists(t, end, { events: ['start', 'serve', 'killed', 'probe'], readyAt: /^20/ })
  t.ok(end.startup.some(({ names }) => names.includes('execve')))
  t.ok(end.serving.some(({ names }) => names.includes('poll')))
  await runc('delete', '--force', busy)

  // RuntimeDefault answers clone3 with ENOSYS: that is expected.
  const audit = all.satellite.status().capabilities.find(({ name }) => name === 'audit-log')
  t.type(audit?.message, 'string')
  const usual = await start(['signal', '1'], runtimeDefault())
  await followed(usual)
  await runc('exec', usual, '/probe', 'getpgid')
  await runc('kill', usual, 'USR1')
  const stopped = await ended(usual)
  t.strictSame(
    stopped.denied.filter(({ detail }) => detail?.expected !== true),
    []
  )
  matchLists(t, stopped, { events: ['start', 'stop'] })
  await runc('delete', '--force', usual)
})

const slot = { index: 3, generation: 9, mntns: 7, cgroupId: 5n, part: 'entry', pid: 41 } as Slot
const countsOf = (byName: Record<string, number>): AbiCounts[] => [
  {
    abi: 'x86_64',
    syscalls: Object.entries(byName).map(([name, count]) => ({
      ...{ name, count, action: '', detail: undefined }
    }))
  }
]
const container = {
  ...{ id: 'c', runtime: 'runc', name: 'web', pid: 41, status: 'running' as const, labels: {} },
  seccomp: {
    ...{ defaultAction: 'SCMP_ACT_ERRNO' as const, defaultErrnoRet: 1 },
    syscalls: [
      { names: ['read'], action: 'SCMP_ACT_ALLOW' as const },
      { names: ['clone3', 'memfd_create'], action: 'SCMP_ACT_ERRNO' as const, errnoRet: 38 },
      {
        ...{ names: ['personality'], action: 'SCMP_ACT_LOG' as const },
        args: [{ index: 0, value: 32, op: 'SCMP_CMP_EQ' as const }]
      }
    ]
  }
}

test('a denied call that succeeds is reported; denials on purpose are not', (t) => {
  let details: DenialDetail[] = []
  let noted = 0
  const watched: number[] = []
  const watch = new DenialWatch({
    recorder: {
      watchDenials: (_index, _generation, denied) => watched.push(...denied.native) > 0,
      newDenials: () => details,
      noted: () => (noted += 1)
    },
    ...{ machine: 'x86_64', logger: createLogger('test', quiet), timeOf: String }
  })
  watch.follow(slot, container)
  t.ok(watched.includes(165) && watched.includes(435), 'mount, clone3')
  t.notOk(watched.includes(0) || watched.includes(135), 'read is allowed, personality depends')
  const detail = {
    ...{ index: 3, generation: 9, abi: 'native' as const, nr: 165, count: 2, result: -1 },
    ...{ succeeded: 0, pid: 41, comm: 'sh', at: 5n, firstAt: 5n }
  }
  const clone3 = { ...detail, nr: 435, count: 900, result: -38 }
  details = [clone3]
  watch.refresh()
  t.strictSame(watch.dueForReport(0), [], 'clone3 is not reported')
  details = [clone3, detail, { ...detail, generation: 8, count: 5000 }]
  watch.refresh()
  t.strictSame(watch.dueForReport(1000), ['3.9'], 'and an older generation is not this slot')
  // runc itself answers ENOSYS for numbers above the highest one of the profile (clone3 here).
  const above = { ...detail, nr: 439, count: 3, result: -38 }
  const named = { ...detail, nr: 319, count: 1, result: -38 }
  details = [above, named]
  watch.refresh()
  t.strictSame(watch.dueForReport(2000), ['3.9'], 'they are reported')
  const counts = countsOf({
    ...{ read: 5, mount: 2, clone3: 900, statx: 4, faccessat2: 3, memfd_create: 1 }
  })
  matchLists(t, watch.denied(slot, counts, container), [
    { name: 'clone3', count: 900, detail: { errno: 38, expected: true } },
    { name: 'statx', count: 4, detail: { errno: 0, expected: false } },
    { name: 'faccessat2', count: 3, detail: { errno: 38, expected: false } },
    { name: 'mount', count: 2, detail: { errno: 1, pid: 41, comm: 'sh', expected: false } },
    { name: 'memfd_create', count: 1, detail: { errno: 38, expected: false } }
  ])
  t.strictSame(watch.conditions(), [])
  details = [{ ...detail, count: 3, at: 9n }]
  matchLists(
    t,
    watch.denied(slot, countsOf({ mount: 3 }), container),
    [{ name: 'mount', count: 3, detail: { at: '9', firstAt: '5' } }],
    'a note that came since the last call is as new as the count'
  )

  // Denials from before the profile is known are reported with their process too.
  const later = { ...slot, index: 4 }
  details = [{ ...detail, index: 4, comm: 'first' }]
  watch.refresh()
  matchLists(
    t,
    watch.denied(later, countsOf({ mount: 2 }), container),
    [{ name: 'mount', detail: { errno: 1, pid: 41, comm: 'first' } }],
    'also for a slot that has ended by then'
  )
  watch.follow(later, container)
  matchLists(t, watch.denied(later, countsOf({ mount: 2 }), container), [
    { name: 'mount', detail: { errno: 1, comm: 'first' } }
  ])
  details = [{ ...detail, count: 3, succeeded: 1, result: 0 }]
  watch.refresh()
  watch.denied(slot, countsOf({ mount: 3 }), container)
  matchLists(t, watch.conditions(), [
    {
      type: 'FiltersMatch',
      status: 'False',
      reason: 'FilterMismatch',
      message: /mount.*succeeded 1/
    }
  ])
  t.end()
})

test('records of the audit log find their container, dead or seen late', (t) => {
  const audited = new AuditedCalls({ mntnsOf: () => undefined, cgroupIdOf: () => undefined })
  const record = (serial: number, pid: number, more: string) =>
    `audit(1795549458.373:${serial}): auid=0 uid=0 gid=0 ses=1 pid=${pid} ${more} compat=0 ip=0x7f`
  const call = 'sig=0 arch=c000003e syscall=135'
  let calls = 0
  audited.onCall(() => (calls += 1))
  audited.record(1326, record(1, 41, `comm="sh" exe="/sh" ${call} code=0x7ffc0000`))
  t.notOk(audited.totals().has('3.9'))
  audited.addProcesses(slot, [41])
  audited.record(1326, record(2, 41, `comm=61205D6222 exe="/sh" ${call} code=0x7ffc0000`))
  audited.record(1300, record(2, 41, `${call} success=yes exit=0 a0=20 a1=0 a2=7f a3=0`))
  for (const wrong of [
    '',
    'pid=x',
    record(3, 41, 'arch=1 syscall=1 code=0x0'),
    record(4, 99, call)
  ])
    audited.record(1326, wrong)
  t.equal(audited.totals().get('3.9'), 2)
  t.equal(
    calls,
    3,
    'two of the container and one of no container yet; arguments and invalid records do not count'
  )
  const verdict = () => ({ kind: 'conditional' as const })
  matchLists(t, audited.join(slot, [], verdict), [
    {
      ...{ name: 'personality', action: 'SCMP_ACT_LOG', count: 2 },
      detail: { pid: 41, comm: 'a ]b"', arguments: '0x20 0x0 0x7f 0x0' }
    }
  ])
  t.strictSame(
    audited.join(slot, [], () => ({ kind: 'allowed' })),
    []
  )
  t.end()
})

test('phases, argument values and the pace of reports', (t) => {
  const names = (list: readonly { names: string[] }[]) => list.flatMap((one) => one.names)
  const phases = new Phases(true, String)
  t.notOk(phases.update(countsOf({ mmap: 9 }), countsOf({ mmap: 9 }), 10))
  t.ok(phases.update(countsOf({ mmap: 9 }), countsOf({ mmap: 9, accept: 1 }), 20), 'blocked: ready')
  t.equal(phases.readyAt(), '20')
  t.notOk(phases.update(countsOf({ mmap: 9 }), countsOf({ mmap: 9, accept: 1 }), 30))
  t.ok(phases.update(countsOf({ mmap: 9, accept: 1 }), countsOf({ mmap: 9, accept: 1 }), 40))
  t.strictSame(names(phases.startup()), ['accept', 'mmap'])
  t.strictSame(names(phases.serving()), ['accept'], 'returned once: it is used while serving')
  // One update after the other.
  const lives: [string, Record<string, number>[], number][] = [
    ['a server that waits in epoll_wait', [{ mmap: 1 }, { listen: 1, epoll_wait: 1 }], 1],
    ['all of it before the first update', [{ poll: 3, listen: 1, epoll_wait: 1 }], 0],
    ['a resolver polls first', [{ poll: 3 }, { poll: 3 }, { poll: 3, listen: 1 }], -1],
    ['and polls for work then', [{ poll: 3 }, { poll: 3, listen: 1 }, { poll: 4, listen: 1 }], 2],
    ['a loop that reads files', [{ epoll_pwait: 9 }, { epoll_pwait: 17 }], -1],
    ['and listens then', [{ epoll_pwait: 9 }, { epoll_pwait: 19, listen: 1 }], 1],
    ['a resolver, then accept', [{ poll: 3 }, { poll: 3, listen: 1, accept4: 1 }], 1],
    ['accept on a socket that it was given', [{ accept: 1 }], 0]
  ]
  for (const [what, looks, readyAt] of lives) {
    const one = new Phases(true, String)
    const at = looks.findIndex((counts) => one.update(countsOf(counts), countsOf(counts), 10))
    t.equal(at, readyAt, what)
  }
  const batch = new Phases(false, String)
  t.notOk(batch.update(countsOf({ read: 1 }), countsOf({ read: 1 }), readyAfterMs - 1))
  t.ok(batch.update(countsOf({ read: 1 }), countsOf({ read: 1 }), readyAfterMs + 500))
  t.equal(batch.readyAt(), String(readyAfterMs))
  t.strictSame(batch.startup(), [], 'its start was not seen')

  const value = (nr: number, index: number, of: bigint) => ({
    abi: 'native' as const,
    nr,
    index,
    value: of
  })
  t.strictSame(
    namedArguments(
      {
        values: [value(41, 0, 10n), value(41, 0, 2n), value(16, 1, 21505n)],
        many: [
          { abi: 'native', nr: 16 },
          { abi: 'compat', nr: 136 }
        ]
      },
      'x86_64'
    ),
    [
      { abi: 'i386', name: 'personality', index: 0, values: [], many: true },
      { abi: 'x86_64', name: 'ioctl', index: 1, values: [], many: true },
      { abi: 'x86_64', name: 'socket', index: 0, values: ['2', '10'], many: false }
    ]
  )

  const pace = new ReportPace()
  const due: number[] = []
  for (let at = 0; at <= 10_000; at += 100) if (pace.isDue(1 + Math.min(at, 6000), at)) due.push(at)
  t.strictSame(due.slice(0, 5), [0, 300, 600, 900, 1200], 'a burst is reported at once')
  t.ok(due.length < 12 && (due.at(-1) ?? 0) >= 6000, 'steady growth rarely, and to its end')
  t.end()
})
