import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { t, test } from 'tap'
import { probeTracing } from '../../native/recorder.js'
import type { Observation } from '../../src/api/gen/hub.js'
import type { LinuxSeccomp, SeccompAction, SeccompArg } from '../../src/api/seccomp-profile.js'
import { runtimeDefault } from '../../src/seccomp/policy/runtime-default.js'
import type { Denial } from '../../webhook/hub/denials/denial.js'
import { until } from '../helpers/until.js'
import { everything } from './denial-rig.js'

t.setTimeout(600_000)
/** Other programs may keep this machine busy. */
const patience = { timeoutMs: 90_000 }
const probe = probeTracing()
const skip = probe.available ? false : (probe.reason ?? 'nothing can be traced')

/** linux/socket.h */
const AF_ALG = 38
const AF_PACKET = 17
const alg: SeccompArg = { index: 0, value: AF_ALG, op: 'SCMP_CMP_EQ' }

/** Allows everything except sockets of one family. */
const exceptAlg = (action: SeccompAction, errnoRet?: number): LinuxSeccomp => ({
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [
    { names: ['socket'], action, args: [alg], ...(errnoRet === undefined ? {} : { errnoRet }) }
  ]
})
/** Denies what no rule allows, as RuntimeDefault and every rendering of Secco does. */
const othersThanAlg: LinuxSeccomp = {
  ...runtimeDefault(),
  syscalls: [
    ...(runtimeDefault().syscalls ?? []).map((rule) => ({
      ...rule,
      names: rule.names.filter((name) => name !== 'socket')
    })),
    { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [{ ...alg, op: 'SCMP_CMP_NE' }] }
  ]
}

test('calls denied for their arguments, up to the hub', { skip }, async (t) => {
  const all = await everything()
  t.teardown(() => all.dispose())
  const { hub, offered, runc, bundle, root } = all
  let made = 0
  const start = async (args: string[], seccomp: LinuxSeccomp): Promise<string> => {
    const id = `secco-by-argument-${process.pid}-${(made += 1)}`
    const path = await bundle(args, seccomp)
    const child = spawn('runc', ['--root', root, 'run', '--detach', '--bundle', path, id], {
      stdio: 'ignore'
    })
    const [code] = (await once(child, 'exit')) as [number]
    t.equal(code, 0, `${id} started`)
    return id
  }
  const of = (id: string): Denial[] => hub.denials().filter((one) => one.container === id)
  const ended = (id: string): Promise<Observation> =>
    until(
      `the end of ${id}`,
      () => offered.findLast((one) => one.container?.id === id && one.ended),
      patience
    )

  // Calls that the kernel itself fails (AF_PACKET without CAP_NET_RAW: EPERM), or that succeed, are no denials.
  const honest = ['unix', '7', 'packet', '9']
  const alone = { errno: 0, signal: '', arguments: '0x26' }
  const kinds: [string, LinuxSeccomp, string, Partial<Denial>][] = [
    ['errno', exceptAlg('SCMP_ACT_ERRNO', 13), 'alg', { ...alone, errno: 13 }],
    ['by what is not allowed', othersThanAlg, 'alg', { ...alone, errno: 1 }],
    ['trap', exceptAlg('SCMP_ACT_TRAP'), 'alg-children', { ...alone, signal: 'SIGSYS' }],
    ['kill', exceptAlg('SCMP_ACT_KILL_PROCESS'), 'alg-children', { ...alone, signal: 'SIGSYS' }],
    ['thread', exceptAlg('SCMP_ACT_KILL_THREAD'), 'alg-children', { ...alone, signal: 'SIGSYS' }],
    ['log', exceptAlg('SCMP_ACT_LOG'), 'alg', { ...alone, action: 'SCMP_ACT_LOG' }]
  ]
  for (const [at, [why, seccomp, how, expected]] of kinds.entries()) {
    const count = 3 + at
    const id = await start(['signal', '1', ...honest, how, String(count), 'poll', '100'], seccomp)
    await until(`${id} is known`, () => offered.find((one) => one.container?.id === id), patience)
    await runc('kill', id, 'USR1')
    const found = await until(
      `${count} denials of ${id}`,
      () => of(id).find((one) => one.syscall === 'socket' && one.count === count),
      patience
    )
    t.match(found, { ...expected, abi: 'x86_64', comm: 'denied', expected: false }, why)
    t.ok(found.pid > 0)
    const { denied } = await ended(id)
    t.match(
      denied.filter(({ detail }) => detail?.expected !== true),
      [{ name: 'socket', count }],
      `${why}: all that was denied`
    )
    t.equal(of(id).filter((one) => !one.expected).length, 1, 'not more at its end')
    await runc('delete', '--force', id)
  }
  t.strictSame(
    all.satellite.status().conditions.filter(({ type }) => type === 'FiltersMatch'),
    []
  )

  // Two values in one report: each has its own count and caller.
  const packet: SeccompArg = { ...alg, value: AF_PACKET }
  const two = await start(['signal', '1', ...honest, 'alg', '4', 'poll', '100'], {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [alg, packet].map((arg) => ({
      ...{ names: ['socket'], action: 'SCMP_ACT_ERRNO' as const, errnoRet: 13, args: [arg] }
    }))
  })
  await until(`${two} is known`, () => offered.find((one) => one.container?.id === two), patience)
  await runc('kill', two, 'USR1')
  await ended(two)
  const both = of(two).find((one) => one.syscall === 'socket')
  t.match(both, { count: 13, arguments: '0x26' })
  t.match(both?.values, [
    { arguments: '0x11', count: 9, errno: 13, comm: 'denied' },
    { arguments: '0x26', count: 4, errno: 13, comm: 'denied' }
  ])
  t.same(
    hub.denialRows
      .list()
      .filter(({ container, syscall }) => container === two && syscall === 'socket')
      .map((row) => [row.arguments, row.count])
      .sort(),
    [
      ['0x11', 9],
      ['0x26', 4]
    ],
    'a row for each value'
  )
  await runc('delete', '--force', two)

  // It ends before its profile is known.
  for (const action of ['SCMP_ACT_ERRNO', 'SCMP_ACT_LOG'] as const) {
    const brief = await start(['alg', '5', ...honest], exceptAlg(action))
    t.strictSame(
      (await ended(brief)).denied.map(({ name, count }) => [name, count]),
      [['socket', 5]],
      `${action}, over before it is known`
    )
    await runc('delete', '--force', brief)
  }
})
