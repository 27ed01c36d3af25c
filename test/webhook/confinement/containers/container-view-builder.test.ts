import { test } from 'tap'
import { RunningContainer } from '../../../../src/api/gen/hub.js'
import { buildSnapshot } from '../../../../src/rules/snapshot.js'
import { ContainerViewBuilder } from '../../../../webhook/confinement/containers/container-view-builder.js'
import type { RevisionIndex } from '../../../../webhook/confinement/containers/revision-index.js'
import type { ConfinementSources } from '../../../../webhook/confinement/containers/sources.js'
import type { Running } from '../../../../webhook/hub/nodes/inventory.js'
import { DenialRows } from '../../../../webhook/hub/denials/denial-rows.js'
import { testProfile, testRevision, testRule } from '../../../helpers/rules.js'
import { matchLists } from '../../../helpers/match-lists.js'

const [newest, older] = ['a', 'c'].map((digit) => testRevision('shop', 'web', digit).digest)

const running = (digest: string, change: Partial<Running> = {}): Running => ({
  ...RunningContainer.fromPartial({
    ...{ key: 'c@1', pid: 7, running: true, declared: 'revision', digest, disk: 'ok', mode: 2 },
    ...{ checked: 'bytes', same: true, allowed: 50, startedAt: '2026-01-01T00:00:00Z' },
    container: { id: 'c', name: 'app', podNamespace: 'shop', podName: 'web-1', podUid: 'u' }
  }),
  ...{ id: 'n1/c@1', node: 'n1', firstSeen: '2026-01-01T00:00:00Z' },
  ...change
})

test('a container under another revision than a new one would get is stale', (t) => {
  const states = [testProfile('shop', 'web')]
  const snapshot = buildSnapshot({
    rules: [testRule('web', { podSelector: {}, profile: { name: 'web' } }, 'shop')],
    profiles: states
  })
  const profiles = new Map(states.map((state) => ['shop/web', state]))
  const index = {
    of: ({ digest }: Running) =>
      digest === '' ? undefined : { profile: 'shop/web', digest, mode: 'enforce' },
    ...{ riskOf: () => 12, runtimeDefaultRisk: 40 }
  } as unknown as RevisionIndex
  const build = (given: Running, rules = snapshot) =>
    new ContainerViewBuilder(
      {
        hub: {
          ...{ denialRows: new DenialRows(), profiles: () => profiles },
          history: { troubledSince: () => undefined }
        },
        ...{ snapshot: () => rules, pod: () => undefined, now: () => Date.parse('2026-01-02') }
      } as unknown as ConfinementSources,
      index
    ).build(given, undefined)
  matchLists(t, build(running(newest ?? '')), {
    drift: [],
    stale: false,
    wanted: newest,
    state: 'enforced',
    risk: 12
  })
  matchLists(t, build(running(older ?? '')), {
    ...{ stale: true, revision: older, wanted: newest, state: 'enforced', drift: [] }
  })
  const withoutRule = buildSnapshot({ rules: [], profiles: states })
  t.match(build(running(older ?? ''), withoutRule), { stale: true, wanted: newest }, 'no rule')
  matchLists(t, build(running('', { declared: 'none', mode: 0 })), {
    ...{ stale: false, state: 'unconfined', drift: [] }
  })
  matchLists(
    t,
    build(running(newest ?? '', { mode: 0 })),
    { state: 'unconfined', risk: 100, drift: [{ kind: 'Unconfined' }] },
    'what is declared makes no difference to what the kernel has'
  )
  t.end()
})
