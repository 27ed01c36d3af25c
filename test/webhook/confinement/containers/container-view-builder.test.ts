import type { LadderState } from '../../../../src/rules/profile-state.js'
import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { buildSnapshot } from '../../../../src/rules/snapshot.js'
import { revisionText } from '../../../../webhook/confinement/containers/container-view.js'
import { ownPrograms, ownProfile } from '../../../../src/seccomp/render/own.js'
import type { Running } from '../../../../webhook/hub/nodes/inventory.js'
import type { Denial } from '../../../../webhook/hub/denials/denial.js'
import { DenialRows } from '../../../../webhook/hub/denials/denial-rows.js'
import { testProfile, testRevision, testRule } from '../../../helpers/rules.js'
import { builtView, runningUnder } from '../../../helpers/built-view.js'
import { matchLists } from '../../../helpers/match-lists.js'

const [newest, older] = ['a', 'c'].map((digit) => testRevision('shop', 'web', digit).digest)

test('muted denials are not counted, as on the pages', (t) => {
  const denialRows = new DenialRows()
  const now = '2026-01-01T00:00:01Z'
  const denial = (syscall: string, comm: string, expected = false): Denial => ({
    ...{ node: 'n1', namespace: 'shop', workload: 'Pod/web-1', profile: 'web', container: 'c' },
    ...{ containerName: 'app', pod: 'web-1', instance: 'c@1', revision: '', syscall, comm },
    ...{ abi: 'x86_64', arguments: '', action: 'SCMP_ACT_ERRNO', errno: 1, signal: '', pid: 7 },
    ...{ count: 0, at: now, lastSeen: now, expected, succeeded: 0 }
  })
  denialRows.grow(denial('mkdir', 'agent'), 5, now)
  denialRows.grow(denial('mkdir', 'web'), 3, now)
  denialRows.grow(denial('keyctl', 'web', true), 2, now)
  const mute = (syscall: string, comm?: string) => ({
    metadata: { namespace: 'shop', name: 'web' },
    spec: { mute: [{ syscall, by: 'ann', at: now, ...(comm === undefined ? {} : { comm }) }] }
  })
  const other = { ...mute('mkdir'), metadata: { namespace: 'bank', name: 'web' } }
  const table: [what: string, profiles: object[], denials: number][] = [
    ['nothing is muted', [{ ...mute('mkdir'), spec: {} }], 8],
    ['of one program', [mute('mkdir', 'agent')], 3],
    ['of every program', [mute('mkdir')], 0],
    ['an expected one', [mute('keyctl')], 8],
    ["another namespace's", [other], 8]
  ]
  for (const [what, profiles, denials] of table) {
    const documents = profiles as SeccompProfile[]
    const view = builtView(runningUnder(''), { denialRows, documents })
    t.match(view, { denials, expected: 2 }, what)
  }
  t.end()
})

test('the restarts of a container are those that the API server knows', (t) => {
  const pod = {
    ...{ namespace: 'shop', name: 'web-1', labels: {}, assigned: '' },
    owner: { kind: 'Pod', name: 'web-1' },
    containers: [
      { name: 'other', kind: 'container', restarts: 7 } as const,
      { name: 'app', kind: 'container', restarts: 3 } as const
    ]
  }
  t.equal(builtView(runningUnder('', {}), { pod }).restarts, 3, 'a hub that began after them')
  t.equal(builtView(runningUnder('', {})).restarts, 0, 'outside of a cluster')
  t.equal(builtView(runningUnder('', {}), { pod, starts: 9 }).restarts, 3, 'and not the history')
  const plain = { ...runningUnder('').container, podUid: '', podName: '' } as Running['container']
  for (const [starts, restarts] of [
    [0, 0],
    [1, 0],
    [4, 3]
  ] as const)
    t.equal(
      builtView(runningUnder('', { container: plain }), { starts }).restarts,
      restarts,
      `outside of pods: ${starts} starts in the history`
    )
  t.end()
})

test('a container under another revision than a new one would get is stale', (t) => {
  const states = [testProfile('shop', 'web')]
  const snapshot = buildSnapshot({
    rules: [testRule('web', { podSelector: {}, profile: { name: 'web' } }, 'shop')],
    profiles: states
  })
  const build = (given: Running, rules = snapshot) =>
    builtView(given, {
      revisions: [newest ?? '', older ?? ''],
      profiles: states,
      snapshot: rules
    })
  matchLists(t, build(runningUnder(newest ?? '')), {
    drift: [],
    stale: false,
    wanted: newest,
    state: 'enforced',
    risk: 12
  })
  matchLists(t, build(runningUnder(older ?? '')), {
    ...{ stale: true, revision: older, wanted: newest, state: 'enforced', drift: [] }
  })
  const withoutRule = buildSnapshot({ rules: [], profiles: states })
  t.match(build(runningUnder(older ?? ''), withoutRule), { stale: true, wanted: newest }, 'no rule')
  matchLists(t, build(runningUnder('', { declared: 'none', mode: 0 })), {
    ...{ stale: false, state: 'unconfined', drift: [] }
  })
  for (const program of ownPrograms) {
    const { digest } = ownProfile(program)
    const own = build({ ...runningUnder(digest, { declared: 'other' }), ...{ digest } })
    const why = `Secco's own profile of the ${program}: the kernel's filter is this one, byte for byte`
    const seen = { state: 'enforced', why, revision: digest, profile: '', stale: false, drift: [] }
    matchLists(t, own, seen, program)
    t.equal(revisionText(own), `${program}@${digest.slice(7, 15)}`)
    const other = runningUnder(digest, { declared: 'other', same: false, difference: 'bpf' })
    t.match(build(other), { state: 'other' }, `${program}: another filter is in force`)
  }
  matchLists(
    t,
    build(runningUnder(newest ?? '', { mode: 0 })),
    { state: 'unconfined', risk: 100, drift: [{ kind: 'Unconfined' }] },
    'what is declared makes no difference to what the kernel has'
  )
  t.end()
})

test('without a rule the ladder of its profile decides what a new container would get', (t) => {
  const approved = testRevision('shop', 'web', 'a')
  const pinned = testRevision('shop', 'web', 'c')
  const audit = testRevision('shop', 'web', 'b')
  const canary = { percent: 50, from: { mode: 'enforce' as const, revision: pinned } }
  // [what, ladder, it runs under, wanted, stale]
  const table: [string, LadderState | undefined, string, string, boolean][] = [
    ['no ladder', undefined, approved.digest, approved.digest, false],
    [
      'pinned, as it runs',
      { mode: 'enforce', revision: pinned },
      pinned.digest,
      pinned.digest,
      false
    ],
    [
      'pinned to another',
      { mode: 'enforce', revision: pinned },
      approved.digest,
      pinned.digest,
      true
    ],
    ['in audit', { mode: 'audit' }, approved.digest, audit.digest, true],
    ['of the canary', { mode: 'enforce', canary }, approved.digest, approved.digest, false],
    ['of the others', { mode: 'enforce', canary }, pinned.digest, pinned.digest, false]
  ]
  for (const [what, ladder, runs, wanted, stale] of table) {
    const profiles = [testProfile('shop', 'web', ladder === undefined ? {} : { ladder })]
    const snapshot = buildSnapshot({ rules: [], profiles })
    const revisions = [newest ?? '', older ?? '']
    const view = builtView(runningUnder(runs), { revisions, profiles, snapshot })
    t.match(view, { wanted, stale }, what)
  }
  t.end()
})
