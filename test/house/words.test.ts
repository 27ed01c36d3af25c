import { test } from 'tap'
import { modes } from '../../src/api/seccomp-rule.js'
import { driftKinds, states } from '../../src/confinement/state.js'
import { documentPaths, readDocument } from '../helpers/documents.js'

const concepts = readDocument('docs/concepts.md')

/** The first column of the table below a heading of docs/concepts.md. */
function termsBelow(heading: string): string[] {
  const [, part = ''] = concepts.split(new RegExp(`^#+ ${heading}$`, 'm'))
  const [table = ''] = part.split(/^#/m)
  return [...table.matchAll(/^\| (?!---)(.+?) \|/gm)].map(([, term = '']) => term.trim()).slice(1)
}

for (const [heading, words] of [
  ['States', states],
  ['Drift', driftKinds],
  ['Modes', modes]
] as const) {
  test(`${heading}: docs/concepts.md defines exactly the words of the code`, (t) => {
    t.same(termsBelow(heading).sort(), [...words].sort())
    t.end()
  })
}

/** Words of the last table, as a pattern for each. */
const avoided = termsBelow('Words that Secco does not use').flatMap((row) => row.split(', '))
const patternOf = (word: string) => new RegExp(`\\b${word.replace('let', '(let|lets)')}\\b`, 'i')

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
    []
  )
  t.same(avoidedWords('a.md', 'It was refused.\nIt lets through `refused`.\nIt is denied.'), [
    'a.md:1: refused',
    'a.md:2: let through'
  ])
  t.end()
})
