import { test } from 'tap'
import { apiVersion } from '../../../../src/api/names.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { decidedEvents } from '../../../../webhook/hub/history/decided-history.js'
import { LastStates } from '../../../../webhook/hub/history/last-states.js'
import { withOutcome } from '../../../../webhook/hub/status/profile-status.js'

const second = (at: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, at)).toISOString()
const digestOf = (digit: string) => `sha256:${digit.repeat(64)}`

const readyStatus: NonNullable<SeccompProfile['status']> = {
  revision: digestOf('a'),
  conditions: [
    {
      ...{
        type: 'Ready',
        status: 'True',
        reason: 'AllNodesReady',
        message: '',
        observedGeneration: 1
      },
      lastTransitionTime: second(3)
    }
  ]
}
const first: SeccompProfile = {
  ...{ apiVersion, kind: 'SeccompProfile', spec: {} },
  metadata: { namespace: 'shop', name: 'web', generation: 1 }
}

/** The digit of the digest, how many of two nodes have it, and at which second that is written. */
type Step = readonly [revision: string, ready: number, at: number]

/** Returns the deliveries that the history has after these steps: the revision and the second. */
function deliveriesOf(steps: readonly Step[], change: (profile: SeccompProfile) => SeccompProfile) {
  const states = new LastStates()
  const lines = new Map<string, string>()
  let profile: SeccompProfile = {
    ...{ apiVersion, kind: 'SeccompProfile', spec: {} },
    metadata: { namespace: 'shop', name: 'web', generation: 1 },
    status: { approvals: [{ by: 'ann', at: second(1), revision: digestOf('a'), digest: 'd' }] }
  }
  const record = () => {
    const events = states.settled(decidedEvents('shop/web', profile))
    for (const { id, what, revision = '', at } of events)
      if (what === 'delivery') lines.set(id, `${revision[7]} ${(Date.parse(at) / 1000) % 60}`)
  }
  for (const [revision, ready, at] of steps) {
    const waiting = ready === 2 ? [] : ['n2']
    const readiness = { ready, total: 2, waiting, failed: [] }
    const [digest, audit] = [digestOf(revision), digestOf('0')]
    profile = withOutcome(profile, { state: 'rendered', digest, audit, readiness }, second(at))
    record()
  }
  profile = change(profile)
  record()
  const ready = profile.status?.conditions?.find(({ type }) => type === 'Ready')
  return {
    lines: [...lines.values()],
    since: (Date.parse(ready?.lastTransitionTime ?? '') / 1000) % 60
  }
}

test('a delivery is recorded once for each time that every node has a revision', (t) => {
  const same = (profile: SeccompProfile) => profile
  const approvedAgain = (profile: SeccompProfile): SeccompProfile => ({
    ...profile,
    status: {
      ...profile.status,
      approvals: [
        ...(profile.status?.approvals ?? []),
        { by: 'ann', at: second(40), revision: '', digest: 'e' }
      ]
    }
  })
  const specChanged = (profile: SeccompProfile): SeccompProfile => ({
    ...profile,
    metadata: { ...profile.metadata, generation: 2 }
  })
  // [what, the steps, what comes then, the deliveries, since when it is ready]
  const table: [string, Step[], typeof same, string[], number][] = [
    [
      'one',
      [
        ['a', 0, 2],
        ['a', 2, 3],
        ['a', 2, 9]
      ],
      same,
      ['a 3'],
      3
    ],
    [
      'a block and its end',
      [
        ['a', 2, 3],
        ['b', 1, 10],
        ['b', 2, 11],
        ['a', 2, 20]
      ],
      same,
      ['a 3', 'b 11', 'a 20'],
      20
    ],
    [
      'a node that is faster than the status',
      [
        ['a', 2, 3],
        ['b', 2, 10],
        ['a', 2, 20]
      ],
      same,
      ['a 3', 'b 10', 'a 20'],
      20
    ],
    [
      'a node comes and goes',
      [
        ['a', 2, 3],
        ['a', 1, 5],
        ['a', 2, 7]
      ],
      same,
      ['a 3'],
      7
    ],
    ['an approval that waits', [['a', 2, 3]], approvedAgain, ['a 3'], 3],
    ['a spec that waits', [['a', 2, 3]], specChanged, ['a 3'], 3]
  ]
  for (const [what, steps, change, lines, since] of table)
    t.same(deliveriesOf(steps, change), { lines, since }, what)
  t.same(
    decidedEvents('shop/web', approvedAgain({ ...first, status: readyStatus })).filter(
      ({ what }) => what === 'delivery'
    ),
    [],
    'a status from before the approval is no delivery'
  )
  t.end()
})
