import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { repositoryRoot } from '../helpers/repository.js'
import { nativeSources, parseSource, readRooms } from '../helpers/source-tree.js'
import {
  circles,
  fileCircles,
  folderCircles,
  folderSizes,
  longFunctions,
  longLines,
  maxFunctionLines,
  maxLineLength,
  maxFilesPerFolder,
  mayImport,
  wrongImports
} from '../helpers/structure.js'

const files = readRooms()
const isData = (path: string) => /\/(data|gen)\//.test(path)

test('a folder imports only from the folders that its row names', (t) => {
  const next = 'move the code, or change the table in test/helpers/structure.ts and ARCHITECTURE.md'
  t.same(wrongImports(files), [], next)
  t.same(
    wrongImports([
      parseSource('src/lib/a.ts', "import { b } from '../api/b.js'"),
      parseSource('src/rules/a.ts', "import type { b } from '../../cli/lib/b.js'"),
      parseSource('webhook/hub/stream/a.ts', "export { b } from '../../cluster/b.js'"),
      parseSource('webhook/hub/stream/b.ts', "export { b } from '../../views/b.js'"),
      parseSource('native/a.ts', "const b = await import('../src/lib/b.js')"),
      parseSource('satellite/denials/a.ts', "import { b } from '../recorder/b.js'"),
      parseSource('cli/a.ts', "import { b } from '../webhook/b.js'")
    ]),
    [
      'src/lib/a.ts → src/api/b.ts',
      'src/rules/a.ts → cli/lib/b.ts',
      'webhook/hub/stream/a.ts → webhook/cluster/b.ts',
      'native/a.ts → src/lib/b.ts',
      'satellite/denials/a.ts → satellite/recorder/b.ts'
    ],
    'the rule finds the wrong imports and only those'
  )
  t.end()
})

/** Returns the folders that a cell of the table names: `src` is all of src, "`x` above" all of x in the rows above. */
function foldersIn(cell: string, above: readonly string[]): string[] {
  const [named = '', excepted] = cell.split(', except ')
  const folders = [...named.matchAll(/`([^`]+)`( above)?/g)].flatMap(([, name = '', isAbove]) => {
    const below = (each: string) => each.startsWith(`${name}/`)
    if (isAbove !== undefined) return above.filter(below)
    return name === 'src' ? Object.keys(mayImport).filter(below) : [name]
  })
  return excepted === undefined
    ? folders
    : folders.filter((each) => !foldersIn(excepted, []).includes(each))
}

test('the table of ARCHITECTURE.md is the table that is checked', (t) => {
  const page = readFileSync(join(repositoryRoot, 'ARCHITECTURE.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `([^`]+)` +\| (.+?) +\|/gm)]
  const folders = rows.map(([, folder = '']) => folder)
  t.same(folders.sort(), Object.keys(mayImport).sort(), 'the table has a row for each folder')
  for (const [at, [, folder = '', cell = '']] of rows.entries()) {
    const above = rows.slice(0, at).map(([, each = '']) => each)
    const imports = mayImport[folder] ?? []
    t.same(foldersIn(cell, above).sort(), [...imports].sort(), `ARCHITECTURE.md, row ${folder}`)
  }
  t.same(foldersIn('`certs`, `a` above, except `a/c`', ['a/b', 'a/c', 'b/d']), ['certs', 'a/b'])
  t.end()
})

test('no circle of files, no circle of folders', (t) => {
  t.same(fileCircles(files), [], 'move what both files need into a third')
  t.same(folderCircles(files), [], 'move what both folders need below them: see ARCHITECTURE.md')
  const made = [
    parseSource('src/a/one.ts', "import type { b } from '../b/two.js'"),
    parseSource('src/b/two.ts', "import { c } from './three.js'"),
    parseSource('src/b/three.ts', "import { a } from '../a/four.js'"),
    parseSource('src/a/four.ts', 'export const a = 1')
  ]
  t.same(fileCircles(made), [])
  t.same(folderCircles(made), [['src/a', 'src/b']])
  const graph = new Map(
    Object.entries({ a: ['b'], b: ['c'], c: ['a', 'd'], d: ['e'], e: ['d'], f: ['a'] }).map(
      ([node, next]) => [node, new Set(next)]
    )
  )
  t.same(circles(graph), [
    ['a', 'b', 'c'],
    ['d', 'e']
  ])
  t.end()
})

test(`no folder holds more than ${String(maxFilesPerFolder)} source files`, (t) => {
  const paths = [...files.map(({ path }) => path), ...nativeSources()]
  t.same(
    folderSizes(paths).filter(([, size]) => size > maxFilesPerFolder),
    [],
    'group the files of these folders in subfolders by topic'
  )
  t.same(folderSizes(['a/b.ts', 'a/c.ts', 'd/e.ts']), [
    ['a', 2],
    ['d', 1]
  ])
  t.end()
})

test('functions and lines stay short', (t) => {
  const product = files.filter(({ path }) => !isData(path))
  t.same(
    product.flatMap(longFunctions),
    [],
    `split functions of more than ${maxFunctionLines} lines`
  )
  const tests = readdirSync(join(repositoryRoot, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({
      path: `test/${name}`,
      text: readFileSync(join(repositoryRoot, 'test', name), 'utf8')
    }))
  t.ok(tests.length > 200, 'the tests are found')
  t.same(
    [...product, ...tests].flatMap(longLines),
    [],
    `wrap lines of more than ${maxLineLength} characters`
  )
  const body = '  step()\n'.repeat(80)
  t.same(longFunctions({ path: 'src/a.ts', text: `const x = 1\nfunction f() {\n${body}}\n` }), [
    'src/a.ts:2 f (82)'
  ])
  t.same(longLines({ path: 'src/a.ts', text: `a\n${'b'.repeat(141)}\n${'c'.repeat(140)}` }), [
    'src/a.ts:2 (141)'
  ])
  t.end()
})
