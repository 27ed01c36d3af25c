import fc from 'fast-check'
import { test } from 'tap'
import type { Proof } from '../../../webhook/access/rights.js'
import {
  openProof,
  readRecords,
  type SessionRecord,
  sealProof,
  writeRecords
} from '../../../webhook/access/session-records.js'

const id = fc.string({ minLength: 43, maxLength: 43 })
const plain = { noNullPrototype: true }
const role = fc.constantFrom('admin' as const, 'viewer' as const)
const proof: fc.Arbitrary<Proof> = fc.oneof(
  fc.record({ user: fc.string(), role }, plain),
  fc.record({ token: fc.string({ minLength: 16 }) }, plain)
)

test('a proof comes back with the id of its session alone, whole or not at all', (t) => {
  fc.assert(
    fc.property(
      id,
      id,
      proof,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (own, other, one, at, bits) => {
        fc.pre(own !== other)
        const box = sealProof(own, one)
        t.strictSame(openProof(own, box), one)
        t.equal(openProof(other, box), undefined)
        const bytes = Buffer.from(box, 'base64url')
        bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ bits
        t.equal(openProof(own, bytes.toString('base64url')), undefined, 'changed')
      }
    ),
    { numRuns: 50 }
  )
  t.equal(openProof('x', ''), undefined, 'cut off')
  t.notSame(sealProof('x', { token: 'y' }), sealProof('x', { token: 'y' }), 'each with its own iv')
  t.end()
})

const record = (n: number, box = 'box'): SessionRecord => ({
  ...{ key: `key-${n}`, owner: 'owner', box, opened: n, seen: n }
})

test('records are read as they were written; what is damaged is left out', (t) => {
  t.strictSame(readRecords(writeRecords([record(1), record(2)])), [record(2), record(1)])
  const one = record(1)
  const cases: [string, SessionRecord[]][] = [
    ['', []],
    ['{"sessions":', []],
    ['null', []],
    ['{"sessions":{}}', []],
    [JSON.stringify({ sessions: [one, null, { ...one, box: 1 }, { ...one, seen: 'x' }] }), [one]]
  ]
  for (const [text, expected] of cases) t.strictSame(readRecords(text), expected, text)
  t.end()
})

test('as many records are written as a Secret holds, the newest', (t) => {
  const records = Array.from({ length: 100 }, (_, n) => record(n, 'x'.repeat(20_000)))
  const text = writeRecords(records)
  t.ok(Buffer.from(text).toString('base64').length < 1_048_576)
  const kept = readRecords(text)
  t.ok(kept.length > 20, `${kept.length}`)
  t.strictSame(kept[0], records[99])
  t.end()
})
