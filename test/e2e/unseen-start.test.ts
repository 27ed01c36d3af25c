import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { t, test } from 'tap'
import { probeTracing } from '../../native/recorder.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { evidenceOf } from '../../src/seccomp/review/evidence.js'
import type { ContainerView } from '../../webhook/confinement/containers/container-views.js'
import { makeBundle, run } from '../helpers/runc-bundle.js'
import { runSecco } from '../helpers/secco-command.js'
import { uiToken } from '../helpers/state-folder.js'
import { everything, patience } from '../helpers/truth-rig.js'
import { until } from '../helpers/until.js'

t.setTimeout(600_000)
const probe = probeTracing()
const skip = probe.available ? false : (probe.reason ?? 'nothing can be traced')

const key = 'default/web'
const hasLearned = ({ status }: SeccompProfile): boolean =>
  status?.observed?.x86_64?.includes('getsid') === true

/** Returns what waits until the profile is as wanted, and returns it. */
const onceOf =
  (rig: Awaited<ReturnType<typeof everything>>) =>
  (what: string, is: (one: SeccompProfile) => boolean): Promise<SeccompProfile> =>
    until(
      what,
      async () => {
        const one = await rig.json<SeccompProfile>('profile', 'show', key).catch(() => undefined)
        return one !== undefined && is(one) ? one : undefined
      },
      patience
    )

const why = ['--reason', 'the test of a start']

test('a profile whose start was not seen is enforced after a first start in audit', {
  skip
}, async (t) => {
  const rig = await everything({ pin: 'off' })
  t.teardown(() => rig.dispose())
  const once = onceOf(rig)
  const wholeOf = ({ status }: SeccompProfile) =>
    (status?.instances ?? []).filter(({ complete }) => complete).length
  const ask = (...words: string[]) => runSecco([...words, '--state', rig.state])

  // It runs already when the recorder begins.
  await rig.halt()
  await rig.start('web', ['getsid'], { again: true })
  await rig.restart()
  const late = await once('web', hasLearned)
  t.match(late.status?.instances, [{ complete: false }])

  await rig.secco('rule', 'create', 'r', '--profile', key, '--mode', 'enforce')
  const unforced = await ask('profile', 'approve', key, ...why)
  t.match(unforced, { code: 1, stderr: /force: default\/web: No start was recorded/ })
  t.match(await ask('profile', 'approve', key, '--force'), {
    code: 1,
    stderr: /--reason: is needed/
  })
  await rig.secco('profile', 'approve', key, '--force', ...why)
  await rig.secco('rule', 'delete', 'r')

  const promoted = await ask('promote', key, 'enforce', ...why)
  t.equal(promoted.code, 1, promoted.stderr)
  t.match(promoted.stderr, /No start was recorded.*A restart under it can fail/)
  t.match(promoted.stderr, /next: restart one .*profile export default\/web --mode audit/s)
  const response = await fetch(`${rig.addresses.ui}/api/v1/promote`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await uiToken(rig.state)}`,
      ...{ 'x-secco': '1', 'content-type': 'application/json' }
    },
    body: JSON.stringify({ profile: key, mode: 'enforce', reason: 'the same by the API' })
  })
  t.equal(response.status, 400)
  t.match(await response.json(), { code: 'INVALID_ARGUMENT', message: /No start was recorded/ })

  // The first start in audit.
  await rig.secco('promote', key, 'audit', ...why)
  const audit = await rig.revision('web', 'audit')
  await rig.stop('web')
  await rig.start('web', ['getsid'], { seccomp: await rig.read(audit.path), again: true })
  await once('its start', (one) => wholeOf(one) === 1)
  const early = await rig.revision('web', 'enforce')
  await rig.secco('profile', 'approve', key, ...why)
  t.match(await ask('promote', key, 'enforce', ...why), { code: 0 })
  const { path } = await rig.revision('web', 'enforce', early.digest)
  const seccomp = await rig.read(path)
  await rig.stop('web')
  await rig.start('web', ['getsid'], { seccomp, again: true })
  await rig.seen('web', ({ state }: ContainerView) => state === 'enforced')
  await rig.stop('web')
  const before = await once('the second start', (one) => wholeOf(one) === 2)
  const detail = (one: SeccompProfile) => evidenceOf(one, Date.now())[0]?.detail ?? ''
  t.notMatch(detail(before), /failed/)

  // A run that its own profile makes fail is recorded, and is no evidence.
  const bundle = await makeBundle(rig.rootfs, { args: ['/probe', 'getpriority'], seccomp })
  t.teardown(() => rm(bundle, { recursive: true, force: true }))
  await run('runc', ['--root', join(rig.state, 'runc'), 'run', '--bundle', bundle, 'web'])
  const after = await once('the failed run', (one) => wholeOf(one) === 3)
  const counted = await once('its end', (one) => detail(one).includes('failed'))
  t.equal(
    detail(counted),
    `${detail(before)}; 1 run that failed under the profile is not counted`,
    JSON.stringify(after.status?.instances)
  )
})

test('a profile that is deleted and applied again learns what runs, and asks as before', {
  skip
}, async (t) => {
  const rig = await everything({ pin: 'off' })
  t.teardown(() => rig.dispose())
  const once = onceOf(rig)
  const learned = (what: string) => once(what, hasLearned)
  await rig.halt()
  await rig.start('web', ['getsid'], { again: true })
  await rig.restart()
  const before = await learned('web')
  await rig.secco('profile', 'approve', key, ...why)
  const document = join(t.testdir(), 'web.yaml')
  await writeFile(document, await rig.secco('profile', 'export', key, '-o', 'yaml'))
  // It makes no new call, so nothing else would make its node send it.
  for (const restart of [false, true]) {
    await rig.secco('profile', 'delete', key)
    if (restart) {
      await rig.halt()
      await rig.restart()
    }
    await rig.secco('profile', 'apply', '-f', document)
    const after = await learned(restart ? 'after a restart' : 'again')
    t.same(after.status?.observed, before.status?.observed)
    const instances = after.status?.instances ?? []
    t.ok(instances.length > 0 && instances.every(({ complete }) => !complete))
    const promoted = await runSecco(['promote', key, 'enforce', ...why, '--state', rig.state])
    t.match(promoted, { code: 1, stderr: /No start was recorded/ })
  }
})
