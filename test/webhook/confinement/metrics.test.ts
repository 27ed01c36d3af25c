import { Registry } from 'prom-client'
import { test } from 'tap'
import type { Denial } from '../../../webhook/hub/denials/denial.js'
import { DenialRows } from '../../../webhook/hub/denials/denial-rows.js'
import type { Confinement } from '../../../webhook/confinement/containers/confinement.js'
import type { ContainerView } from '../../../webhook/confinement/containers/container-views.js'
import { confinementMetrics } from '../../../webhook/confinement/metrics.js'

test('the metrics of how the fleet is confined', async (t) => {
  const view = (over: Partial<ContainerView>): ContainerView =>
    ({ state: 'enforced', drift: [], unprotected: null, stale: false, ...over }) as ContainerView
  const drifted = { kind: 'FileChanged' as const, message: '', since: '' }
  let views = [
    view({}),
    view({ drift: [drifted], stale: true }),
    view({ state: 'unconfined', unprotected: { rule: 'r', message: '', since: '' } })
  ]
  const rows = new DenialRows()
  const denial = (over: Partial<Denial>) =>
    ({
      ...{ node: 'n1', container: 'web', instance: 'i', lastSeen: '', at: '', signal: '' },
      ...{ syscall: 'bpf', action: 'SCMP_ACT_ERRNO', errno: 1, expected: false, ...over }
    }) as Denial
  rows.grow(denial({}), 3, '')
  rows.grow(denial({ action: 'SCMP_ACT_LOG', errno: 0 }), 2, '')
  rows.grow(denial({ expected: true, errno: 38 }), 1, '')
  const registry = new Registry()
  const hub = {
    ...{ denialRows: rows, inventory: { isComplete: (name: string) => name === 'n1' } },
    nodes: () => ['n1', 'n2'].map((name) => ({ name, connected: true, lastSeen: '' }))
  }
  let isActive = true
  const confinement = { sources: { hub }, views: { list: () => views } } as unknown as Confinement
  let open = 2
  confinementMetrics(
    registry,
    confinement,
    () => isActive,
    () => open
  )
  const lines = async () =>
    new Set((await registry.metrics()).split('\n').filter((line) => /^secco/.test(line)))
  const before = await lines()
  for (const line of [
    'secco_containers{state="enforced"} 2',
    'secco_containers{state="unconfined"} 1',
    'secco_containers{state="audit"} 0',
    'secco_containers_drifted{kind="FileChanged"} 1',
    'secco_containers_drifted{kind="FileMissing"} 0',
    'secco_containers_unprotected 1',
    'secco_containers_stale 1',
    'secco_nodes_missing 1',
    'secco_denials_open 2',
    'secco_denials_total{node="n1",answer="EPERM"} 3',
    'secco_denials_total{node="n1",answer="logged"} 2',
    'secco_denials_total{node="n1",answer="expected"} 1'
  ]) {
    t.ok(before.has(line), line)
  }
  views = []
  open = 0
  const after = await lines()
  t.ok(after.has('secco_containers_drifted{kind="FileChanged"} 0'), 'what is fixed is gone')
  t.ok(after.has('secco_containers_unprotected 0'))
  t.ok(after.has('secco_denials_open 0'), 'each denial has a decision')
  isActive = false
  const standby = [...(await lines())].filter((line) => !line.startsWith('secco_denials_total'))
  t.strictSame(standby, [], 'a replica that knows no container exports no zeros')
  isActive = true
  t.ok((await lines()).has('secco_containers_unprotected 0'), 'after a takeover')
})
