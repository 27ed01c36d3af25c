import { t, test } from 'tap'
import { probeTracing } from '../../native/recorder.js'
import type { ContainerView } from '../../webhook/confinement/containers/container-views.js'
import type { DenialList } from '../../webhook/confinement/denials/denial-routes.js'
import { runSecco } from '../helpers/secco-command.js'
import { everything, patience, profileOf } from '../helpers/truth-rig.js'
import { until } from '../helpers/until.js'

t.setTimeout(900_000)
const probe = probeTracing()
const skip = probe.available ? false : (probe.reason ?? 'nothing can be traced')

/** A call that rendered profiles answer with ENOSYS, and for which no C library has another one. */
const call = 'memfd_create'

test('a call that enforce answers with ENOSYS is flagged as in audit', { skip }, async (t) => {
  const all = await everything()
  t.teardown(() => all.dispose())
  const flagged = (id: string) =>
    until(
      `the denial of ${id}`,
      async () => {
        const { items } = await all.json<DenialList>('denials')
        return items.find(({ container, syscall }) => container === id && syscall === call)
      },
      patience
    )
  const labels = { 'secco.dev/profile': 'web' }
  await all.apply(profileOf('web', []))
  const first = await all.revision('web', 'enforce')
  const audit = await all.revision('web', 'audit')
  await all.secco('promote', 'default/web', 'audit', '--reason', 'a trial')
  await all.start('audited', [call], { seccomp: await all.read(audit.path), again: true })
  const inAudit = await flagged('audited')
  t.match(inAudit, { state: 'open', answer: 'logged', expected: false })
  await all.stop('audited')

  const step = ['default/web', 'enforce', '--canary', '50%', '--quiet-for', '1h', '--force']
  const why = ['--reason', 'the canary of this test']
  await all.secco('promote', ...step, ...why)
  t.match(await all.admit('web-1', labels), /secco/, 'pods get a file')
  await all.start('web', [call], { seccomp: await all.read(first.path), again: true })
  const inEnforce = await flagged('web')
  t.match(inEnforce, { state: 'open', answer: 'ENOSYS', expected: false, comm: 'again' })
  t.ok(inEnforce.count > 0, 'all calls are counted')
  const [view] = await all.seen('web', ({ denials }: ContainerView) => denials > 0)
  t.equal(view.expected, 0)
  const back = await until(
    'the canary to go back',
    async () => {
      const text = await all.secco('history', 'default/web')
      return /memfd_create \(ENOSYS\)/.exec(text) === null ? undefined : text
    },
    patience
  )
  t.match(back, /canary rolled back|return/, back)

  const [, command = ''] = /allow it: secco (.+)$/.exec(inEnforce.hint) ?? []
  t.equal(command, `denials allow default/web ${call}`, inEnforce.hint)
  const given = [...command.split(' '), '--yes', '--reason', 'needed', '--state', all.state]
  const allowed = await runSecco(given)
  t.equal(allowed.code, 0, allowed.stderr)
  const next = await all.revision('web', 'enforce', first.digest)
  await all.start('later', [call], { seccomp: await all.read(next.path), again: true })
  const [later] = await all.seen('later', ({ state }: ContainerView) => state === 'enforced')
  t.equal(later.denials, 0)
})
