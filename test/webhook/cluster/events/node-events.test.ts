import { test } from 'tap'
import { EventRecorder } from '../../../../webhook/cluster/events/events.js'
import { startNodeEvents } from '../../../../webhook/cluster/events/node-events.js'
import type { NodeState } from '../../../../webhook/hub/nodes/node-state.js'
import { collectLog } from '../../hub/rig.js'
import { clusterNode, nodeState } from '../cluster-objects.js'

test('a node that holds profiles up gets an event, once for the same profiles', async (t) => {
  const requests: [method: string, path: string, body: Record<string, unknown>][] = []
  const events = new EventRecorder({
    ...{ instance: 'hub-0', logger: collectLog().logger },
    call: (method, path, options) => {
      requests.push([method, path, options?.body as Record<string, unknown>])
      return Promise.resolve({})
    }
  })
  let nodes: NodeState[] = []
  let isLeader = true
  let changed = (): void => undefined
  const stop = startNodeEvents({
    hub: { nodes: () => nodes, onChange: (listener) => ((changed = listener), () => undefined) },
    view: { nodes: () => new Map([['bad', clusterNode('bad')]]) },
    ...{ events, mayWrite: () => isLeader, wait: () => Promise.resolve() }
  })
  t.teardown(stop)
  const bad = (...holdsUp: string[]) => [
    { ...nodeState('bad', []), holdsUp },
    { ...nodeState('gone', []), holdsUp },
    nodeState('good', [])
  ]
  // [what, the nodes, whether this hub leads, events in total]
  const table: [string, NodeState[], boolean, number][] = [
    ['a standby', bad('shop/web'), false, 0],
    ['none', bad(), true, 0],
    ['one profile', bad('shop/web'), true, 1],
    ['the same again', bad('shop/web'), true, 1],
    ['another profile', bad('shop/api', 'shop/web'), true, 2],
    ['none any more', bad(), true, 2]
  ]
  for (const [what, now, leads, count] of table) {
    nodes = now
    isLeader = leads
    changed()
    await Promise.resolve()
    await events.flush()
    t.equal(requests.length, count, what)
  }
  const [method, path, body] = requests[0] ?? []
  t.same([method, path], ['POST', '/apis/events.k8s.io/v1/namespaces/default/events'])
  t.match(body, {
    ...{ type: 'Warning', reason: 'RevisionsLate', metadata: { namespace: 'default' } },
    regarding: { apiVersion: 'v1', kind: 'Node', name: 'bad', uid: 'bad' },
    note: /do not get shop\/web; next: .*kubectl taint node NODE secco\.dev\/not-ready/
  })
})
