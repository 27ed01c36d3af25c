import { t, test } from 'tap'
import { probeTracing } from '../../native/recorder.js'
import type { DenialList } from '../../webhook/confinement/denials/denial-routes.js'
import type { DenialView } from '../../webhook/confinement/denials/denial-views.js'
import type { WorkloadView } from '../../webhook/views/view.js'
import { runSecco } from '../helpers/secco-command.js'
import { everything, patience, profileOf } from '../helpers/truth-rig.js'
import { until } from '../helpers/until.js'

t.setTimeout(900_000)
const probe = probeTracing()
const skip = probe.available ? false : (probe.reason ?? 'nothing can be traced')

test('a denial closes by itself after delivery and restart', { skip }, async (t) => {
  const all = await everything()
  t.teardown(() => all.dispose())
  await all.apply(profileOf('web', []))
  const old = await all.revision('web', 'enforce')
  const seccomp = await all.read(old.path)
  const list = (...options: string[]) => all.json<DenialList>('denials', ...options)
  /** The denial of a container's getsid, once it is in a state. */
  const denied = (id: string, state: DenialView['state']) =>
    until(
      `the denial of ${id} to be ${state}`,
      async () =>
        (await list('--closed')).items.find((one) => one.container === id && one.state === state),
      patience
    )
  const open = async () => {
    const { items } = await all.api<{ items: WorkloadView[] }>('workloads')
    return items.find(({ name }) => name === 'web')?.denied
  }

  await all.start('web', ['getsid'], { seccomp, again: true })
  const first = await denied('web', 'open')
  t.match(first.hint, /allow it: secco denials allow default\/web getsid$/)
  await all.secco('denials', 'allow', 'default/web', 'getsid', '--yes', '--reason', 'needed')
  const next = await all.revision('web', 'enforce', old.digest)
  t.match(
    (await denied('web', 'allowed')).hint,
    new RegExp(
      `^web@${next.digest.slice(7, 15)} allows it, and the container keeps its filter until: create web again`
    )
  )
  t.not((await open()) ?? 0, 0, 'it is denied until then')

  await all.stop('web')
  const ended = await denied('web', 'closed')
  t.ok(ended.closedAt > first.firstSeen, ended.closedAt)
  t.same((await list()).items, [], 'it is not listed')
  t.equal((await list()).closed, 1)
  const table = await runSecco(['denials', '--state', all.state])
  t.match(table.stderr, /1 closed: secco --state \S+ denials --closed/)
  t.equal(await open(), 0)
  t.match(await all.secco('why-eperm', 'web'), /closed: web@[0-9a-f]{8} allows it/)
  t.match(await all.secco('history', 'web'), /getsid/, 'it stays in the history')
  await all.start('web', ['getsid'], { seccomp: await all.read(next.path), again: true })
  const [view] = await all.seen('web', ({ state }) => state === 'enforced')
  t.equal(view.denials, 0, 'the new container was denied nothing')
  t.same((await list()).items, [])
  t.equal((await denied('web', 'closed')).key, first.key, 'the id is used again')

  // The end of the container is reported after its node has said that it is gone.
  const settled = await until(
    'the end to be reported',
    async () => {
      const one = await denied('web', 'closed')
      return one.ended === undefined ? undefined : one
    },
    patience
  )
  for (const signal of ['SIGTERM', 'SIGKILL', 'SIGINT'] as const) {
    await all.halt(signal)
    await all.restart()
    t.match(await denied('web', 'closed'), { closedAt: settled.closedAt, count: settled.count })
    t.same((await list()).items, [], signal)
    const [now] = await all.seen('web', ({ checked }) => checked === 'bytes')
    t.equal(now.denials, 0, `${signal}: the new container was denied nothing`)
  }

  await all.start('late', ['getsid'], { seccomp, again: true })
  await denied('late', 'allowed')
  await all.seen('late', ({ denials }) => denials > 0)
  await all.stop('late')
  await denied('late', 'closed')
})
