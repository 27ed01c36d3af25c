import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'tap'
import { modes, modeTexts } from '../../src/api/seccomp-rule.js'
import { driftKinds, states } from '../../src/confinement/state.js'
import { documentPaths, readDocument, tableRows } from '../helpers/documents.js'

const concepts = readDocument('docs/concepts.md')

/** The first column of the table below a heading of docs/concepts.md. */
const termsBelow = (heading: string): string[] =>
  tableRows(concepts)
    .filter((row) => row.heading === heading)
    .map(({ cells: [term = ''] }) => term)

for (const [heading, words] of [
  ['States', states],
  ['Drift', driftKinds],
  ['Modes', modes]
] as const) {
  test(`${heading}: docs/concepts.md defines exactly the words of the code`, (t) => {
    t.same(termsBelow(heading).sort(), [...words].sort(), 'change docs/concepts.md with the code')
    t.end()
  })
}

test('docs/concepts.md, pages and verbs say the same of a mode', (t) => {
  const rows = tableRows(concepts).filter(({ heading }) => heading === 'Modes')
  t.same(Object.fromEntries(rows.map(({ cells: [mode, text] }) => [mode, text])), modeTexts)
  t.end()
})

/** Words of the last table, as a pattern for each. */
const avoided = termsBelow('Words that Secco does not use').flatMap((row) => row.split(', '))
const patternOf = (word: string) =>
  new RegExp(`\\b${word.replace('let', '(let|lets)')}(s|ing)?\\b`, 'i')

/** Names of metrics and reasons are an interface; they keep what they are called. */
const withoutCode = (text: string) => text.replace(/```[^]*?```/g, '').replace(/`[^`]*`/g, '')

function avoidedWords(path: string, text: string): string[] {
  return withoutCode(text)
    .split('\n')
    .flatMap((line, index) =>
      avoided
        .filter((word) => patternOf(word).test(line))
        .map((word) => `${path}:${String(index + 1)}: ${word}`)
    )
}

test('documents use the words of docs/concepts.md', (t) => {
  t.ok(avoided.length > 5, 'the table is read')
  t.same(
    documentPaths()
      .filter((path) => path !== 'docs/concepts.md')
      .flatMap((path) => avoidedWords(path, readDocument(path))),
    [],
    'docs/concepts.md has the word to use instead'
  )
  t.same(avoidedWords('a.md', 'It was refused.\nIt lets through `refused`.\nIt is denied.'), [
    'a.md:1: refused',
    'a.md:2: let through'
  ])
  t.end()
})

/** What a system prints or a test writes to be rejected. */
const quoted = /connection refused|ECONN\(REFUSED|echo refuse|\/refused\[/i

const sourcePaths = execFileSync(
  'git',
  ['ls-files', '*.ts', '*.tsx', '*.c', '*.cc', '*.h', '*.proto', 'bin'],
  {
    encoding: 'utf8'
  }
)
  .split('\n')
  .filter((path) => path !== '' && path !== 'test/house/words.test.ts')

test('sources, their messages and the names of tests use them too', (t) => {
  t.ok(sourcePaths.length > 500, 'the sources are found')
  const found = sourcePaths.flatMap((path) =>
    readFileSync(path, 'utf8')
      .split('\n')
      .flatMap((line, index) =>
        avoided
          .filter((word) => patternOf(word).test(line) && !quoted.test(line))
          .map((word) => `${path}:${String(index + 1)}: ${word}`)
      )
  )
  t.same(found, [])
  t.end()
})
