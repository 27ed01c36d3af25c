import { type Test, test } from 'tap'
import { apiVersion } from '../../../src/api/names.js'
import type { SeccompRule } from '../../../src/api/seccomp-rule.js'
import {
  emptyHistory,
  historyName,
  parseHistory,
  workloadText
} from '../../../src/history/workload-history.js'
import { until } from '../../helpers/until.js'
import { createRig, observationOf } from './rig.js'

const ref = { namespace: 'default', name: 'web' }
const workload = { namespace: 'default', kind: 'Container', name: 'web', container: '' }

/** Returns a rig whose first hub has ended after it recorded an observation of web, and a rule where one is given. */
async function learnedRig(t: Test, rule?: SeccompRule) {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const first = await rig.hub()
  if (rule !== undefined) await rig.store.apply('SeccompRule', rule)
  const uplink = await rig.uplink(first.address.port, 'n1')
  uplink.offer(observationOf('n1/boot/40265.7.1', ['read'], { complete: true }))
  await uplink.flush()
  await uplink.close()
  await first.flush()
  await first.close()
  return rig
}

test('a profile and a rule that are deleted while no hub runs: the next hub records it once', async (t) => {
  const rig = await learnedRig(t, {
    ...{ apiVersion, kind: 'SeccompRule', metadata: { namespace: 'default', name: 'teams' } },
    spec: { podSelector: {}, profile: { name: 'web' }, mode: 'enforce' }
  })
  const before = Date.now()
  t.ok(await rig.store.delete('SeccompProfile', ref))
  t.ok(await rig.store.delete('SeccompRule', { namespace: 'default', name: 'teams' }))
  for (const nth of [1, 2]) {
    const hub = await rig.hub()
    const missed: string[] = []
    hub.history.onMissed(({ kind, object }) => missed.push(`${kind} ${object}`))
    await hub.flush()
    const { events = [], objects = [] } = (await hub.history.get(workload)) ?? {}
    const told = events.filter(({ id }) => id.includes('deleted'))
    t.match(
      told.map(({ text }) => text).sort(),
      [
        /^default\/web was deleted between .* UTC, while no hub was running; its containers/,
        /^rule default\/teams sets nothing with default\/web any more: deleted between .* running$/
      ],
      `hub ${nth}`
    )
    t.equal(told.length, 2)
    t.ok(told.every(({ at }) => Date.parse(at) >= before))
    t.match(objects, [{ profile: 'default/web', deleted: told[0]?.at ?? '' }])
    t.same(missed, nth === 1 ? ['SeccompProfile default/web', 'SeccompRule default/teams'] : [])
    await hub.close()
  }
})

test('in a folder, a profile that is made again while no hub runs: the deletion of the new one is told once', async (t) => {
  const rig = await learnedRig(t)
  const profile = await rig.store.get('SeccompProfile', ref)
  if (profile === undefined) throw new Error('nothing was learned')
  await rig.store.delete('SeccompProfile', ref)
  const { kind, spec } = profile
  const made = await rig.store.apply('SeccompProfile', { apiVersion, kind, metadata: ref, spec })
  t.not(made.metadata.uid, profile.metadata.uid)
  const second = await rig.hub()
  await second.flush()
  const told = async (hub: typeof second) => {
    const { events = [], objects = [] } = (await hub.history.get(workload)) ?? {}
    return {
      texts: events.filter(({ id }) => id.startsWith('deleted')).map(({ text }) => text),
      open: objects.filter(({ deleted }) => deleted === undefined).map(({ uid }) => uid)
    }
  }
  t.same(await told(second), { texts: [], open: [made.metadata.uid] })
  await rig.store.delete('SeccompProfile', ref)
  const texts = ['default/web was deleted; its containers keep their filter']
  await until('the deletion', async () => (await told(second)).texts[0])
  t.same(await told(second), { texts, open: [] })
  await second.close()
  const third = await rig.hub()
  third.history.onMissed(() => t.fail('it was recorded'))
  await third.flush()
  t.same(await told(third), { texts, open: [] })
  await third.close()
})

test('after an upgrade from a release that compares nothing, a rule may be gone since its last event', async (t) => {
  const rig = await learnedRig(t)
  // As an earlier release left it: a rule, and no objects.
  const name = historyName(workload)
  const stored = await rig.store.history.get(name)
  const { objects, ...history } = parseHistory(stored?.text ?? '') ?? emptyHistory(workload, '')
  t.equal(objects?.length, 1)
  const at = '2026-01-02T00:00:00.000Z'
  const id = 'rule default/teams audit default/web 1@2026-01-02T00:00:00Z'
  history.events = [{ id, at, what: 'mode', text: 'rule default/teams sets audit' }]
  const text = JSON.stringify(history)
  await rig.store.history.put(name, workloadText(workload), text, stored?.version)
  const hub = await rig.hub()
  await hub.flush()
  const { events = [] } = (await hub.history.get(workload)) ?? {}
  t.match(
    events.filter(({ id }) => id.includes('deleted')).map((one) => one.text),
    [/any more: deleted between 2026-01-02 00:00:00 and .* UTC, when no hub recorded it$/]
  )
  await hub.close()
})
