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
const error = new SeccoError('INVALID_DOCUMENT', 'spec.seccomp: broken')

const profileOf = (status: SeccompProfile['status']): SeccompProfile => ({
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
  metadata: { namespace: 'shop', name: 'web' },
  spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' } },
  ...(status === undefined ? {} : { status })
})

test('what admissions get to know of a profile', async (t) => {
  const files = await openRevisionFiles(t.testdir({}))
  for (const word of ['older', 'newest', 'audit']) {
    const json = `{"defaultAction":"${word}"}`
    await files.keep(digestOf(json), json)
  }
  const readiness = { ready: 1, total: 2, waiting: ['n2'], failed: [], lacking: ['n2'] }
  const services = {
    files,
    passSets: createPassSets(),
    fleet: { rendering: {}, readiness: () => readiness }
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
  const { state } = await judge(undefined, fine)
  matchLists(t, state.enforce, { ready: false, lacking: ['n2'] }, 'one of two nodes is not all')
})
