import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'tap'
import ts from 'typescript'
import { readDocument, tableRows } from '../helpers/documents.js'
import { repositoryRoot } from '../helpers/repository.js'

const page = 'docs/reference/attacks.md'
const columns = 6

/** The rows of all tables of the page: attack, attacker, asset, before, now, shown by. */
const rows = tableRows(readDocument(page)).map(({ cells }) => cells)

interface Named {
  file: string
  titles: string[]
}

/** Test files of a cell, each with the tests and rows that it names: `FILE`: `TITLE`; `TITLE`. */
function namedIn(cell: string): Named[] {
  return [...cell.matchAll(/`(test\/[^`]+)`: ((?:`[^`]+`(?:; )?)+)/g)].map(
    ([, file = '', titles = '']) => ({
      file,
      titles: [...titles.matchAll(/`([^`]+)`/g)].map(([, title = '']) => title)
    })
  )
}

const parsed = new Map<string, ts.SourceFile>()

function parse(path: string): ts.SourceFile {
  const known = parsed.get(path)
  if (known !== undefined) return known
  const text = readFileSync(join(repositoryRoot, path), 'utf8')
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest)
  parsed.set(path, source)
  return source
}

function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node)
  node.forEachChild((child) => visit(child, see))
}

const texts = new Map<ts.SourceFile, Set<string>>()

/** Texts of a file: its strings, and its templates as they are written. */
function textsOf(source: ts.SourceFile): Set<string> {
  const known = texts.get(source)
  if (known !== undefined) return known
  const found = new Set<string>()
  visit(source, (node) => {
    if (ts.isStringLiteralLike(node)) found.add(node.text)
    else if (ts.isTemplateExpression(node)) found.add(node.getText(source).slice(1, -1))
  })
  texts.set(source, found)
  return found
}

/** A test file and the files of test/ that it imports: tables of attacks are shared. */
function withImports(path: string): ts.SourceFile[] {
  const source = parse(path)
  const imported: string[] = []
  source.forEachChild((node) => {
    if (!ts.isImportDeclaration(node) || !ts.isStringLiteral(node.moduleSpecifier)) return
    const to = normalize(join(dirname(path), node.moduleSpecifier.text.replace(/\.js$/, '.ts')))
    if (to.startsWith('test/') && existsSync(join(repositoryRoot, to))) imported.push(to)
  })
  return [source, ...imported.map(parse)]
}

function missingTitles({ file, titles }: Named): string[] {
  if (!existsSync(join(repositoryRoot, file))) return [`${file}: no such file`]
  const known = withImports(file).map(textsOf)
  return titles
    .filter((title) => !known.some((some) => some.has(title)))
    .map((title) => `${file}: ${title}`)
}

test('each attack of the page is made by a test that exists', (t) => {
  t.ok(rows.length >= 45, `${String(rows.length)} attacks`)
  for (const cells of rows) {
    const [attack = '', attacker, asset, , now, shown = ''] = cells
    t.equal(cells.length, columns, `${attack}: all columns`)
    t.notOk([attacker, asset, now].includes(''), `${attack}: who, what for, and what happens`)
    const named = namedIn(shown)
    t.ok(named.length > 0, `${attack}: a test`)
    t.same(named.flatMap(missingTitles), [], attack)
    // Nothing in the cell was left out.
    t.equal((shown.match(/`test\//g) ?? []).length, named.length, `${attack}: each with titles`)
  }
  const own = 'test/docs/attacks.test.ts'
  t.same(missingTitles({ file: own, titles: ['attacker', ['no such', 'title'].join(' ')] }), [
    `${own}: no such title`
  ])
  t.same(missingTitles({ file: 'test/none.test.ts', titles: [] }), [
    'test/none.test.ts: no such file'
  ])
  t.end()
})

/** Tables of attacks: file, variables, and their rows that are no attacks. */
const tables: [file: string, variables: string[], honest: string[]][] = [
  ['test/helpers/hostile-reviews.ts', ['hostileReviews', 'excessiveReviews'], []],
  ['test/helpers/hostile-pods.ts', ['podsAroundWebhook'], ['an ordinary pod']],
  ['test/satellite/containers/hostile-containers.test.ts', ['lies'], ['no lie']],
  [
    'test/satellite/containers/crun.test.ts',
    ['lies'],
    ["a bundle in containerd's folder: only what its CRI sets"]
  ],
  ['test/satellite/containers/doubtful-bundles.test.ts', ['variants'], ['as it is']],
  ['test/satellite/containers/unusual-files.test.ts', ['kinds'], ['a plain file', 'nothing']],
  [
    'test/satellite/revisions/hostile-revisions.test.ts',
    ['cases'],
    ['RuntimeDefault', 'learn', 'a filter that denies everything']
  ],
  ['test/src/api/hostile-yaml.test.ts', ['table'], ['ordinary lines']]
]

/** The first text of each row of the arrays with these names. A row that begins with … goes on with the one above. */
function rowsOf(path: string, variables: readonly string[]): string[] {
  const found: string[] = []
  visit(parse(path), (node) => {
    if (!ts.isVariableDeclaration(node) || !ts.isIdentifier(node.name)) return
    const list = node.initializer
    if (!variables.includes(node.name.text) || list === undefined) return
    if (!ts.isArrayLiteralExpression(list)) return
    for (const row of list.elements) {
      const first = ts.isArrayLiteralExpression(row) ? row.elements[0] : undefined
      if (first !== undefined && ts.isStringLiteralLike(first)) found.push(first.text)
    }
  })
  return found.filter((title) => !title.startsWith('…'))
}

test('the page names every attack of the tables of attacks', (t) => {
  const named = new Set(
    rows.flatMap((cells) => namedIn(cells[5] ?? '')).flatMap((one) => one.titles)
  )
  for (const [file, variables, honest] of tables) {
    const titles = rowsOf(file, variables)
    t.ok(titles.length >= 3, `${file}: ${String(titles.length)} rows`)
    t.same(
      titles.filter((title) => !named.has(title) && !honest.includes(title)),
      [],
      file
    )
    t.same(
      honest.filter((title) => !titles.includes(title)),
      [],
      `${file}: no row is excused that is gone`
    )
  }
  t.end()
})
