import { type Test, test } from 'tap'
import { admissionRole } from '../../../../src/api/names.js'
import type { ProfileState } from '../../../../src/rules/profile-state.js'
import type { RawObject } from '../../../../src/store/kubernetes-reflector.js'
import {
  ReplicaReports,
  replicasName,
  servedKeys
} from '../../../../webhook/cluster/replicas/replica-reports.js'
import { createClusterCache } from '../../../../webhook/cluster/watch/cluster-view.js'
import { readPod } from '../../../../webhook/cluster/watch/read-objects.js'
import { names } from '../../../../cli/install/names.js'
import type { ServedState } from '../../../../webhook/hub/nodes/readiness.js'
import { testRevision } from '../../../helpers/rules.js'

const [old, wanted] = [testRevision('shop', 'web', 'a'), testRevision('shop', 'web', 'b')]
const other = testRevision('shop', 'other', 'c')
const lacked = { ...wanted, ready: false, lacking: ['node-1'] }
const served = (...revisions: (typeof old)[]): string =>
  servedKeys(revisions.map((enforce) => ({ enforce })))

interface Given {
  /** Of the pod; undefined: it has no such condition yet. */
  ready?: 'True' | 'False' | undefined
  /** What the replica reports; undefined: nothing. */
  report?: string | undefined
  namespace?: string
  /** Without it the pod is no replica of the webhook. */
  role?: string
  isDeleted?: boolean
}

function podOf(name: string, given: Given): RawObject {
  const { ready, namespace = 'secco-system', role = 'true', isDeleted = false } = given
  return {
    metadata: {
      ...{ uid: name, namespace, name, labels: { [admissionRole]: role } },
      ...(isDeleted ? { deletionTimestamp: '2026-12-02T08:00:00Z' } : {})
    },
    spec: {},
    status: ready === undefined ? {} : { conditions: [{ type: 'Ready', status: ready }] }
  }
}

function rig(t: Test, given: Record<string, Given>) {
  const view = createClusterCache()
  for (const [name, one] of Object.entries(given)) view.putPod(readPod(podOf(name, one)))
  const clock = { at: 0 }
  const removed: string[] = []
  const active = { is: true }
  const reports = new ReplicaReports({
    ...{ view, namespace: 'secco-system', renewMs: 15_000, now: () => clock.at },
    isActive: () => active.is,
    remove: (name) => removed.push(name)
  })
  t.teardown(() => reports.close())
  let news = 0
  reports.onChange(() => (news += 1))
  const settle = (renewed: string, texts: Record<string, string | undefined>): void => {
    const members = Object.entries(texts).filter(([, text]) => text !== undefined)
    const data = Object.fromEntries(members.map(([name, text]) => [name, `${renewed} ${text}`]))
    reports.settle({ metadata: { name: replicasName }, data })
  }
  settle('1', Object.fromEntries(Object.entries(given).map(([name, one]) => [name, one.report])))
  return { view, clock, removed, active, reports, settle, news: () => news }
}

type Expected = [
  serving: number,
  total: number,
  waiting: string[],
  silent: string[],
  unready?: number
]
// [what, the webhook's pods, how many serve the wanted revision and who does not]
const table: [string, Record<string, Given>, Expected][] = [
  ['no pods: a process outside of the cluster', {}, [0, 0, [], []]],
  ['one that serves it', { a: { ready: 'True', report: served(other, wanted) } }, [1, 1, [], []]],
  [
    'one has the revision of before',
    { a: { ready: 'True', report: served(wanted) }, b: { ready: 'True', report: served(old) } },
    [1, 2, ['b'], []]
  ],
  [
    'one does not know that the nodes have it',
    { a: { ready: 'True', report: served(wanted) }, b: { ready: 'True', report: served(lacked) } },
    [1, 2, ['b'], []]
  ],
  [
    'one of an earlier version',
    { a: { ready: 'True', report: served(wanted) }, b: { ready: 'True' } },
    [1, 2, [], ['b']]
  ],
  [
    'one that is not ready gets no reviews',
    {
      a: { ready: 'True', report: served(wanted) },
      b: { ready: 'False', report: served(old) },
      c: { report: served(old) }
    },
    [1, 1, [], [], 2]
  ],
  [
    'none is ready',
    { a: { ready: 'False', report: served(wanted) }, b: { report: served(wanted) } },
    [0, 0, [], [], 2]
  ],
  [
    'one that ends still answers',
    { a: { ready: 'True', report: served(old), isDeleted: true } },
    [0, 1, ['a'], []]
  ],
  [
    'pods that are no replicas',
    { a: { ready: 'True', namespace: 'shop' }, b: { ready: 'True', role: 'false' } },
    [0, 0, [], []]
  ],
  [
    'a report without a pod',
    { a: { ready: 'True', report: served(wanted) }, b: { namespace: 'shop', report: served(old) } },
    [1, 1, [], []]
  ]
]

for (const [what, given, [serving, total, waiting, silent, unready = 0]] of table) {
  test(`who serves a revision: ${what}`, (t) => {
    const { reports } = rig(t, given)
    const expected = { serving, total, waiting, silent, unready }
    const isStarting = total === 0 && unready > 0
    t.strictSame(reports.of({ enforce: wanted }), {
      ...expected,
      ...(isStarting && { isStarting })
    })
    t.end()
  })
}

test('a replica whose label still enforces does not serve what its label gives in audit', (t) => {
  const later = { enforce: wanted, audit: other }
  const early = { ...later, labelMode: 'audit' as const }
  for (const [report, serving] of [
    [servedKeys([early]), 1],
    [servedKeys([later]), 0]
  ] as const) {
    const { reports } = rig(t, { a: { ready: 'True', report } })
    t.equal(reports.of(early).serving, serving)
  }
  t.end()
})

test('a report that is not renewed is not believed, and one that is stays', (t) => {
  const { reports, settle, clock, news, view } = rig(t, {
    a: { ready: 'True', report: served(wanted) },
    b: { ready: 'True', report: served(wanted) }
  })
  t.equal(reports.of({ enforce: wanted }).serving, 2)
  clock.at = 40_000
  const before = news()
  settle('2', { a: served(wanted), b: undefined })
  t.equal(news(), before + 1, 'the report of b is gone')
  t.strictSame(reports.of({ enforce: wanted }).silent, ['b'])
  settle('3', { a: served(wanted), b: served(wanted) })
  clock.at = 84_000
  settle('4', { a: served(wanted) })
  settle('4', { a: served(wanted), b: served(wanted) })
  t.strictSame(reports.of({ enforce: wanted }), {
    ...{ serving: 2, total: 2, waiting: [], silent: [] },
    unready: 0
  })
  const renewed = news()
  settle('5', { a: served(wanted), b: served(wanted) })
  t.equal(news(), renewed, 'a renewal is no news')
  clock.at = 130_000
  t.strictSame(reports.of({ enforce: wanted }).silent, ['a', 'b'], 'older than 45 s')
  reports.restart()
  t.equal(
    reports.of({ enforce: wanted }).serving,
    2,
    'a hub that just became active saw none of it'
  )
  view.putPod(readPod(podOf('b', { ready: 'False' })))
  t.equal(news(), renewed + 1, 'a pod that is not ready any more is news')
  t.equal(reports.of({ enforce: wanted }).total, 1)
  view.removePod('a')
  t.equal(reports.of({ enforce: wanted }).total, 0)
  t.end()
})

test('that no replica is ready is said once it lasts: all begin when the hub does', (t) => {
  const { reports, settle, clock, news, view } = rig(t, {
    a: { ready: 'False', report: served(wanted) }
  })
  const isStarting = () => reports.of({ enforce: wanted }).isStarting
  clock.at = 44_000
  t.equal(isStarting(), true)
  const before = news()
  clock.at = 46_000
  t.equal(isStarting(), undefined, 'after 45 s')
  settle('2', { a: served(wanted) })
  t.equal(news(), before + 1, 'listeners are told')
  reports.restart()
  t.equal(isStarting(), undefined, 'who becomes the active one has seen the pods before')
  view.putPod(readPod(podOf('a', { ready: 'True' })))
  t.equal(isStarting(), undefined, 'one is ready')
  clock.at = 100_000
  view.putPod(readPod(podOf('a', { ready: 'False' })))
  t.equal(isStarting(), undefined, 'one that ends while the hub is active is seen')
  view.removePod('a')
  const without = news()
  view.putPod(readPod(podOf('b', { ready: 'False' })))
  t.equal(news(), without + 1, 'a pod that is not ready comes where there was none')
  t.match(reports.of({ enforce: wanted }), { total: 0, unready: 1 })
  t.end()
})

test('a hub on standby is told nothing', (t) => {
  const { settle, active, news } = rig(t, { a: { ready: 'True', report: served(old) } })
  active.is = false
  const before = news()
  settle('2', { a: served(wanted) })
  t.equal(news(), before)
  t.end()
})

test('what a replica reports', (t) => {
  t.equal(served(wanted, other), served(other, wanted), 'in any order')
  t.not(served(wanted), served(old))
  t.equal(served(lacked), '', 'a revision that nodes lack is not served')
  const audit = { mode: 'audit' } as const
  const states: ServedState[] = [
    { enforce: wanted },
    { enforce: wanted, ladder: audit },
    { enforce: wanted, ladder: { mode: 'enforce' } },
    { enforce: wanted, ladder: { mode: 'enforce', revision: old } },
    { enforce: wanted, ladder: { mode: 'enforce', canary: { percent: 10, from: audit } } },
    { enforce: wanted, ladder: { mode: 'enforce', canary: { percent: 20, from: audit } } },
    { enforce: wanted, audit: old }
  ]
  t.equal(new Set(states.map((state) => servedKeys([state]))).size, states.length, 'each its own')
  const from = (revision: typeof old) => ({ mode: 'enforce', revision }) as const
  const unready: ServedState[] = [
    { enforce: lacked },
    { enforce: old, audit: lacked },
    { enforce: old, audit: lacked, ladder: audit },
    { enforce: old, ladder: from(lacked) },
    { enforce: old, ladder: { mode: 'enforce', canary: { percent: 10, from: from(lacked) } } }
  ]
  t.equal(
    servedKeys(unready),
    '',
    'none of what a rule, a pin or a canary may give is on all nodes'
  )
  const state: ProfileState = { namespace: 'shop', name: 'web', approved: false }
  t.equal(servedKeys([state]), '')
  const many = Array.from({ length: 20_000 }, (_, at) => ({
    ...{ ...state, approved: true },
    enforce: { ...wanted, path: `p${at}` }
  }))
  t.ok(servedKeys(many).length <= 300 * 1024, 'three replicas fit into one object')
  t.equal(names.replicas, replicasName, 'the right to write it is for this name')
  t.end()
})
