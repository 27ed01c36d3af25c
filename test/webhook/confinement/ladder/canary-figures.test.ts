import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { DenialRows } from '../../../../webhook/hub/denials/denial-rows.js'
import type { Denial } from '../../../../webhook/hub/denials/denial.js'
import { isReachedBy } from '../../../../webhook/confinement/containers/container-view.js'
import type { Confinement } from '../../../../webhook/confinement/containers/confinement.js'
import {
  containersOf,
  denialsOf,
  notRecordingText
} from '../../../../webhook/confinement/ladder/canary-figures.js'
import { view } from '../../../helpers/hub-answers.js'

const revision = `sha256:${'a'.repeat(64)}`
const began = Date.parse('2026-01-01T12:00:00Z')
const denial: Denial = {
  ...{ namespace: 'shop', profile: 'web', node: 'n1', instance: 'n1/1', container: 'c' },
  ...{ workload: 'Pod/web', containerName: 'app', pod: 'web', revision, syscall: 'getsid' },
  ...{ abi: 'x86_64', action: 'SCMP_ACT_ERRNO', errno: 1, signal: '', pid: 7, comm: 'app' },
  ...{ lastSeen: '', at: '', arguments: '', expected: false, succeeded: 0, count: 1 }
}
const profile: SeccompProfile = {
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
  metadata: { namespace: 'shop', name: 'web' },
  spec: { mute: [{ syscall: 'mkdir', comm: 'agent', by: 'ann', at: '2026-01-01T00:00:00Z' }] }
}

test('which denials count against a canary', (t) => {
  const table: [what: string, change: Partial<Denial>, at: string, counts: boolean][] = [
    ['one of the canary', {}, '2026-01-01T12:00:01Z', true],
    ['at its begin', {}, '2026-01-01T12:00:00Z', true],
    ['from before', {}, '2026-01-01T11:59:59Z', false],
    ['of another revision', { revision: 'sha256:b' }, '2026-01-01T12:00:01Z', false],
    ['an expected one', { syscall: 'clone3', expected: true }, '2026-01-01T12:00:01Z', false],
    ['ENOSYS', { syscall: 'memfd_create', errno: 38 }, '2026-01-01T12:00:01Z', true],
    ['a muted one', { syscall: 'mkdir', comm: 'agent' }, '2026-01-01T12:00:01Z', false],
    ['the same by another program', { syscall: 'mkdir' }, '2026-01-01T12:00:01Z', true],
    ['one under equal content elsewhere', { namespace: 'ops' }, '2026-01-01T12:00:01Z', false]
  ]
  for (const [what, change, at, counts] of table) {
    const denialRows = new DenialRows({ since: '2026-01-01T00:00:00Z', rows: [], runs: {} })
    denialRows.grow({ ...denial, ...change }, 3, at)
    const sources = { hub: { denialRows } } as unknown as Confinement['sources']
    const sum = denialsOf({ sources }, profile, revision, began)
    t.equal(sum.count, counts ? 3 : 0, what)
    t.equal(sum.node, counts ? 'n1' : '', what)
    t.equal(sum.newest !== '', counts, `${what}: who it was`)
  }
  const denialRows = new DenialRows({ since: '2026-01-01T00:00:00Z', rows: [], runs: {} })
  denialRows.grow(denial, 3, '2026-01-01T12:00:01Z')
  const sources = { hub: { denialRows } } as unknown as Confinement['sources']
  const root = { ...profile, metadata: { namespace: 'secco-system', name: 'web' } }
  const sum = denialsOf({ sources }, root, revision, began)
  t.match(sum, { count: 3, newest: '' }, 'a profile of the root namespace is for pods of others')
  const nodes = ['n1', 'n2', 'n3', 'n4', 'n5'].map((node) => ({ node, why: 'records nothing' }))
  t.equal(
    notRecordingText(nodes),
    'n1 records nothing, n2 records nothing, n3 records nothing, and 2 more nodes'
  )
  t.end()
})

test('the containers of a canary are those that its profile reaches', (t) => {
  const list = [
    view('n1', 'own', { profile: 'shop/web', learned: 'shop/web' }),
    view('n1', 'learning', { profile: '', learned: 'shop/web' }),
    view('n1', 'either', { profile: 'shop/api', sharedWith: ['shop/web'], learned: 'shop/job' }),
    view('n1', 'other', { profile: 'shop/api', learned: 'shop/web' })
  ]
  const reachedBy = (key: string) => list.filter((one) => isReachedBy(one, key))
  const views = { reachedBy } as unknown as Confinement['views']
  const names = containersOf({ views }, 'shop/web').map(({ name }) => name)
  t.same(names, ['own', 'learning', 'either'])
  t.end()
})
