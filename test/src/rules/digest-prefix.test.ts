import { test } from 'tap'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { digestsOf, digestsWith, ownDigestsWith } from '../../../src/rules/digest-prefix.js'

const digest = (start: string) => `sha256:${start.padEnd(64, '0')}`
const [now, audit, before, first] = ['3f2a9c01', '3f2a77', 'bbbb', 'cccc'].map(digest)
const profile = {
  status: {
    ...{ revision: now, auditRevision: audit, previousRevision: before },
    approvals: [{ revision: first }, { revision: now }, { revision: '' }]
  }
} as unknown as SeccompProfile

test('a prefix of a digest names the revisions that begin so', (t) => {
  t.same(digestsOf(profile), [now, audit, before, first])
  t.same(digestsOf({ spec: {} } as unknown as SeccompProfile), [])
  const other = digest('dddd')
  // [text, digests]
  const table: [string, (string | undefined)[]][] = [
    ['3f2a9c01', [now]],
    ['sha256:3f2a9c01', [now]],
    ['3f2a', [now, audit]],
    ['3f2', []],
    ['', []],
    ['sha256:', []],
    ['bbbb', [before]],
    ['cccc', [first]],
    ['dddd', []],
    ['BBBB', []],
    [other, [other]],
    [other.replace('sha256:', ''), [other]],
    [`${other}0`, []],
    ['../../etc', []]
  ]
  for (const [text, expected] of table) t.same(digestsWith(profile, text), expected, text)
  t.end()
})

test('a digest that others know names no revision of theirs', (t) => {
  const revision = (start: string) => ({ digest: digest(start), path: '', ready: true })
  const state = {
    ...{ namespace: 'shop', name: 'web', approved: true, enforce: revision('aaaa') },
    ladder: {
      ...{ mode: 'enforce' as const, revision: revision('a1a1') },
      canary: { percent: 1, from: { mode: 'enforce' as const, revision: revision('a2a2') } }
    }
  }
  const named = (start: string) => ownDigestsWith(profile, digest(start), state)
  for (const start of ['bbbb', 'cccc', 'aaaa', 'a1a1', 'a2a2'])
    t.same(named(start), [digest(start)], start)
  t.same(named('dddd'), [], 'a revision of another profile')
  t.same(ownDigestsWith(profile, 'bbbb', undefined), [before], 'a prefix, before it is rendered')
  t.end()
})
