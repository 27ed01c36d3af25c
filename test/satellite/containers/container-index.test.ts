import { test } from 'tap'
import { ContainerIndex } from '../../../satellite/containers/container-index.js'
import type { Container } from '../../../satellite/containers/runtime.js'
import { plain, slot } from '../../helpers/container-facts.js'

function container(id: string, pid: number): Container {
  return {
    ...{ id, pid, firstPid: pid, runtime: 'runc', name: id, status: 'running', labels: {} },
    cgroupId: BigInt(pid)
  }
}

test('the list is up to date, however often it is read', (t) => {
  const index = new ContainerIndex()
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
  t.equal(before.length, 0, 'a returned list stays as it was')
  t.equal(index.all(), index.all(), 'not made again without need')
  t.end()
})

test('ended containers are known for a while, a few of them longer, never too many', (t) => {
  const clock = { now: 0 }
  const index = new ContainerIndex(() => clock.now)
  const run = (n: number) => plain({ id: `c${n}`, cgroupId: BigInt(1000 + n), firstPid: 5000 + n })
  const live = run(0)
  index.put(live)
  for (let n = 1; n <= 1500; n += 1) {
    index.put(run(n))
    t.match(index.stop(run(n)), { id: `c${n}`, pid: 0, status: 'stopped' })
  }
  t.equal(index.stop(run(1500)), undefined, 'it was stopped before')
  t.equal(index.all().length, 1025, 'the newest 1,024, and the live one')
  t.equal(index.find(slot({ cgroupId: 1001n, cgroupName: 'c1' })), undefined)
  t.match(index.find(slot({ cgroupId: 2500n })), { id: 'c1500', pid: 0 })
  clock.now = 19_000
  index.put(run(1999))
  index.stop(run(1999))
  t.equal(index.all().length, 1025)
  clock.now = 20_000
  index.put(run(2000))
  index.stop(run(2000))
  t.equal(index.all().length, 65)
  t.match(index.find(slot({ cgroupId: 2500n })), { id: 'c1500' }, 'longer on a quiet node')
  t.equal(index.find(slot({ cgroupId: 1000n })), live)
  t.end()
})
