import type { ServerResponse } from 'node:http'
import { mock } from 'node:test'
import { test } from 'tap'
import type { Confinement } from '../../../../webhook/confinement/containers/confinement.js'
import { streamContainers } from '../../../../webhook/confinement/containers/container-stream.js'
import type {
  ContainerListener,
  ContainerView
} from '../../../../webhook/confinement/containers/container-view.js'
import { Listeners } from '../../../../src/lib/listeners.js'
import { createInventory } from '../../../../webhook/hub/nodes/inventory.js'
import { view } from '../../../helpers/hub-answers.js'

mock.timers.enable({ apis: ['setTimeout'] })
/** What a stream collects is sent after this. */
const soon = () => mock.timers.tick(1000)

/** A fleet whose nodes and containers a test changes, and what is sent about it. */
function rigOf(items: ContainerView[], sees: (namespace: string) => boolean = () => true) {
  const nodes = [
    { name: 'n1', connected: true, lastSeen: 't0' },
    { name: 'n2', connected: true, lastSeen: 't0' }
  ]
  const [changes, fleet] = [new Listeners<Parameters<ContainerListener>>(), new Listeners()]
  const confinement = {
    listed: {
      list: () => items,
      labelsOf: () => ({}),
      onChange: (listener: ContainerListener) => changes.add((args) => listener(...args))
    },
    sources: { hub: { nodes: () => nodes, inventory: createInventory(), onChange: fleet.add } }
  } as unknown as Confinement
  const sent: { event: string; data: Record<string, unknown> }[] = []
  let closed = () => undefined as unknown
  const response = {
    writeHead: () => undefined,
    write(text: string) {
      const [, event = '', data = '{}'] = /^event: (.*)\ndata: (.*)\n/.exec(text) ?? []
      if (event !== '') sent.push({ event, data: JSON.parse(data) as Record<string, unknown> })
    },
    once: (_: string, listener: () => unknown) => (closed = listener)
  } as unknown as ServerResponse
  streamContainers(confinement, { query: {}, sees }, response, {})
  const set = (at: number, connected: boolean, lastSeen: string) => {
    Object.assign(nodes[at] ?? {}, { connected, lastSeen })
    fleet.notify()
    soon()
  }
  const change = (changed: ContainerView[]) => {
    changes.notify([changed, []])
    soon()
  }
  const many = (count: number) => {
    Object.assign(nodes[0] ?? {}, { connected: false })
    for (let at = 0; at < count; at += 1) fleet.notify()
  }
  return { sent, set, change, many, close: () => closed() }
}

const away = (name: string, lastSeen = 't1') => ({ name, lastSeen })

test('a stream of containers says which nodes are away, when that changes', (t) => {
  const { sent, set, change, close } = rigOf([view('n1', 'b'), view('n1', 'a')])
  t.match(sent, [
    { event: 'snapshot', data: { items: [{ name: 'a' }, { name: 'b' }], awayNodes: [] } }
  ])
  t.equal(sent[0]?.data['missingNodes'], 2)
  set(0, true, 't9')
  t.equal(sent.length, 1, 'a report of a node is no news')
  set(0, false, 't1')
  t.match(sent[1], { event: 'nodes', data: { missingNodes: 2, awayNodes: [away('n1')] } })
  set(1, false, 't1')
  t.match(sent[2]?.data, { notReporting: [{ name: 'n1' }, { name: 'n2' }] })
  t.strictSame(sent[2]?.data['awayNodes'], [away('n1')], 'nothing of that node is listed')
  change([view('n2', 'c')])
  t.match(sent.slice(3), [
    { event: 'change', data: { changed: [{ name: 'c' }], gone: [] } },
    { event: 'nodes', data: { awayNodes: [away('n1'), away('n2')] } }
  ])
  set(0, true, 't2')
  t.match(sent.at(-1), { event: 'nodes', data: { awayNodes: [away('n2')] } })
  close()
  set(1, true, 't3')
  t.equal(sent.length, 6, 'nothing is sent to a client that has left')
  t.end()
})

test('many messages of nodes are one answer', (t) => {
  const { sent, set, many, close } = rigOf([view('n1', 'a')])
  t.teardown(close)
  many(100)
  t.equal(sent.length, 1, 'nothing is computed for each')
  set(0, false, 't1')
  t.equal(sent.length, 2)
  t.end()
})

test('who sees no container of a node is not told its name', (t) => {
  const { sent, set, close } = rigOf([view('n1', 'a')], () => false)
  t.teardown(close)
  set(0, false, 't1')
  const data = { items: [], reportingNodes: 0, missingNodes: 2, notReporting: [], awayNodes: [] }
  t.strictSame(sent, [{ event: 'snapshot', data }])
  t.end()
})
