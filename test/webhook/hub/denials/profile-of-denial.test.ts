import { test } from 'tap'
import { apiVersion } from '../../../../src/api/names.js'
import { isOfProfile } from '../../../../webhook/hub/denials/profile-of-denial.js'
import { testProfile, testRevision } from '../../../helpers/rules.js'

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString()
const { digest } = testRevision('shop', 'web', 'e')
const other = testRevision('shop', 'web', 'd').digest

test('which denials are of a profile, and which of an earlier one of its name', (t) => {
  const key = 'shop/web'
  const row = { namespace: 'shop', profile: 'web', firstSeen: at(20), lastSeen: at(25) }
  const profile = (createdAt: string) => ({
    ...({ apiVersion, kind: 'SeccompProfile', spec: {} } as const),
    metadata: { namespace: 'shop', name: 'web', creationTimestamp: createdAt }
  })
  const state = testProfile('shop', 'web', { enforce: testRevision('shop', 'web', 'e') })
  // [what, the row, when the profile was created, when the container started, whether it is of the profile]
  type Row = [string, { revision: string; deleted?: string }, string, string | undefined, boolean]
  const table: Row[] = [
    ['its own revision', { revision: digest }, at(10), at(15), true],
    [
      'its own revision, and the clock of the node is behind',
      { revision: digest },
      at(40),
      at(15),
      true
    ],
    ['an older revision of its own', { revision: other }, at(10), at(15), true],
    ['denied before it was created', { revision: other }, at(40), undefined, false],
    ['its container is older', { revision: other }, at(10), at(5), false],
    ['its profile was deleted', { revision: other, deleted: at(30) }, at(35), at(15), false],
    [
      'deleted, and made again with equal content',
      { revision: digest, deleted: at(30) },
      at(35),
      at(15),
      true
    ],
    ['only away for a moment', { revision: other, deleted: at(30) }, at(10), at(15), true],
    [
      'another filter, before the deletion',
      { revision: '', deleted: at(30) },
      at(40),
      at(15),
      false
    ],
    ['another filter, and again after it', { revision: '', deleted: at(22) }, at(23), at(15), true],
    ['another filter, before the profile was learned', { revision: '' }, at(40), at(15), true]
  ]
  for (const [what, known, createdAt, startedAt, expected] of table) {
    const facts = { key, profile: profile(createdAt), state, isOfOther: () => false, startedAt }
    t.equal(isOfProfile({ ...row, ...known }, facts), expected, what)
  }
  const learned = { key, profile: profile(at(40)), state, isOfOther: () => true, startedAt: at(15) }
  t.ok(isOfProfile({ ...row, revision: other }, learned), 'denied by a profile that a rule gives')
  t.end()
})
