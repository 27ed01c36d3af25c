import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { isQuietFor, quietOf, quietText } from '../../../../src/seccomp/review/quiet.js'

type Instance = NonNullable<NonNullable<SeccompProfile['status']>['instances']>[number]

const hour = 3_600_000
const began = Date.parse('2026-01-01T10:00:00.000Z')
const at = (hours: number) => new Date(began + hours * hour).toISOString()
/** A container that ran between these hours; without an end it runs. */
const ran = (n: number, from: number, to?: number, more: Partial<Instance> = {}): Instance => ({
  ...{ id: `n1/b/${n}.${n}.1`, node: 'n1', complete: true, ended: to !== undefined },
  ...{ firstSeen: at(from), lastSeen: at(to ?? from), ...more }
})
const jobs = (count: number) => Array.from({ length: count }, (_, n) => ran(n, n + 1, n + 1.02))

const cases: {
  what: string
  instances: Instance[]
  gaps?: [number, number][]
  says: string
  isQuiet: boolean
}[] = [
  { what: 'it runs', instances: [ran(1, -1)], says: 'nothing new for 7h', isQuiet: true },
  {
    what: 'it ended before',
    instances: [ran(1, -1, 0)],
    says: 'nothing new for 7h, in which it did not run while its node recorded',
    isQuiet: false
  },
  {
    what: 'it ran for a while',
    instances: [ran(1, -1, 0.5)],
    says: 'nothing new for 7h, recorded for 30m of it',
    isQuiet: false
  },
  {
    what: 'two ran at the same time',
    instances: [ran(1, -1, 0.5), ran(2, 0.25, 0.75)],
    says: 'nothing new for 7h, recorded for 45m of it',
    isQuiet: false
  },
  {
    what: 'its node did not record',
    instances: [ran(1, -1)],
    gaps: [
      [-0.5, 3],
      [3.5, 7]
    ],
    says: 'nothing new for 7h, recorded for 30m of it',
    isQuiet: false
  },
  {
    what: 'a restart of Secco',
    instances: [ran(1, -1, 1), ran(1, 1.1, undefined, { id: 'n1/b/1.1.2', complete: false })],
    gaps: [[1, 1.1]],
    says: 'nothing new for 7h, recorded for 6h of it',
    isQuiet: true
  },
  {
    what: 'a run that failed under its profile',
    instances: [ran(1, -1, 0), ran(2, 0, 7, { denied: 1 })],
    says: 'nothing new for 7h, in which it did not run while its node recorded',
    isQuiet: false
  },
  {
    what: 'a job, often',
    instances: jobs(5),
    says: 'nothing new for 7h, recorded for 6m of it',
    isQuiet: true
  },
  {
    what: 'a job, too seldom',
    instances: jobs(4),
    says: 'nothing new for 7h, recorded for 4m of it',
    isQuiet: false
  }
]

test('quiet counts the time in which the workload was recorded', (t) => {
  for (const { what, instances, gaps = [], says, isQuiet } of cases) {
    const profile: SeccompProfile = {
      ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
      ...{ metadata: { namespace: 'shop', name: 'web' }, spec: {} },
      status: { instances, lastNew: at(0) }
    }
    const nodes = [
      { name: 'n1', text: '', gaps: gaps.map(([from, to]) => ({ from: at(from), to: at(to) })) },
      { name: 'n2', text: '', gaps: [{ from: at(-1), to: at(7) }] }
    ]
    const quiet = quietOf(profile, began + 7 * hour, nodes)
    t.equal(quietText(quiet), says, what)
    t.equal(isQuietFor(quiet, hour), isQuiet, what)
    t.notOk(isQuietFor(quiet, 8 * hour), `${what}: never longer than the time that passed`)
  }
  t.end()
})

test('quiet of a workload of which nothing was seen', (t) => {
  const profile = { spec: {}, metadata: { name: 'web' } } as unknown as SeccompProfile
  const quiet = quietOf(profile, began)
  t.equal(quietText(quiet), 'nothing new was ever seen')
  t.notOk(isQuietFor(quiet, 0))
  t.end()
})
