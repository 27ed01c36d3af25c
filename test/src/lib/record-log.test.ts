import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import { test } from 'tap'
import { createLogger } from '../../../src/lib/log.js'
import { readRecords, recordLine } from '../../../src/lib/record-log.js'
import { quiet } from '../../helpers/quiet.js'

test('a record of any text is one line, and one that cannot be taken loses itself alone', async (t) => {
  const path = join(t.testdir(), 'log')
  const records = ['\u2028', '\u2029', '\n', '\r', '"', 'end'].map((text) => ({ text }))
  writeFileSync(path, records.map(recordLine).join(''))
  const taken: unknown[] = []
  const take = (record: unknown): boolean => {
    if ((record as { text: string }).text === '"') throw new Error('is none of ours')
    return taken.push(record) > 0
  }
  t.equal(await readRecords(path, createLogger('test', quiet), take), true)
  t.same(
    taken,
    records.filter(({ text }) => text !== '"')
  )
})
