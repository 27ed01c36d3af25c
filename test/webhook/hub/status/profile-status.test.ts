import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { SeccoError } from '../../../../src/lib/errors.js'
import { previousRevisionOf } from '../../../../src/rules/previous-revision.js'
import { type ProfileOutcome, withOutcome } from '../../../../webhook/hub/status/profile-status.js'

const now = '2026-01-01T00:00:00Z'

test('a status has the generation of the spec that it is about', (t) => {
  const readiness = { ready: 1, total: 1, waiting: [], failed: [] }
  const digest = `sha256:${'a'.repeat(64)}`
  const outcomes: ProfileOutcome[] = [
    { state: 'unapproved' },
    { state: 'failed', error: new SeccoError('INVALID_DOCUMENT', 'spec.seccomp: broken') },
    { state: 'rendered', digest, audit: digest, readiness },
    { state: 'overlay' }
  ]
  for (const outcome of outcomes) {
    const at = (generation?: number, status?: SeccompProfile['status']): SeccompProfile => ({
      ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', spec: {} },
      metadata: { namespace: 'shop', name: 'web', ...(generation && { generation }) },
      ...(status && { status })
    })
    const first = withOutcome(at(1), outcome, now)
    t.equal(first.status?.observedGeneration, 1, outcome.state)
    t.equal(withOutcome(first, outcome, 'later'), first, `${outcome.state}: written once`)
    const second = withOutcome(at(2, first.status), outcome, now)
    t.equal(second.status?.observedGeneration, 2, `${outcome.state}: the spec changed`)
    const folder = withOutcome(at(), outcome, now)
    t.notOk('observedGeneration' in (folder.status ?? {}), 'a folder has no generations')
  }
  t.end()
})

test('what was observed holds for the next generation, too: its condition is not out of date', (t) => {
  const learning = {
    ...{ type: 'Learning', status: 'False' as const, reason: 'InstancesEnded' },
    ...{ message: '3 syscalls observed', observedGeneration: 1, lastTransitionTime: now }
  }
  const at = (generation?: number): SeccompProfile => ({
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', spec: {} },
    metadata: { namespace: 'shop', name: 'web', ...(generation && { generation }) },
    status: { conditions: [learning] }
  })
  const learningOf = ({ status }: SeccompProfile) =>
    status?.conditions?.find(({ type }) => type === 'Learning')
  const outcome = { state: 'unapproved' } as const
  t.same(learningOf(withOutcome(at(1), outcome, 'later')), learning, 'of its own generation')
  const second = withOutcome(at(2), outcome, 'later')
  t.same(learningOf(second), { ...learning, observedGeneration: 2 }, 'no transition')
  t.equal(withOutcome(second, outcome, 'later'), second, 'written once')
  t.same(learningOf(withOutcome(at(), outcome, 'later')), learning, 'a folder has no generations')
  t.end()
})

test('replicas that begin with the hub leave Ready as it was of this revision, and of no other', (t) => {
  const digests = ['a', 'b'].map((letter) => `sha256:${letter.repeat(64)}`)
  const outcomeOf = (at: 0 | 1, total: number, isStarting?: boolean): ProfileOutcome => ({
    ...{ state: 'rendered', digest: digests[at] ?? '', audit: digests[at] ?? '' },
    readiness: {
      ...{ ready: 2, total: 2, waiting: [], failed: [] },
      replicas: {
        ...{ serving: total, total, waiting: [], silent: [], unready: 1 - total },
        ...(isStarting && { isStarting })
      }
    }
  })
  const profileAt = (generation: number, status?: SeccompProfile['status']): SeccompProfile => ({
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', spec: {} },
    metadata: { namespace: 'shop', name: 'web', generation },
    ...(status && { status })
  })
  const readyOf = ({ status }: SeccompProfile) =>
    status?.conditions?.find(({ type }) => type === 'Ready')?.status
  const served = withOutcome(profileAt(1), outcomeOf(0, 1), now)
  t.equal(readyOf(served), 'True')
  t.equal(withOutcome(served, outcomeOf(0, 0, true), 'later'), served, 'nothing changes')
  const lasting = withOutcome(served, outcomeOf(0, 0), 'later')
  t.equal(readyOf(lasting), 'False', 'it lasts')
  t.equal(readyOf(withOutcome(lasting, outcomeOf(0, 0, true), 'later')), 'False', 'it was said')
  t.equal(readyOf(withOutcome(profileAt(1), outcomeOf(0, 0, true), now)), 'False', 'a new profile')
  t.equal(readyOf(withOutcome(served, outcomeOf(1, 0, true), now)), 'False', 'another revision')
  const edited = profileAt(2, served.status)
  t.equal(readyOf(withOutcome(edited, outcomeOf(0, 0, true), now)), 'False', 'another mode')
  t.end()
})

test('a status keeps earlier revisions, and those that the ladder names for as long as it does', (t) => {
  const readiness = { ready: 1, total: 1, waiting: [], failed: [] }
  const digestAt = (at: number) => `sha256:${at.toString(16).padStart(64, '0')}`
  const canary = {
    ...{ percent: 1, startedAt: now, quietFor: '1h' },
    from: { mode: 'enforce' as const, revision: digestAt(2) }
  }
  let profile: SeccompProfile = {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
    metadata: { namespace: 'shop', name: 'web' },
    spec: { ladder: { mode: 'enforce', revision: digestAt(0), canary } }
  }
  const render = (at: number) => {
    const digest = digestAt(at)
    profile = withOutcome(profile, { state: 'rendered', digest, audit: digest, readiness }, now)
  }
  for (const at of [0, 1, 0, 1]) render(at)
  t.notOk('earlierRevisions' in (profile.status ?? {}), 'two that take turns')
  for (let at = 2; at < 40; at += 1) render(at)
  const kept = Array.from({ length: 16 }, (_, at) => digestAt(at + 22))
  t.same(profile.status?.earlierRevisions, [digestAt(0), digestAt(2), ...kept])
  profile = { ...profile, spec: {} }
  render(40)
  t.same(profile.status?.earlierRevisions, [...kept.slice(1), digestAt(38)])
  t.end()
})

test('the previous revision is what people approved before, and none of an emergency block', (t) => {
  const readiness = { ready: 1, total: 1, waiting: [], failed: [] }
  const digest = (name: string) => `sha256:${Buffer.from(name).toString('hex').padEnd(64, '0')}`
  const nameOf = (of: string | undefined) =>
    of === undefined ? '' : Buffer.from(of.slice(7).replace(/(00)+$/, ''), 'hex').toString()
  const approval = (name: string) => ({ by: 'ann', at: now, revision: digest(name) })
  // 1, 2 are approved contents, 1b is what a block leaves of 1. [what, before, [rendered, approved][], previous]
  type Before = SeccompProfile['status']
  const table: [string, Before, [string, string | undefined][], string][] = [
    ['a change', undefined, ['1', '2'].map((one) => [one, one]), '1'],
    [
      'blocked',
      undefined,
      [
        ['1', '1'],
        ['1b', '1']
      ],
      ''
    ],
    [
      'blocked and lifted',
      undefined,
      [
        ['1', '1'],
        ['1b', '1'],
        ['1', '1']
      ],
      ''
    ],
    [
      'lifted after a change',
      undefined,
      [
        ['1', '1'],
        ['2', '2'],
        ['2b', '2'],
        ['2', '2']
      ],
      '1'
    ],
    [
      'approved during a block',
      undefined,
      [
        ['1', '1'],
        ['1b', '1'],
        ['2b', '2']
      ],
      '1'
    ],
    [
      'approved so, and lifted',
      undefined,
      [
        ['1', '1'],
        ['1b', '1'],
        ['2b', '2'],
        ['2', '2']
      ],
      '1'
    ],
    [
      'approved what is blocked',
      undefined,
      [
        ['1', '1'],
        ['1b', '1'],
        ['1b', '2'],
        ['2', '2']
      ],
      '1'
    ],
    [
      'another block',
      undefined,
      [
        ['1', '1'],
        ['1b', '1'],
        ['1c', '1'],
        ['1', '1']
      ],
      ''
    ],
    [
      'first rendered during a block',
      undefined,
      [
        ['1b', '1'],
        ['1', '1']
      ],
      ''
    ],
    [
      'there and back',
      undefined,
      [
        ['1', '1'],
        ['2', '2'],
        ['1', '1']
      ],
      '2'
    ],
    ...(
      [
        // What hubs of earlier versions wrote.
        ['of a block that was lifted', { revision: '1', previous: '1b' }, [['1', '1']], ''],
        ['of a block, and a change', { revision: '1', previous: '1b' }, [['2', '2']], '1'],
        ['a block in force', { revision: '2b', previous: '2', of: ['1', '2'] }, [['2b', '2']], '1'],
        ['lifted while no hub ran', { revision: '1b', previous: '1' }, [['1', '1']], ''],
        ['for other runtimes', { revision: '1f', previous: '1' }, [['2', '2']], '1f']
      ] as const
    ).map(
      ([what, { revision, previous, ...rest }, steps, expected]) =>
        [
          `an earlier version: ${what}`,
          {
            ...{ revision: digest(revision), previousRevision: digest(previous) },
            approvals: ('of' in rest ? rest.of : ['1']).map(approval)
          },
          steps.map(([one, approved]) => [one, approved]),
          expected
        ] as (typeof table)[number]
    )
  ]
  for (const [what, status, steps, expected] of table) {
    let profile: SeccompProfile = {
      ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', spec: {} },
      metadata: { namespace: 'shop', name: 'web' },
      ...(status === undefined ? {} : { status })
    }
    for (const [one, approved] of steps) {
      const known = approved === undefined ? {} : { approved: digest(approved) }
      const outcome = { digest: digest(one), audit: digest(one), readiness, ...known }
      const rendered = { state: 'rendered', ...outcome } as const
      profile = withOutcome(profile, rendered, now)
      t.equal(withOutcome(profile, rendered, 'later'), profile, `${what}: written once`)
    }
    t.equal(nameOf(previousRevisionOf(profile.status)), expected, what)
    const approving = {
      ...profile,
      status: { ...profile.status, approvals: [{ ...approval(''), revision: '' }] }
    }
    const [one = '', of = one] = steps.at(-1) ?? []
    const named = withOutcome(
      approving,
      { state: 'rendered', digest: digest(one), approved: digest(of), audit: '', readiness },
      now
    )
    t.equal(named.status?.approvals?.at(-1)?.revision, digest(of), `${what}: what was approved`)
    const wasBlocked = steps.find(([one, approved]) => approved !== undefined && one !== approved)
    const last = steps.at(-1)?.[0]
    if (wasBlocked === undefined || last === wasBlocked[0]) continue
    t.ok(profile.status?.earlierRevisions?.includes(digest(wasBlocked[0])), `${what}: still known`)
  }
  t.end()
})

test('the mode of the label is in the status while it is not enforce', (t) => {
  const digest = `sha256:${'a'.repeat(64)}`
  const readiness = { ready: 1, total: 1, waiting: [], failed: [] }
  const outcomeOf = (labelMode?: 'audit'): ProfileOutcome => ({
    ...{ state: 'rendered', digest, audit: digest, readiness },
    ...(labelMode && { labelMode })
  })
  const profile: SeccompProfile = {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', spec: {} },
    metadata: { namespace: 'shop', name: 'web', generation: 1 }
  }
  const first = withOutcome(profile, outcomeOf('audit'), now)
  t.equal(first.status?.labelMode, 'audit')
  t.equal(withOutcome(first, outcomeOf('audit'), 'later'), first, 'written once')
  const second = withOutcome(first, outcomeOf(), 'later')
  t.notOk('labelMode' in (second.status ?? {}), 'a start was recorded')
  t.equal(withOutcome(second, outcomeOf(), 'later'), second, 'written once')
  t.end()
})
