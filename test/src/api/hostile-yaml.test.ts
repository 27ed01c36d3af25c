import { test } from 'tap'
import { limits } from '../../../src/api/limits.js'
import { ThreadClock } from '../../helpers/longest-gap.js'
import { readObjects } from '../../../webhook/admission/check-pod.js'

const size = 585_000
const lines = (bytes: number, line: (i: number) => string): string =>
  Array.from({ length: bytes / line(10_000).length }, (_, i) => line(i)).join('\n')

/** Each took a parser from 0.2 to 100 seconds. */
const table: [what: string, text: string][] = [
  ['anchors', lines(size, (i) => `k${i}: &a${i} x`)],
  ['anchors in an anchor', `x: &b\n${lines(size, (i) => `  - &a${i} [1, 2]`)}`],
  ['a chain of aliases', lines(size, (i) => `k${i}: &a${i} [${i > 0 ? `*a${i - 1}` : ''}]`)],
  ['one alias', `a: &a x\nb:\n${'  - *a\n'.repeat(80_000)}`],
  ['merged maps', `a: &a {x: 1}\n${lines(size, (i) => `k${i}: {<<: *a}`)}`],
  ['lists on one line', `a:\n  ${'- '.repeat(size / 2)}x\n`],
  ['keys on one line', `${'? '.repeat(size / 2)}x\n`],
  ['flow lists', `a: ${'['.repeat(size / 2)}${']'.repeat(size / 2)}\n`],
  ['anchors that begin with a dash', lines(size, (i) => `k${i}: &-${i} x`)],
  ['aliases that begin with a dash', `a: &-a x\nb:\n${'  - *-a\n'.repeat(70_000)}`],
  ['anchors after quotes', `a: [${lines(size, (i) => `"x"&a${i}`).replaceAll('\n', ' ')}]`],
  ['keys', lines(size, (i) => `k${i}:`)],
  ['commas', `a: [${','.repeat(size)}]`],
  ['question marks', `a: [${'? '.repeat(size / 2)}`],
  ['tags', `a: [${'! '.repeat(size / 2)}]`],
  ['quotes', `a: [${'"'.repeat(size)}`],
  ['a quoted line that ends early', `a: "${'b\n'.repeat(size / 2)}"`],
  ['directives', '%a\n'.repeat(size / 3)],
  ['documents', '---\n'.repeat(size / 4)],
  ['mappings as keys', lines(size, (i) => `? {a: ${i}}\n: 1`)],
  ['ordinary lines', `a:\n${'  - {name: abcdefgh, value: "12345678"}\n'.repeat(size / 40)}`]
]

const slow = { timeout: 120_000 }
const clock = new ThreadClock()
/** How many times as long as an ordinary document. */
const most = 3

const took = (run: () => void): number => {
  const began = clock.ms()
  run()
  return clock.ms() - began
}

/** By how much one takes longer than the other: once more if it is much, because other programs slow down single runs. */
function ratioOf(run: () => void, other: () => void): number {
  let least = Infinity
  for (let round = 0; round < 4 && least >= most; round += 1) {
    least = Math.min(least, took(run) / took(other))
  }
  return least
}

test('pasted YAML costs no more than an ordinary document of the accepted length', slow, (t) => {
  const pod = (value: string) =>
    `kind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n    - name: a\n      env:\n${value}`
  const entry = '        - {name: abcdefgh, value: "12345678"}\n'
  const longest = pod(entry.repeat((limits.pastedYamlBytes - 200) / entry.length))
  t.equal(readObjects(longest, 'pod', limits.pastedYamlBytes).length, 1)
  const ordinary = (): unknown => readObjects(longest, 'pod', limits.pastedYamlBytes)
  ordinary()
  for (const [what, text] of table) {
    for (const part of [text, text.slice(0, limits.pastedYamlBytes)]) {
      const ratio = ratioOf(() => {
        try {
          readObjects(part, 'pod', limits.pastedYamlBytes)
        } catch {
          // Most of them are rejected; what counts is how soon.
        }
      }, ordinary)
      t.ok(ratio < most, `${what}, ${part.length} bytes: ${ratio.toFixed(2)} times`)
    }
  }
  for (const [what, text] of table.slice(0, 8)) {
    t.throws(
      () => readObjects(text, 'pod'),
      { code: 'INVALID_DOCUMENT' },
      `${what}: no pod either way`
    )
  }
  t.end()
})
