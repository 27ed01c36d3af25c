import { test } from 'tap'
import type {
  ContainerView,
  ContainerViews
} from '../../../../webhook/confinement/containers/container-views.js'
import { watchRestarts } from '../../../../webhook/confinement/containers/restarts.js'
import type { RecordedRestarts } from '../../../../webhook/hub/history/recorded-starts.js'

/** Returns views that report changes, and what else is known of restarts. */
function rig(recorded: readonly RecordedRestarts[] = [], createdAt?: string) {
  const clock = { now: 1000 }
  let report: Parameters<ContainerViews['onChange']>[0] = () => undefined
  const views: Pick<ContainerViews, 'onChange'> = {
    onChange(listener) {
      report = listener
      return () => (report = () => undefined)
    }
  }
  const restarts = watchRestarts(views, {
    now: () => clock.now,
    recorded: (revision) => (revision === 'r1' ? recorded : []),
    podCreatedAt: () => createdAt,
    profilesOf: () => ['shop/web']
  })
  const seen = (change: Partial<ContainerView>) => {
    const place = { node: 'n1', namespace: 'shop', podUid: '', name: 'web' }
    const named = { ...place, profile: 'shop/web', sharedWith: [] }
    report([{ ...named, revision: 'r1', ...change } as unknown as ContainerView], [])
  }
  return { clock, restarts, seen }
}

test('restarts are counted once per container, by revision and since a time', (t) => {
  const { clock, restarts, seen } = rig()
  const run = (key: string, count: number, revision = 'r1') =>
    seen({ key, revision, restarts: count })
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
  clock.now = 5000
  run('d', 2)
  t.same([of(0), of(5000), of(5001)], [2, 1, 0], 'those of an earlier trial are not of the next')
  // After a restart of the hub: the API server knows the restarts, the node when the container started.
  const startedAt = new Date(2000).toISOString()
  seen({ key: 'f', restarts: 4, startedAt })
  t.same([of(0), of(2000), of(2001)], [3, 2, 1], 'of the time when it started')
  restarts.close()
  run('e', 3)
  t.equal(of(0), 3)
  t.end()
})

test('the remembered restarts are bounded and rather too many than too few', (t) => {
  const { clock, restarts, seen } = rig()
  clock.now = 7
  for (let n = 0; n < 2000; n += 1) {
    seen({ key: `k${n}`, revision: 'r', restarts: 1 })
  }
  t.equal(restarts.of('shop/web', 'r', 7), 1000)
  t.end()
})

test('a hub that was restarted counts the restarts that histories and the API server have', (t) => {
  const since = 1_000_000
  const at = (ms: number) => new Date(since + ms).toISOString()
  const of = (place: string, times: readonly number[], more: Partial<RecordedRestarts> = {}) => ({
    ...{ place, namespace: 'shop', profiles: ['shop/web'] },
    times: times.map((ms) => since + ms),
    ...more
  })
  const pod = { key: 'a', podUid: 'u1', restarts: 3, startedAt: at(9) }
  const table: [what: string, Parameters<typeof rig>, Partial<ContainerView>[], number][] = [
    ['nothing is known', [], [], 0],
    ['only the history has the container', [[of('u1 web', [1, 2, 3])]], [], 3],
    ['one that runs is not counted twice', [[of('u1 web', [1, 2, 9])]], [pod], 3],
    ['the newest is not in the history yet', [[of('u1 web', [])]], [pod], 1],
    ['those before the canary are not of it', [[of('u1 web', [-2, -1, 9])]], [pod], 1],
    ['a pod that began later: all of its restarts', [[], at(0)], [pod], 3],
    ['a pod that began before: nobody knows when', [[], at(-5000)], [pod], 1],
    ['several places', [[of('u1 web', [1]), of('u2 web', [1, 2])]], [pod], 3],
    ['of another profile', [[of('u1 web', [1], { profiles: ['shop/web', 'shop/api'] })]], [], 1],
    ['learned into a profile without it', [[of('u1 web', [1], { profiles: ['shop/api'] })]], [], 1],
    ['in another namespace', [[of('u1 web', [1], { namespace: 'b', profiles: ['b/api'] })]], [], 0],
    ['under another profile', [[of('u1 web', [1])]], [{ ...pod, profile: 'shop/job' }], 0],
    ['one of equal profiles', [], [{ ...pod, profile: 'shop/a', sharedWith: ['shop/web'] }], 1],
    [
      'one of equal profiles elsewhere',
      [],
      [{ ...pod, namespace: 'b', profile: 'b/a', sharedWith: ['shop/web'] }],
      0
    ]
  ]
  for (const [what, known, views, expected] of table) {
    const { restarts, seen } = rig(...known)
    for (const view of views) seen(view)
    t.equal(restarts.of('shop/web', 'r1', since), expected, what)
  }
  t.end()
})
