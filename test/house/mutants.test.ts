import { appendFileSync, existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { repositoryRoot } from '../helpers/repository.js'
import { mutants, type Mutant, mutate, type Row } from '../mutants/mutant.js'
import { MutantRecord, stateOf } from '../mutants/record.js'
import { problemOf, runMutants, summaryOf } from '../mutants/run-mutants.js'
import { table } from '../mutants/table.js'

test('every mutant has its text, its tests and a name of its own', (t) => {
  t.ok(table.length >= 100, `${table.length} mutants`)
  t.equal(new Set(table.map(({ id }) => id)).size, table.length, 'names are unique')
  for (const mutant of table) {
    const { id, file, tests, promise, survives } = mutant
    t.doesNotThrow(() => mutate(mutant, readFileSync(join(repositoryRoot, file), 'utf8')), id)
    t.match(promise, /^\S.{14,}\.$/, `${id}: the promise is a sentence`)
    t.ok(tests.length > 0, id)
    for (const path of tests) t.ok(existsSync(join(repositoryRoot, path)), `${id}: ${path}`)
    if (survives !== undefined) t.match(survives, /^[A-Z].{20,}\.$/, `${id}: a reason`)
  }
  t.end()
})

const source = `export const most = (a: number, b: number): number => (a > b ? a : b)
export const tiny = 1
`
const tap = `import { test } from '${import.meta.resolve('tap')}'
import { most } from '../src/most.js'
`
const body = `test('most', (t) => {
  t.equal(most(1, 2), 2)
  t.equal(most(2, 1), 2)
  t.end()
})
`
const hangs = `test('hangs', async (t) => {
  while (most(1, 2) !== 2) await new Promise((wake) => setTimeout(wake, 5))
  t.ok(true)
})
`
const inverted = ['src/most.ts', 'a > b', 'a < b'] as const
const unseen = ['src/most.ts', 'tiny = 1', 'tiny = 2'] as const

/** A project as small as it can be, and what becomes of each row. */
const rows: readonly [row: Row, outcome: string, isProblem: boolean][] = [
  [['noticed', 'It is greater.', ...inverted, 'most'], 'noticed', false],
  [['survives', 'It is tiny.', ...unseen, 'most'], 'survived', true],
  [['known', 'It is tiny.', ...unseen, 'most', 'Nobody uses it.'], 'survived', false],
  [['known-and-noticed', 'It is greater.', ...inverted, 'most', 'Nobody.'], 'noticed', true],
  [['no-text', 'It is greater.', 'src/most.ts', 'a >= b', 'a < b', 'most'], 'error', true],
  [['two-texts', 'It is greater.', 'src/most.ts', 'number', 'string', 'most'], 'error', true],
  [['no-change', 'It is greater.', 'src/most.ts', 'a > b', 'a > b', 'most'], 'error', true],
  [['no-typescript', 'It is greater.', 'src/most.ts', 'a > b', 'a > > b', 'most'], 'error', true],
  [
    ['does-not-load', 'It loads.', 'src/most.ts', 'tiny = 1', 'tiny = null.x', 'most'],
    'error',
    true
  ],
  [['hangs', 'It ends.', ...inverted, 'hangs'], 'hung', true],
  [['fails-anyway', 'It is greater.', ...inverted, 'fails'], 'error', true],
  [['second-test', 'It is greater.', ...inverted, ['passes', 'most']], 'noticed', false]
]

test('what becomes of a mutant', { timeout: 120_000 }, async (t) => {
  const root = t.testdir({
    'package.json': '{"type": "module"}',
    'tsconfig.json': '{"compilerOptions": {"target": "ES2023", "module": "NodeNext"}}',
    src: { 'most.ts': source },
    test: {},
    build: {
      src: { 'most.js': source.replaceAll(': number', '') },
      test: {
        'most.test.js': `${tap}${body}`,
        'hangs.test.js': `${tap}${hangs}`,
        'fails.test.js': `${tap}test('fails', (t) => { t.equal(most(1, 2), 1); t.end() })\n`,
        'passes.test.js': `${tap}test('passes', (t) => { t.equal(most(1, 1), 1); t.end() })\n`
      }
    }
  })
  symlinkSync(join(repositoryRoot, 'node_modules'), join(root, 'node_modules'))
  const before = readdirSync(root)
  const made: Mutant[] = mutants(
    'made-up',
    rows.map(([row]) => row)
  )
  const results = await runMutants({
    ...{ root, mutants: made, jobs: 2, limitOf: () => 12 },
    isAlone: (path) => path === 'test/hangs.test.ts',
    mayEndEarly: () => true,
    report: () => undefined
  })
  for (const [[name], outcome, isProblem] of rows) {
    const result = results.find(({ mutant }) => mutant.id === `made-up/${name}`)
    t.equal(result?.outcome, outcome, `${name}: ${result?.detail ?? ''}`)
    t.equal(result && problemOf(result) !== undefined, isProblem, `${name}: is red or not`)
  }
  t.match(results.find(({ outcome }) => outcome === 'noticed')?.detail, /most/)
  t.equal(readFileSync(join(root, 'src/most.ts'), 'utf8'), source, 'the checkout is as before')
  t.same(readdirSync(join(root, 'build/mutants')), [], 'no copy is left')
  t.same(readdirSync(root), before)
  t.match(summaryOf(results), [/^class/, /^made-up +12 +3 +2 +1 +6 +1$/, /^total +12/])
  t.end()
})

test('a run that was ended goes on where it was', (t) => {
  const path = join(t.testdir(), 'mutants.jsonl')
  const [one, wrong, other] = mutants('made-up', [
    ['one', 'It is greater.', ...inverted, 'most'],
    ['wrong', 'It is greater.', ...inverted, 'most'],
    ['other', 'It is tiny.', ...unseen, 'most']
  ])
  if (one === undefined || wrong === undefined || other === undefined) throw new Error('no rows')
  const first = new MutantRecord(path, 'a', false)
  const noticed = { mutant: one, outcome: 'noticed', seconds: 2, detail: 'most' } as const
  first.add(noticed)
  first.add({ mutant: wrong, outcome: 'error', seconds: 1, detail: 'no text' })
  appendFileSync(path, '{"key":"cut o')
  const second = new MutantRecord(path, 'a', true)
  t.same(second.earlier(one), noticed)
  t.equal(second.earlier(wrong), undefined, 'a row that was wrong is tried again')
  t.equal(second.earlier(other), undefined)
  const changed = { ...one, tests: ['test/other.test.ts'] }
  t.equal(second.earlier(changed), undefined, 'a row that changed')
  second.add({ ...noticed, mutant: other })
  t.match(new MutantRecord(path, 'a', true).earlier(other), { outcome: 'noticed' })
  t.equal(new MutantRecord(path, 'b', true).earlier(one), undefined, 'a checkout that changed')
  t.equal(new MutantRecord(path, 'a', false).earlier(one), undefined, 'without --resume')
  t.match(stateOf(repositoryRoot), /^[0-9a-f]{40,}\n/)
  t.end()
})
