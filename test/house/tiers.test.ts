import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { repositoryRoot } from '../helpers/repository.js'
import { parseSource, type SourceFile } from '../helpers/source-tree.js'

type Row = readonly [start: string, tier: string, how?: 'recording' | 'alone' | 'waiting']
interface TestTiers {
  tiers: readonly string[]
  table: readonly Row[]
  needs: Readonly<Record<string, string>>
  longest: readonly string[]
  longestFirst: (one: string, other: string) => number
  rowOf: (path: string, rows?: readonly Row[]) => Row | undefined
  mayBeSkipped: (line: string, reasons?: readonly (readonly [string, RegExp])[]) => boolean
}

const { tiers, table, needs, longest, longestFirst, rowOf, mayBeSkipped } = (await import(
  join(repositoryRoot, 'bin/test-tiers.mjs')
)) as TestTiers

const files = new Map(
  readdirSync(join(repositoryRoot, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `test/${name}`)
    .map((path) => [path, parseSource(path, readFileSync(join(repositoryRoot, path), 'utf8'))])
)

/** Returns what a test file loads, directly or through other files of test/: of each file the way to it. */
function loadedBy(all: ReadonlyMap<string, SourceFile>, from: string): Map<string, string[]> {
  const ways = new Map([[from, [from]]])
  for (const [path, way] of ways) {
    for (const { path: target, typeOnly } of all.get(path)?.imports ?? []) {
      if (target === undefined || typeOnly || ways.has(target)) continue
      ways.set(target, [...way, target])
    }
  }
  return ways
}

/** Returns the test files that are in an earlier tier than what they load needs. */
function tooEarly(all: ReadonlyMap<string, SourceFile>, rows: readonly Row[]): string[] {
  const wrong: string[] = []
  for (const path of all.keys()) {
    if (!path.endsWith('.test.ts')) continue
    const tier = rowOf(path, rows)?.[1] ?? ''
    for (const [loaded, way] of loadedBy(all, path)) {
      const need = Object.entries(needs).find(([start]) => loaded.startsWith(start))?.[1] ?? 'unit'
      if (tiers.indexOf(tier) < tiers.indexOf(need))
        wrong.push(`${tier}, but ${need} is needed: ${way.join(' → ')}`)
    }
  }
  return wrong
}

test('every test file belongs to one tier, and every row has files', (t) => {
  const tests = [...files.keys()].filter((path) => path.endsWith('.test.ts'))
  t.same(
    tests.filter((path) => rowOf(path) === undefined),
    [],
    'add a row for the folder to the table of bin/test-tiers.mjs'
  )
  const used = new Set(tests.map((path) => rowOf(path)?.[0]))
  t.same(
    table.map(([start]) => start).filter((start) => !used.has(start)),
    [],
    'remove rows without files from the table of bin/test-tiers.mjs'
  )
  t.same(
    table.map(([, tier]) => tier).filter((tier) => !tiers.includes(tier)),
    [],
    'every row names a tier'
  )
  t.equal(new Set(table.map(([start]) => start)).size, table.length, 'one row for each path')
  const rows: Row[] = [
    ['a/', 'unit'],
    ['a/b.', 'e2e', 'alone']
  ]
  t.same(rowOf('build/test/a/b.test.js', rows), rows[1], 'the longest path decides')
  t.same(rowOf('test/a/c.test.ts', rows), rows[0])
  t.equal(rowOf('test/b/c.test.ts', rows), undefined)
  t.end()
})

test('no test file needs more than its tier has', (t) => {
  t.same(tooEarly(files, table), [], 'give the file a row in the table of bin/test-tiers.mjs')
  t.same(
    Object.keys(needs).filter((path) => !existsSync(join(repositoryRoot, path))),
    [],
    'what is needed exists'
  )
  const made = [
    parseSource('test/a/one.test.ts', "import { b } from '../helpers/b.js'"),
    parseSource('test/a/two.test.ts', "import type { Rig } from '../helpers/cluster.js'"),
    parseSource('test/a/three.test.ts', "import { b } from '../helpers/secco-command.js'"),
    parseSource('test/helpers/b.ts', "import { c } from './cluster.js'")
  ]
  const all = new Map(made.map((file) => [file.path, file]))
  const way = 'test/a/one.test.ts → test/helpers/b.ts → test/helpers/cluster.ts'
  const third = 'test/a/three.test.ts → test/helpers/secco-command.ts'
  t.same(tooEarly(all, [['a/', 'unit']]), [
    `unit, but smoke is needed: ${way}`,
    `unit, but integration is needed: ${third}`
  ])
  t.same(tooEarly(all, [['a/', 'integration']]), [`integration, but smoke is needed: ${way}`])
  t.same(tooEarly(all, [['a/', 'smoke']]), [])
  t.end()
})

test('the longest files start first, then those of later tiers', (t) => {
  const tests = [...files.keys()].filter((path) => path.endsWith('.test.ts'))
  t.same(
    longest.filter((start) => !tests.some((path) => path.startsWith(`test/${start}`))),
    [],
    'remove what has no file from the list of bin/test-tiers.mjs'
  )
  const [first = '', second = ''] = longest.map((start) => `build/test/${start}test.js`)
  const unit = 'build/test/src/lib/pace.test.js'
  const e2e = 'build/test/e2e/strict.test.js'
  t.same([unit, e2e, second, first].sort(longestFirst), [first, second, e2e, unit])
  t.end()
})

test('only what is listed may be skipped', (t) => {
  const reasons = [['test/e2e/a.test.ts', /no engine/]] as const
  t.ok(mayBeSkipped('test/e2e/a.test.ts > one: no engine here', reasons))
  t.notOk(mayBeSkipped('test/e2e/a.test.ts > one: not root', reasons))
  t.notOk(mayBeSkipped('test/e2e/b.test.ts > one: no engine here', reasons))
  t.end()
})
