import { test } from 'tap'
import { apiVersion } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { DelegatedWrites } from '../../../webhook/access/delegated-writes.js'

const profile: SeccompProfile = {
  ...{ apiVersion, kind: 'SeccompProfile' },
  metadata: { namespace: 'shop', name: 'web' },
  spec: {}
}
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof SeccoError ? error.code : String(error))
  )

test('a change is handed to the program of its user, and ends with what became of it', async (t) => {
  const writes = new DelegatedWrites()
  // [what the program says, the code of the change]
  const table: [SeccoError | undefined, string][] = [
    [undefined, 'none'],
    [new SeccoError('FORBIDDEN', 'no'), 'FORBIDDEN'],
    [new SeccoError('CONFLICT', 'changed'), 'CONFLICT']
  ]
  for (const [said, code] of table) {
    const first = writes.next('anna', 'a', 60_000)
    const asked = codeOf(writes.ask('anna', 'a', profile))
    t.same(await first, profile, 'the program waited before the change')
    t.notOk(writes.settle('bob', 'a', undefined), 'of another user')
    t.notOk(writes.settle('anna', 'b', undefined), 'of another id')
    t.ok(writes.settle('anna', 'a', said))
    t.equal(await asked, code)
    t.notOk(writes.settle('anna', 'a', undefined), 'it is done')

    const later = codeOf(writes.ask('anna', 'a', profile))
    t.equal(await writes.next('bob', 'a', 1), undefined, 'another user gets nothing')
    t.same(await writes.next('anna', 'a', 60_000), profile, 'the program came after the change')
    t.equal(await writes.next('anna', 'a', 1), undefined, 'it is handed out once')
    t.ok(writes.settle('anna', 'a', said))
    t.equal(await later, code)
  }
})

test('one user takes only so many places', async (t) => {
  const writes = new DelegatedWrites()
  const asked = Array.from({ length: 17 }, (_, at) =>
    codeOf(writes.ask('anna', String(at), profile))
  )
  t.equal(await asked[16], 'UNAVAILABLE')
  const other = codeOf(writes.ask('bob', '0', profile))
  for (let at = 0; at < 16; at++) t.ok(writes.settle('anna', String(at), undefined))
  t.ok(writes.settle('bob', '0', undefined))
  t.same(new Set(await Promise.all([...asked.slice(0, 16), other])), new Set(['none']))
})
