import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { digestOf } from '../../../../src/lib/digest.js'
import { SeccoError } from '../../../../src/lib/errors.js'
import { judgeProfile } from '../../../../webhook/hub/revisions/judged-profile.js'
import { createPassSets } from '../../../../webhook/hub/revisions/pass-sets.js'
import { openRevisionFiles } from '../../../../webhook/hub/revisions/revision-files.js'
import { matchLists } from '../../../helpers/match-lists.js'

const [older, newest, audit] = ['older', 'newest', 'audit'].map((word) =>
  digestOf(`{"defaultAction":"${word}"}`)
) as [string, string, string]
const [held, less] = ['held', 'less'].map((word) => digestOf(`{"defaultAction":"${word}"}`)) as [
  string,
  string
]
const unmade = digestOf('{"defaultAction":"unmade"}')
const blocked = new Map([[held, less]])
const error = new SeccoError('INVALID_DOCUMENT', 'spec.seccomp: broken')

const profileOf = (status: SeccompProfile['status']): SeccompProfile => ({
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
  metadata: { namespace: 'shop', name: 'web' },
  spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' } },
  ...(status === undefined ? {} : { status })
})

test('what admissions get to know of a profile', async (t) => {
  const files = await openRevisionFiles(t.testdir({}))
  for (const word of ['older', 'newest', 'audit', 'held', 'less', 'unmade']) {
    const json = `{"defaultAction":"${word}"}`
    await files.keep(digestOf(json), json)
  }
  const readiness = { ready: 1, total: 2, waiting: ['n2'], failed: [], lacking: ['n2'] }
  const services = {
    files,
    passSets: createPassSets(),
    resolve: () => undefined,
    // A block takes something out of each of these.
    withoutBlocked: (digest: string) =>
      Promise.resolve(digest === unmade ? undefined : (blocked.get(digest) ?? digest)),
    fleet: { rendering: {}, readiness: () => readiness, nodes: new Set(['n1', 'n2']) }
  }
  const judge = (status: SeccompProfile['status'], rendered: Parameters<typeof judgeProfile>[1]) =>
    judgeProfile(profileOf(status), rendered, services)
  const gone = digestOf('gone')
  const fine = { key: '', enforce: newest, audit }
  const table: [
    what: string,
    status: SeccompProfile['status'],
    rendered: Parameters<typeof judgeProfile>[1],
    enforce: string | undefined,
    previous: string | undefined,
    state: string
  ][] = [
    ['not approved', { revision: older }, undefined, undefined, undefined, 'unapproved'],
    ['the first revision', undefined, fine, newest, undefined, 'rendered'],
    ['a newer revision', { revision: older }, fine, newest, older, 'rendered'],
    [
      'the same revision again',
      { revision: newest, previousRevision: older },
      fine,
      newest,
      older,
      'rendered'
    ],
    ['bytes that are gone', { revision: gone }, fine, newest, undefined, 'rendered'],
    ['cannot be rendered', { revision: older }, { key: '', error }, older, undefined, 'failed'],
    [
      'cannot be rendered, with one before',
      { revision: newest, previousRevision: older },
      { key: '', error },
      newest,
      older,
      'failed'
    ],
    [
      'cannot be rendered, and a block',
      { revision: held, previousRevision: older },
      { key: '', error },
      less,
      older,
      'failed'
    ],
    ['a block of what was before', { revision: held }, fine, newest, less, 'rendered'],
    [
      'a block of what was before the newest',
      { revision: newest, previousRevision: held },
      fine,
      newest,
      less,
      'rendered'
    ],
    ['was never rendered', undefined, { key: '', error }, undefined, undefined, 'failed']
  ]
  for (const [what, status, rendered, enforce, previous, outcome] of table) {
    const judged = await judge(status, rendered)
    t.equal(judged.state.enforce?.digest, enforce, `${what}: enforce`)
    t.equal(judged.state.previous?.digest, previous, `${what}: previous`)
    t.equal(judged.outcome.state, outcome, `${what}: outcome`)
    t.equal(judged.state.approved, rendered !== undefined, `${what}: approved`)
    const wanted = [enforce, previous].filter((digest) => digest !== undefined)
    const desired = new Set(judged.desired.map(({ digest }) => digest))
    t.ok(
      wanted.every((digest) => desired.has(digest)),
      `${what}: nodes should have them`
    )
  }
  const late = {
    instances: [{ id: 'n/1', node: 'n', complete: false, ended: false, lastSeen: '' }]
  }
  for (const [what, status, rendered, mode] of [
    ['no start was recorded', late, fine, 'audit'],
    ['… and nothing is approved', late, undefined, undefined],
    ['… of what its label enforces', { ...late, revision: older }, fine, undefined]
  ] as const) {
    const judged = await judge(status, rendered)
    t.equal(judged.state.labelMode, mode, what)
    if (rendered !== undefined) t.match(judged.outcome, { labelMode: mode }, `${what}: outcome`)
  }
  const canary = {
    ...{ percent: 10, startedAt: '2026-01-01T00:00:00Z', quietFor: '10m' },
    from: { mode: 'enforce' as const, revision: held }
  }
  const ladder = { mode: 'enforce' as const, revision: held, canary }
  const named = async (status: SeccompProfile['status']) => {
    const own = profileOf(status)
    const judged = await judgeProfile({ ...own, spec: { ...own.spec, ladder } }, fine, services)
    const { revision, canary: share } = judged.state.ladder ?? {}
    const wanted = judged.desired.map(({ digest }) => digest)
    return [revision?.digest, share?.from.revision?.digest, wanted.includes(held)]
  }
  const approval = { by: 'olga', at: '2026-01-01T00:00:00Z', revision: held }
  const own: [what: string, status: SeccompProfile['status']][] = [
    ['the newest', { revision: held }],
    ['the newest for audit', { auditRevision: held }],
    ['the one before', { revision: newest, previousRevision: held }],
    ['an earlier one', { revision: newest, earlierRevisions: [older, held] }],
    ['an approved one', { revision: newest, approvals: [approval] }]
  ]
  for (const [what, status] of own)
    t.same(await named(status), [less, less, true], `${what}: named, and a block reaches it`)
  t.same(
    await named({ revision: newest }),
    [undefined, undefined, false],
    'a revision of another profile that the hub has'
  )
  for (const [what, status, rendered] of [
    ['the newest one', { revision: unmade }, { key: '', error }],
    ['the one before', { revision: newest, previousRevision: unmade }, fine]
  ] as const) {
    const judged = (await judge(status, rendered)).state
    const closed = what === 'the newest one' ? judged.enforce : judged.previous
    t.match(
      [closed?.digest, closed?.ready, closed?.lacking],
      [unmade, false, ['n1', 'n2']],
      `${what}, without what is blocked, could not be made: pods do not get it as it was`
    )
  }
  const { state } = await judge(undefined, fine)
  matchLists(t, state.enforce, { ready: false, lacking: ['n2'] }, 'one of two nodes is not all')
})
