import { test } from 'tap'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import type { NodeFacts, Taint } from '../../../src/rules/node-facts.js'
import { checkObject } from '../../../webhook/admission/check-pod.js'
import { testProfile, testRevision, testRule } from '../../helpers/rules.js'

const taint = (effect: string, name: string): Taint => ({
  ...{ key: `node.kubernetes.io/${name}`, value: '', effect }
})
const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'app' }] } }
const pod = { kind: 'Pod', ...template }
const daemon = { kind: 'DaemonSet', metadata: { name: 'web' }, spec: { template } }

test('nodes that a pod may come to by the tolerations that Kubernetes adds', (t) => {
  const enforce = { ...testRevision('shop', 'web.app', 'a'), lacking: ['late'] }
  for (const [what, late, object, outcome] of [
    ['a node', {}, pod, 'runtime-default'],
    ['dead', { taints: [taint('NoSchedule', 'unreachable')] }, pod, 'assigned'],
    ['soon dead', { taints: [taint('NoExecute', 'unreachable')] }, pod, 'runtime-default'],
    ['of somebody', { taints: [taint('NoExecute', 'mine')] }, pod, 'assigned'],
    ['cordoned', { unschedulable: true }, pod, 'assigned'],
    ['cordoned, a DaemonSet', { unschedulable: true }, daemon, 'runtime-default'],
    [
      'full, a DaemonSet',
      { taints: [taint('NoSchedule', 'disk-pressure')] },
      ...[daemon, 'runtime-default' as const]
    ],
    [
      'with a taint that the pod names',
      { taints: [taint('NoSchedule', 'unreachable')] },
      { ...pod, spec: { ...pod.spec, tolerations: [{ operator: 'Exists' }] } },
      'runtime-default'
    ]
  ] as const) {
    const nodes = [{ name: 'a' }, { name: 'late', ...late }].map((node): [string, NodeFacts] => [
      node.name,
      { labels: {}, taints: [], unschedulable: false, ...node }
    ])
    const snapshot = buildSnapshot({
      rules: [
        testRule('web', {
          podSelector: { matchLabels: { app: 'web' } },
          profile: { namespace: 'shop', name: 'web.app' }
        })
      ],
      profiles: [testProfile('shop', 'web.app', { enforce })],
      nodes: new Map(nodes)
    })
    t.equal(checkObject(snapshot, object, 'shop')?.containers[0]?.outcome, outcome, what)
  }
  t.end()
})

test('a file is no mirror pod: no node sends it', (t) => {
  const toWeb = { podSelector: { matchLabels: { app: 'web' } } }
  const snapshot = buildSnapshot({
    rules: [testRule('web', { ...toWeb, profile: { namespace: 'shop', name: 'web.app' } })],
    profiles: [testProfile('shop', 'web.app')]
  })
  const annotations = { 'kubernetes.io/config.mirror': 'x' }
  const metadata = { ...pod.metadata, annotations }
  const result = checkObject(
    snapshot,
    { ...pod, metadata, spec: { ...pod.spec, nodeName: 'n' } },
    'shop'
  )
  t.equal(result?.decision, 'patched')
  t.match(result?.warnings.join(), /config.mirror does not count/)
  t.end()
})
