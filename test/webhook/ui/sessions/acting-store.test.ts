import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { approvedDigest } from '../../../../src/seccomp/policy/approval.js'
import { approveObserved } from '../../../../src/seccomp/review/approve.js'
import type { Ui } from '../../../../webhook/ui/model/context.js'
import { actingStore } from '../../../../webhook/ui/sessions/acting-store.js'

const ref = { namespace: 'shop', name: 'web' }
const profile: SeccompProfile = {
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: ref },
  spec: {},
  status: { observed: { x86_64: ['read'] }, revision: 'sha256:before' }
}

/** An API server with a status that only the hub writes, and who wrote what. */
function server() {
  let stored = profile
  const writes: { by: string; after: SeccompProfile }[] = []
  const as = (by: string) =>
    ({
      get: () => Promise.resolve(stored),
      update: (_kind: string, _ref: object, change: (one: SeccompProfile) => SeccompProfile) => {
        stored = change(stored)
        writes.push({ by, after: stored })
        return Promise.resolve(stored)
      }
    }) as unknown as Ui['store']
  return { writes, stored: () => stored, person: as('person'), own: as('hub') }
}

test("a person's write carries the person's approval, and leaves the status to the hub", async (t) => {
  const { writes, stored, person, own } = server()
  const store = actingStore(person, own, 'ann', () => Date.parse('2026-01-01T00:00:00Z'))
  await store.update('SeccompProfile', ref, (one) =>
    approveObserved(one, { by: 'ann', at: '2026-01-01T00:00:00.000Z' })
  )
  const [first] = writes
  t.equal(first?.by, 'person')
  t.same(first?.after.status, profile.status, 'the status is as it was')
  t.strictSame(first?.after.spec.approval, {
    ...{ by: 'ann', at: '2026-01-01T00:00:00.000Z', digest: approvedDigest(stored().spec) }
  })
  t.same(
    stored().spec.seccomp?.syscalls?.flatMap(({ names }) => names),
    ['read']
  )

  const before = writes.length
  await store.update('SeccompProfile', ref, (one) => ({
    ...one,
    spec: { ...one.spec, mute: [] },
    status: { ...one.status, revision: 'sha256:after' }
  }))
  t.same(
    writes.slice(before).map(({ by, after }) => [by, after.status?.revision]),
    [
      ['person', 'sha256:before'],
      ['hub', 'sha256:after']
    ],
    'what changed of the status is written by the hub'
  )
  t.same(stored().status?.observed, profile.status?.observed)
})
