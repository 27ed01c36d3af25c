import { test } from 'tap'
import { mostInstances, withFindings } from '../../../../webhook/hub/observations/evidence.js'
import {
  type ObservationFinding,
  readObservation
} from '../../../../webhook/hub/observations/read-observation.js'
import { profileOf } from '../../../src/store/contract.js'
import { observationOf } from '../rig.js'

test('a node pushes out no instances of others, whatever times it reports', (t) => {
  const now = '2026-11-24T10:00:00.000Z'
  const future = '9999-12-31T23:59:59.000Z'
  const found = (node: string, nth: number, at: string) => {
    const times = { firstSeen: at, lastSeen: at }
    const observation = observationOf(`${node}/b/${nth}`, ['read'], times)
    return { node, finding: readObservation(observation, node) as ObservationFinding }
  }
  const own = Array.from({ length: 10 }, (_, nth) => found('n1', nth, now))
  const theirs = Array.from({ length: 200 }, (_, nth) => found('n2', nth, future))
  const before = withFindings(profileOf('default', 'web'), own, now)
  const { instances = [] } = withFindings(before, theirs, now).status ?? {}
  const of = (name: string) => instances.filter(({ node }) => node === name)
  t.same([of('n1').length, of('n2').length], [10, mostInstances - 10])
  t.ok(of('n2').every(({ firstSeen = '', lastSeen }) => firstSeen <= now && lastSeen <= now))
  t.end()
})

test('a restart of Secco is no instance, and its end is that of the run', (t) => {
  const now = '2026-11-24T10:00:00.000Z'
  const found = (epoch: string, more: object) => {
    const times = { firstSeen: now, lastSeen: now }
    const observation = observationOf(`n1/boot${epoch}/1.2.3`, ['read'], { ...times, ...more })
    return { node: 'n1', finding: readObservation(observation, 'n1') as ObservationFinding }
  }
  const learningOf = (...all: ReturnType<typeof found>[]) =>
    withFindings(profileOf('default', 'web'), all, now).status?.conditions?.[0]
  const message = '1 syscall observed in 1 instance, 1 of them from the first instruction'
  const first = found('', { complete: true })
  t.match(learningOf(first, found('+1', { complete: false })), { status: 'True', message })
  t.match(learningOf(first, found('+1', { complete: false, ended: true })), {
    ...{ status: 'False', reason: 'InstancesEnded', message }
  })
  t.end()
})

test('what the profile of an instance denied to it is counted once for each syscall', (t) => {
  const now = '2026-11-24T10:00:00.000Z'
  const call = (name: string, action = 'SCMP_ACT_ERRNO') => ({
    name,
    count: 3,
    action,
    detail: undefined
  })
  const revision = `sha256:${'a'.repeat(64)}`
  // [what, revision, denied calls, how many are kept]
  const table: [string, string, ReturnType<typeof call>[], number | undefined][] = [
    ['two', revision, [call('bind'), call('listen'), call('bind')], 2],
    ['in audit', revision, [call('bind', 'SCMP_ACT_LOG')], undefined],
    ['under no profile of Secco', '', [call('bind')], undefined],
    ['nothing', revision, [], undefined]
  ]
  for (const [what, of, denied, expected] of table) {
    const times = { firstSeen: now, lastSeen: now }
    const observation = observationOf('n1/b/1', ['read'], { ...times, revision: of, denied })
    const finding = readObservation(observation, 'n1') as ObservationFinding
    const once = withFindings(profileOf('default', 'web'), [{ node: 'n1', finding }], now)
    t.equal(once.status?.instances?.[0]?.denied, expected, what)
    t.equal(withFindings(once, [{ node: 'n1', finding }], now), once, `${what}: again`)
  }
  t.end()
})
