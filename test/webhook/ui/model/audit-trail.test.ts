import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { createLogger } from '../../../../src/lib/log.js'
import { openAuditTrail } from '../../../../webhook/ui/model/audit-trail.js'
import { quiet } from '../../../helpers/quiet.js'

const logger = createLogger('test', quiet)
const entry = (nth: number) => ({
  ...{ at: '2026-01-01T00:00:00.000Z', user: 'ann', action: 'approveProfile' },
  ...{ object: `shop/${nth}`, detail: '', status: 200 }
})

test('the audit trail survives a restart, and half a line', async (t) => {
  const file = join(t.testdir({}), 'audit.jsonl')
  const first = await openAuditTrail(file, logger)
  for (const nth of [1, 2, 3]) first.note(entry(nth))
  t.same(
    first.list().map(({ object }) => object),
    ['shop/3', 'shop/2', 'shop/1']
  )
  await first.close()
  t.equal(statSync(file).mode & 0o777, 0o600)
  writeFileSync(file, `${readFileSync(file, 'utf8')}{"at":"2026`)
  const second = await openAuditTrail(file, logger)
  t.same(second.list(), [3, 2, 1].map(entry))
  second.note(entry(4))
  await second.close()
  t.equal(second.list()[0]?.object, 'shop/4')
  const memory = await openAuditTrail(undefined, logger)
  for (let nth = 0; nth < 1100; nth += 1) memory.note(entry(nth))
  t.equal(memory.list().length, 1000)
  t.equal(memory.list()[0]?.object, 'shop/1099')
})

test('a large file makes room, and is kept', async (t) => {
  const file = join(t.testdir({}), 'audit.jsonl')
  writeFileSync(file, 'x'.repeat(9 * 1024 * 1024))
  const trail = await openAuditTrail(file, logger)
  trail.note(entry(1))
  await trail.close()
  t.equal(statSync(`${file}.1`).size, 9 * 1024 * 1024)
  t.strictSame(JSON.parse(readFileSync(file, 'utf8')), entry(1))
})

test('the trail says since when no action is missing', async (t) => {
  const before = new Date().toISOString()
  const memory = await openAuditTrail(undefined, logger)
  t.ok(memory.since() >= before, 'a trail without a file begins with the process')
  const at = (minute: number) => new Date(Date.UTC(2100, 0, 1, 0, minute)).toISOString()
  for (let nth = 0; nth < 1000; nth += 1) memory.note({ ...entry(nth), at: at(nth) })
  t.ok(memory.since() < at(0))
  memory.note({ ...entry(1000), at: at(1000) })
  t.equal(memory.since(), at(0), 'the oldest was dropped')

  const file = join(t.testdir({}), 'audit.jsonl')
  writeFileSync(file, `${JSON.stringify(entry(1))}\n`)
  const kept = await openAuditTrail(file, logger)
  t.equal(kept.since(), entry(1).at)
  await kept.close()
  for (const [what, count] of [
    ['few', 3],
    ['more than are listed', 1002]
  ] as const) {
    const fresh = join(t.testdir({}), `${count}.jsonl`)
    const first = await openAuditTrail(fresh, logger)
    for (let nth = 0; nth < count; nth += 1) first.note({ ...entry(nth), at: at(nth) })
    await first.close()
    const second = await openAuditTrail(fresh, logger)
    t.equal(second.since(), first.since(), `${what}: the same after a restart`)
    t.equal(second.since(), at(Math.max(0, count - 1000)), what)
    t.same(second.list(), first.list(), what)
    await second.close()
  }
})
