import { test } from 'tap'
import { hubAbsence } from '../../../cli/hubs/hub-lease.js'
import { type ErrorCode, SeccoError } from '../../../src/lib/errors.js'

const at = Date.parse('2026-01-02T03:05:05Z')

test('the Lease of the active hub says since when none runs', async (t) => {
  const table: [spec: { renewTime?: string; holderIdentity?: string }, absence: RegExp | ''][] = [
    [{ renewTime: '2026-01-02T03:05:03.000000Z', holderIdentity: 'a' }, ''],
    // One hub has released it, and the next one has not taken it yet.
    [{ renewTime: '2026-01-02T03:05:03.000000Z', holderIdentity: '' }, ''],
    [
      { renewTime: '2026-01-02T03:04:05.000000Z', holderIdentity: 'a' },
      /since 2026-01-02T03:04:05Z$/
    ],
    [
      { renewTime: '2026-01-01T00:00:00.123456Z', holderIdentity: '' },
      /since 2026-01-01T00:00:00Z$/
    ],
    // The clock of this machine is behind.
    [{ renewTime: '2026-01-02T03:09:00.000000Z', holderIdentity: 'a' }, ''],
    [{}, /^no hub runs in this cluster$/]
  ]
  for (const [spec, expected] of table) {
    const absence = await hubAbsence(() => Promise.resolve({ metadata: {}, spec }), at)
    if (expected === '') t.equal(absence, undefined, JSON.stringify(spec))
    else t.match(absence, expected)
  }
})

test('where the Lease cannot be read', async (t) => {
  const fails = (code: ErrorCode) =>
    hubAbsence(() => Promise.reject(new SeccoError(code, 'why')), at)
  t.equal(await fails('NOT_FOUND'), 'no hub runs in this cluster')
  t.equal(await fails('FORBIDDEN'), undefined, 'not known: nothing is said')
  t.equal(await fails('UNAVAILABLE'), undefined)
})
