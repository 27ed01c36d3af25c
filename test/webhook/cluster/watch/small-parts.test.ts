import { Registry } from 'prom-client'
import { test } from 'tap'
import { untaint } from '../../../../webhook/cluster/watch/startup-taint.js'
import { watchMetrics } from '../../../../webhook/cluster/watch/watch-metrics.js'
import { parseRoles } from '../../../../webhook/roles.js'
import { collectLog } from '../../hub/rig.js'
import { clusterNode } from '../cluster-objects.js'

test('small parts', async (t) => {
  t.same([...parseRoles('hub, ui', true)], ['hub', 'ui'])
  t.same([...parseRoles('admission', true)], ['admission'])
  for (const [text, cluster] of [
    ['admission', false],
    ['ui', true],
    ['admission,ui', true],
    ['hubs', true],
    ['', true]
  ] as const) {
    t.throws(() => parseRoles(text, cluster), { code: 'INVALID_ARGUMENT' }, `--roles ${text}`)
  }
  const other = { key: 'a', value: '', effect: 'NoSchedule' }
  const ours = { key: 'secco.dev/not-ready', value: '', effect: 'NoSchedule' }
  t.same(untaint(clusterNode('n', { taints: [other, ours] })), [
    { op: 'test', path: '/spec/taints/1/key', value: 'secco.dev/not-ready' },
    { op: 'remove', path: '/spec/taints/1' }
  ])
  t.equal(untaint(clusterNode('n', { taints: [other] })), undefined)
  const registry = new Registry()
  const { logger, lines } = collectLog()
  const onWatch = watchMetrics(registry, logger)
  for (const event of ['listed', 'watching', 'failed', 'failed', 'listed', 'expired'] as const)
    onWatch('pods', event, new Error('x'))
  const text = await registry.metrics()
  t.match(text, /secco_watch_restarts_total\{resource="pods",reason="failed"\} 2/)
  t.match(text, /secco_watch_restarts_total\{resource="pods",reason="expired"\} 1/)
  t.same(
    lines.map(({ level }) => level),
    ['warn', 'info'],
    'a failure is said once, and its end'
  )
  t.end()
})
