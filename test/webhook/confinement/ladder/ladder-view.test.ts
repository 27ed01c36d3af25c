import { test } from 'tap'
import type { LadderStep } from '../../../../src/api/ladder.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import type { Confinement } from '../../../../webhook/confinement/containers/confinement.js'
import type { DenialRow } from '../../../../webhook/hub/denials/denial-row.js'
import { noProfiles } from '../../../helpers/no-profiles.js'
import { currentMode, ladderView } from '../../../../webhook/confinement/ladder/ladder-view.js'

const profile = 'shop/web'
const confinement = {
  revisions: {
    byDigest: (digest: string) =>
      digest === 'sha256:e'
        ? [
            { profile: 'shop/other', digest, mode: 'audit' as const },
            { profile, digest, mode: 'enforce' as const }
          ]
        : digest === 'sha256:a'
          ? [{ profile, digest, mode: 'audit' as const }]
          : []
  }
}
const runs = (state: 'enforced' | 'audit' | 'starting' | 'runtime-default', revision = '') => ({
  state,
  revision,
  profile: revision === '' ? '' : profile
})

test('the mode of a workload, with containers whose filter was not read yet', (t) => {
  const cases = [
    { own: [], is: 'learn' },
    { own: [runs('runtime-default')], is: 'learn' },
    { own: [runs('audit', 'sha256:a')], is: 'audit' },
    { own: [runs('audit', 'sha256:a'), runs('enforced', 'sha256:e')], is: 'enforce' },
    { own: [runs('starting', 'sha256:e')], is: 'enforce' },
    { own: [runs('starting', 'sha256:a'), runs('runtime-default')], is: 'audit' },
    { own: [runs('starting')], is: 'learn' },
    { own: [runs('starting', 'sha256:unknown')], is: 'learn' },
    { own: [{ ...runs('starting', 'sha256:e'), profile: 'shop/third' }], is: 'learn' }
  ]
  for (const { own, is } of cases) t.equal(currentMode(confinement, own), is, JSON.stringify(own))
  t.end()
})

test('what is denied now is part of the evidence of a step, and speaks against it', (t) => {
  const row = {
    ...{ key: 'k', node: 'n1', namespace: 'shop', profile: 'web', container: 'c', instance: 'i' },
    ...{ syscall: 'getsid', abi: 'x86_64', arguments: '', action: 'SCMP_ACT_ERRNO', comm: 'app' },
    ...{ count: 3, revision: '', expected: false, succeeded: 0, lastSeen: '', firstSeen: '' }
  } as DenialRow
  const object: SeccompProfile = {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
    metadata: { namespace: 'shop', name: 'web' },
    spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' }, ladder: { mode: 'learn' } }
  }
  for (const [rows, evidence, reasons] of [
    [[], 'no denied call waits for a decision', []],
    [
      [row],
      'denied: getsid (3 times, by app)',
      ['denied: getsid (3 times, by app): allow or mute what is denied']
    ],
    [
      [{ ...row, action: 'SCMP_ACT_LOG' }],
      'logged, and denied in enforce mode: getsid (3 times, by app)',
      []
    ],
    [[{ ...row, profile: 'api' }], 'no denied call waits for a decision', []]
  ] as const) {
    const known = {
      sources: {
        ...{ ...noProfiles.sources, now: () => 0 },
        hub: { ...noProfiles.hub, denialRows: { list: () => rows } }
      },
      revisions: noProfiles.revisions,
      views: { reachedBy: () => [], peekContainer: () => undefined },
      profile: () => object
    } as unknown as Confinement
    const shown = ladderView(known, object)
    t.equal(shown.evidence.at(-1), evidence)
    t.same(shown.next.reasons, reasons)
  }
  t.end()
})

test('calls in audit are said to be of kinds that were made since the last step, or since denials are known', (t) => {
  const object: SeccompProfile = {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
    metadata: { namespace: 'shop', name: 'web' },
    spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' }, ladder: { mode: 'audit' } },
    status: {
      history: [
        { at: '2026-01-02T00:00:00.000Z', by: 'ann', action: 'promote', from: '', to: 'audit' }
      ]
    }
  }
  const called = (count: number, firstSeen: string, lastSeen: string) =>
    ({
      ...{ key: firstSeen, node: 'n1', namespace: 'shop', profile: 'web', container: 'c' },
      ...{ instance: 'i', syscall: 'getsid', abi: 'x86_64', arguments: '', action: 'SCMP_ACT_LOG' },
      ...{ comm: 'app', containerName: 'app', revision: 'sha256:a', expected: false },
      ...{ pod: '', succeeded: 0 },
      ...{ errno: 0, signal: '', pid: 7, count, firstSeen, lastSeen }
    }) as DenialRow
  const [day1, day2, day3] = [1, 2, 3].map((day) => `2026-01-0${day}T00:00:00.000Z`) as [
    string,
    string,
    string
  ]
  const noon2 = '2026-01-02T12:00:00.000Z'
  const old = called(7, day1, '2026-01-01T12:00:00.000Z')
  const denied = (calls: string, since: string, first: string) =>
    `${calls} would have been denied, of kinds that were made since ${since}; the first at ${first}`
  for (const [what, rows, words, knownSince = day1] of [
    ['none', [], `audit logged 0 calls since ${day2}, and no container runs in audit now`],
    ['after the step', [called(3, day3, day3)], denied('3 calls', day2, day3)],
    ['before and after it', [called(5, day1, day3)], denied('5 calls', day2, day1)],
    [
      'only before it',
      [old],
      `audit logged 0 calls since ${day2}, and no container runs in audit now`
    ],
    ['the table was full', [called(1, day1, day3)], denied('1 call', noon2, day1), noon2],
    [
      'the table was full of others',
      [],
      `audit logged 0 calls since ${noon2}, and no container runs in audit now`,
      noon2
    ]
  ] as const) {
    const known = {
      sources: {
        ...{ ...noProfiles.sources, now: () => Date.parse(day3) },
        hub: {
          ...noProfiles.hub,
          profiles: () => new Map([[profile, { audit: { digest: 'sha256:a' } }]]),
          denialRows: { list: () => rows, knownSince: () => knownSince }
        }
      },
      revisions: noProfiles.revisions,
      views: { reachedBy: () => [], peekContainer: () => undefined },
      profile: () => object
    } as unknown as Confinement
    t.equal(ladderView(known, object).evidence.at(-1), words, what)
  }
  t.end()
})

test('what a canary that went back denied stands where audit logged nothing', (t) => {
  const at = '2026-01-03T00:00:00.000Z'
  const object: SeccompProfile = {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
    metadata: { namespace: 'shop', name: 'web' },
    spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' }, ladder: { mode: 'audit' } },
    status: {
      history: [
        { at: '2026-01-02T00:00:00.000Z', by: 'ann', action: 'promote', from: '', to: 'audit' },
        { at, by: 'secco', action: 'return', from: 'enforce for 10%', to: 'audit' }
      ]
    }
  }
  const row = {
    ...{ key: 'k', node: 'n1', namespace: 'shop', profile: 'web', container: 'c', instance: 'i' },
    ...{ syscall: 'getsid', abi: 'x86_64', arguments: '', action: 'SCMP_ACT_ERRNO', comm: 'app' },
    ...{ errno: 1, signal: '', containerName: 'app', revision: 'sha256:e', expected: false },
    ...{ pod: 'web-1', succeeded: 0, count: 3, firstSeen: at, lastSeen: at }
  } as unknown as DenialRow
  const state = { audit: { digest: 'sha256:a' }, enforce: { digest: 'sha256:e' } }
  const known = {
    sources: {
      ...{ ...noProfiles.sources, now: () => Date.parse(at) },
      hub: {
        ...noProfiles.hub,
        profiles: () => new Map([[profile, state]]),
        denialRows: { list: () => [row], knownSince: () => '2026-01-01T00:00:00.000Z' }
      }
    },
    revisions: noProfiles.revisions,
    views: { reachedBy: () => [], peekContainer: () => undefined },
    profile: () => object
  } as unknown as Confinement
  const { evidence, next } = ladderView(known, object)
  t.ok(
    evidence.includes(
      'audit logged 0 calls since 2026-01-02T00:00:00.000Z, but 3 calls were denied in enforce: ' +
        'getsid (EPERM) by app in container app of pod web-1 on n1'
    ),
    evidence.join()
  )
  t.notOk(evidence.some((text) => text.startsWith('0 calls would have been denied')))
  t.notOk(next.ready)
  t.end()
})

test('audit counts from its last mode or approval: not from a mute, nor from a canary that went back', (t) => {
  const day = (number: number) => `2026-01-0${number}T00:00:00.000Z`
  const step = (action: LadderStep['action'], number: number): LadderStep => ({
    ...{ at: day(number), by: 'ann', action, from: 'enforce for 40%', to: 'audit' },
    reason: '3 calls denied in the canary'
  })
  const back = `the last canary (enforce for 40%) went back by itself at ${day(4)}: 3 calls denied in the canary`
  const steps = (...all: LadderStep[]) => all
  for (const [what, history, approvedAt, since, last] of [
    ['promoted', steps(step('promote', 2)), day(1), day(2), undefined],
    ['approved since', steps(step('promote', 2)), day(3), day(3), undefined],
    ['a mute', steps(step('promote', 2), step('mute', 3)), day(1), day(2), undefined],
    ['an allowed call', steps(step('promote', 2), step('allow', 3)), day(1), day(3), undefined],
    [
      'a canary that went back',
      steps(step('promote', 2), step('canary', 3), step('return', 4)),
      ...[day(1), day(2), back]
    ],
    [
      '… and a mute after it',
      steps(step('promote', 2), step('canary', 3), step('return', 4), step('mute', 5)),
      ...[day(1), day(2), back]
    ],
    [
      'a canary that a person took back',
      steps(step('promote', 2), step('canary', 3), step('rollback', 4)),
      ...[day(1), day(2), undefined]
    ],
    [
      'enforce that a person took back',
      steps(step('promote', 2), { ...step('promote', 3), to: 'enforce' }, step('rollback', 4)),
      ...[day(1), day(2), undefined]
    ],
    [
      '… and a step after it',
      steps(step('promote', 2), step('canary', 3), step('return', 4), step('promote', 5)),
      ...[day(1), day(5), undefined]
    ]
  ] as const) {
    const object: SeccompProfile = {
      ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
      metadata: { namespace: 'shop', name: 'web' },
      spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' }, ladder: { mode: 'audit' } },
      status: {
        history: [...history],
        approvals: [{ by: 'ann', at: approvedAt, digest: '' }] as never
      }
    }
    const hub = { ...noProfiles.hub, denialRows: { list: () => [], knownSince: () => day(1) } }
    const known = {
      sources: { ...noProfiles.sources, now: () => Date.parse(day(9)), hub },
      ...{ revisions: noProfiles.revisions, profile: () => object },
      views: { reachedBy: () => [], peekContainer: () => undefined }
    } as unknown as Confinement
    const { evidence } = ladderView(known, object)
    t.ok(
      evidence.includes(`audit logged 0 calls since ${since}, and no container runs in audit now`),
      `${what}: ${evidence.join()}`
    )
    t.equal(
      evidence.find((one) => one.startsWith('the last canary')),
      last,
      what
    )
  }
  t.end()
})
