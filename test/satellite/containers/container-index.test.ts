import { test } from 'tap'
import { createContainerIndex } from '../../../satellite/containers/container-index.js'
import type { Container } from '../../../satellite/containers/runtime.js'

function container(id: string, pid: number): Container {
  return {
    ...{ id, pid, firstPid: pid, runtime: 'runc', name: id, status: 'running', labels: {} },
    cgroupId: BigInt(pid)
  }
}

test('the list is that of now, however often it was asked for', (t) => {
  const index = createContainerIndex()
  const ids = () => index.all().map(({ id, pid }) => `${id} ${pid}`)
  t.strictSame(ids(), [])
  const before = index.all()
  index.put(container('a', 1))
  t.strictSame(ids(), ['a 1'])
  index.put(container('b', 2))
  t.strictSame(ids(), ['a 1', 'b 2'])
  const [a] = index.withId('a')
  if (a === undefined) throw new Error('a is not known')
  index.stop(a)
  t.strictSame(ids(), ['b 2', 'a 0'])
  t.equal(before.length, 0, 'a list that was given stays as it was')
  t.equal(index.all(), index.all(), 'not made anew without need')
  t.end()
})
