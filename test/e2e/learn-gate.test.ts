import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { t, test } from 'tap'
import { probeTracing } from '../../native/recorder.js'
import { runtimeDefaultNames } from '../../src/seccomp/policy/runtime-default.js'
import { startCounted } from '../helpers/counted-container.js'
import { makeBundle } from '../helpers/runc-bundle.js'
import { runSecco, type Outcome } from '../helpers/secco-command.js'
import { everything, patience } from '../helpers/truth-rig.js'
import { until } from '../helpers/until.js'

t.setTimeout(600_000)
const probe = probeTracing()
const skip = probe.available ? false : (probe.reason ?? 'nothing can be traced')

interface Answer {
  verdict: string
  reason: string
  exitCode: number
  observed: { x86_64?: string[] }
}

test('the gate of a pipeline, with real containers', { skip }, async (t) => {
  const rig = await everything({ pin: 'off' })
  t.teardown(() => rig.dispose())
  const bundle = await makeBundle(rig.rootfs, { args: ['/probe', 'getsid'] })
  const more = await makeBundle(rig.rootfs, { args: ['/probe', 'getsid', 'getpgid'] })
  const runc = `runc --root ${join(rig.state, 'runc')}`
  const runs = (path: string) => `${runc} run --bundle ${path} gate && sleep 2`
  const baseline = join(rig.state, 'baseline.json')
  const learn = async (name: string, script: string, ...options: string[]) => {
    const outcome: Outcome = await runSecco([
      ...['learn', name, '--state', rig.state, '-o', 'json', '--quiet', '3s', ...options],
      ...['--', 'sh', '-c', script]
    ])
    t.comment(`${outcome.code}: ${outcome.stderr}`)
    const answer = outcome.stdout === '' ? undefined : (JSON.parse(outcome.stdout) as Answer)
    return { ...outcome, answer }
  }
  const gate = (name: string, script: string, ...options: string[]) =>
    learn(name, script, '--fail-on-new', baseline, ...options)

  const first = await learn('gate', runs(bundle))
  t.match(first, { code: 0, answer: { verdict: 'Shown' } })
  t.ok(first.answer?.observed.x86_64?.includes('getsid'))
  // What the runtime calls by chance before the program begins differs from run to run.
  const usual = [...runtimeDefaultNames(), ...(first.answer?.observed.x86_64 ?? [])]
  const without = (name: string) =>
    writeFile(baseline, JSON.stringify({ x86_64: usual.filter((one) => one !== name) }))
  await without('getpgid')
  t.match(await gate('gate', runs(bundle)), { code: 0, answer: { verdict: 'NothingNew' } })
  t.match(await gate('gate', 'exit 7'), { code: 7, answer: { verdict: 'CommandFailed' } })
  t.match(await gate('gate', 'true'), {
    ...{ code: 5, answer: { verdict: 'NotProven', reason: /is from before/ } }
  })
  t.match(await gate('gaet', runs(bundle)), {
    ...{
      code: 5,
      stderr: /no profile has the name default\/gaet, [^]*did you mean default\/gate\?/
    },
    answer: { reason: /did you mean default\/gate\?/ }
  })
  t.match(await gate('gate', runs(more)), {
    ...{ code: 4, answer: { verdict: 'NewCalls', reason: /^1 syscall of default\/gate is not in/ } }
  })

  // A container that runs all the time makes a new call just before the command ends.
  const place = { rootfs: rig.rootfs, work: rig.state, root: join(rig.state, 'runc') }
  const counted = await startCounted(place, 'counted', { defaultAction: 'SCMP_ACT_ALLOW' })
  t.teardown(() => counted.stop())
  await rig.seen('counted', ({ syscalls }) => syscalls !== null)
  const early = ['getsid', 'times']
  await writeFile(baseline, JSON.stringify({ x86_64: usual.filter((one) => !early.includes(one)) }))
  const mark = join(rig.state, 'call')
  const asked = until('the command to run', () => existsSync(mark) || undefined, patience)
  const late = gate(
    'counted',
    `touch ${mark}; until [ -e ${mark}ed ]; do :; done`,
    ...['--quiet', '1ms']
  )
  await asked
  await counted.call(1)
  await writeFile(`${mark}ed`, '')
  t.match(await late, {
    ...{ code: 4, answer: { verdict: 'NewCalls', reason: /^2 syscalls of default\/counted are/ } }
  })

  // The recorder and the hub are away for a part of the run.
  await without('')
  const path = join(rig.state, 'go')
  const waiting = gate(
    'gate',
    `${runs(bundle)}; touch ${path}; until [ -e ${path}2 ]; do sleep 0.1; done`
  )
  await until('the command to run', () => existsSync(path) || undefined, patience)
  await rig.halt()
  await rig.restart()
  await writeFile(`${path}2`, '')
  t.match(await waiting, { code: 5, answer: { reason: /the hub went away during the run/ } })

  await rig.halt('SIGINT')
  t.match(await gate('gate', `touch ${path}3`), { code: 1, stderr: /\(UNAVAILABLE\)\n {2}next: / })
  t.notOk(existsSync(`${path}3`), 'the command did not run')
})
