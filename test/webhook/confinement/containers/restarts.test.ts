import { test } from 'tap'
import type {
  ContainerView,
  ContainerViews
} from '../../../../webhook/confinement/containers/container-views.js'
import { watchRestarts } from '../../../../webhook/confinement/containers/restarts.js'

test('restarts are counted once per container, by revision and since a time', (t) => {
  let now = 1000
  let tell: Parameters<ContainerViews['onChange']>[0] = () => undefined
  const views: Pick<ContainerViews, 'onChange'> = {
    onChange(listener) {
      tell = listener
      return () => (tell = () => undefined)
    }
  }
  const restarts = watchRestarts(views, () => now)
  const run = (key: string, count: number, revision = 'r1') =>
    tell([{ key, profile: 'shop/web', revision, restarts: count } as ContainerView], [])
  const of = (since: number, revision = 'r1') => restarts.of('shop/web', revision, since)

  run('a', 0)
  t.equal(of(0), 0, 'the first run is no restart')
  run('b', 1, '')
  t.equal(of(0), 0, 'nobody knows yet under what')
  run('b', 1)
  run('b', 1)
  t.equal(of(0), 1, 'once, however often it is reported')
  run('c', 1, 'r2')
  t.same([of(0), of(0, 'r2')], [1, 1])
  now = 5000
  run('d', 2)
  t.same([of(0), of(5000), of(5001)], [2, 1, 0], 'those of an earlier trial are not of the next')
  restarts.close()
  run('e', 3)
  t.equal(of(0), 2)
  t.end()
})

test('the remembered restarts are bounded and rather too many than too few', (t) => {
  let tell: Parameters<ContainerViews['onChange']>[0] = () => undefined
  const views: Pick<ContainerViews, 'onChange'> = {
    onChange(listener) {
      tell = listener
      return () => undefined
    }
  }
  const restarts = watchRestarts(views, () => 7)
  for (let n = 0; n < 2000; n += 1) {
    tell([{ key: `k${n}`, profile: 'p', revision: 'r', restarts: 1 } as ContainerView], [])
  }
  t.equal(restarts.of('p', 'r', 7), 1000)
  t.end()
})
