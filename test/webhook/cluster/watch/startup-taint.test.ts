import { test } from 'tap'
import { SeccoError } from '../../../../src/lib/errors.js'
import { createClusterCache } from '../../../../webhook/cluster/watch/cluster-view.js'
import { startupTaint } from '../../../../src/api/names.js'
import { StartupTaints } from '../../../../webhook/cluster/watch/startup-taint.js'
import { collectLog } from '../../hub/rig.js'
import { clusterNode } from '../cluster-objects.js'

test('a node that returns under the same name loses its taint again', async (t) => {
  const view = createClusterCache()
  const taint = { key: startupTaint, value: '', effect: 'NoSchedule' }
  const tainted = (uid: string) => clusterNode('n1', { uid, taints: [taint] })
  const asked: string[] = []
  const { logger, lines } = collectLog()
  let fails: SeccoError | undefined
  const taints = new StartupTaints({
    view,
    call: (method, path) => {
      asked.push(`${method} ${path}`)
      return fails === undefined ? Promise.resolve({}) : Promise.reject(fails)
    },
    isComplete: () => true,
    isActive: () => true,
    logger
  })
  t.teardown(() => taints.close())
  const look = async () => {
    taints.scan()
    await new Promise((resolve) => setImmediate(resolve))
    return asked.splice(0)
  }
  const patch = ['PATCH /api/v1/nodes/n1']
  view.putNode(tainted('1'))
  t.same(await look(), patch)
  t.same(await look(), [], 'asked for: the view shows it a moment later')
  view.putNode(tainted('2'))
  t.same(await look(), patch, 'another one, and nobody saw the first one go')
  view.removeNode('n1')
  t.same(await look(), [])
  view.putNode(tainted('2'))
  t.same(await look(), patch, 'its name is there again, and so is its taint')

  view.putNode(clusterNode('n1'))
  t.same(await look(), [])
  fails = new SeccoError('NOT_FOUND', 'no such node')
  view.putNode(tainted('3'))
  t.same(await look(), patch, 'gone, and not yet in the view')
  fails = undefined
  t.same(await look(), [], 'once')
  view.putNode(tainted('4'))
  t.same(await look(), patch, 'it is there again')
  fails = new SeccoError('UNAVAILABLE', 'later')
  view.putNode(tainted('5'))
  t.same(await look(), patch)
  t.same(await look(), patch)
  const failures = lines.filter(({ msg }) => msg === 'start-up taint not removed')
  t.equal(failures.length, 1, 'a retry that fails as the one before logs nothing')
  fails = undefined
  t.same(await look(), patch, 'a failed request is retried')
})

test('the taint stays until the node has every file, and only it is removed', (t) => {
  const view = createClusterCache()
  const taint = { key: startupTaint, value: '', effect: 'NoSchedule' }
  const other = { key: 'other', value: '', effect: 'NoSchedule' }
  view.putNode(clusterNode('n1', { uid: '1', taints: [other, taint] }))
  const bodies: unknown[] = []
  let isComplete = false
  const taints = new StartupTaints({
    view,
    call: (_method, _path, { body } = {}) => {
      bodies.push(body)
      return Promise.resolve({})
    },
    isComplete: (node) => node === 'n1' && isComplete,
    isActive: () => true,
    logger: collectLog().logger
  })
  t.teardown(() => taints.close())
  taints.scan()
  t.same(bodies, [], 'a file is missing')
  isComplete = true
  taints.scan()
  t.same(
    bodies,
    [
      [
        { op: 'test', path: '/spec/taints/1/key', value: startupTaint },
        { op: 'remove', path: '/spec/taints/1' }
      ]
    ],
    'the list may have changed meanwhile: then nothing is removed'
  )
  t.end()
})

test('a node that a person took out stays out until it has every file', (t) => {
  const view = createClusterCache()
  const taint = { key: startupTaint, value: 'held', effect: 'NoSchedule' }
  const createdAt = '2026-01-01T10:00:00Z'
  view.putNode(clusterNode('n1', { uid: '1', createdAt, taints: [taint] }))
  let [asked, isComplete] = [0, false]
  const taints = new StartupTaints({
    view,
    call: () => Promise.resolve({ asked: (asked += 1) }),
    ...{ isComplete: () => isComplete, isActive: () => true, logger: collectLog().logger }
  })
  t.teardown(() => taints.close())
  taints.scan()
  t.equal(asked, 0, 'long after its creation')
  isComplete = true
  taints.scan()
  t.equal(asked, 1)
  t.end()
})

test('a node whose satellite does not start is opened after its time, and only by the active hub', async (t) => {
  const view = createClusterCache()
  const createdAt = '2026-11-28T10:00:00Z'
  let now = Date.parse(createdAt)
  let isActive = false
  const { logger, lines } = collectLog()
  const taint = { key: startupTaint, value: '', effect: 'NoSchedule' }
  view.putNode(clusterNode('n1', { uid: '1', createdAt, taints: [taint] }))
  let opened: () => void = () => undefined
  const open = new Promise<void>((done) => (opened = done))
  const taints = new StartupTaints({
    view,
    call: (_method, path) => {
      t.equal(path, '/api/v1/nodes/n1')
      opened()
      return Promise.resolve({})
    },
    ...{ isComplete: () => false, isActive: () => isActive, logger },
    ...{ now: () => now, mostMs: 100 }
  })
  t.teardown(() => taints.close())
  now += 200
  taints.scan()
  t.same(lines, [], 'another hub opens it')
  isActive = true
  now -= 200
  taints.scan()
  t.same(lines, [], 'it may still become complete')
  now += 200
  // The timer of the scan, without another event.
  await open
  t.match(lines[0], { msg: 'node opened without its files', node: 'n1' })
})
