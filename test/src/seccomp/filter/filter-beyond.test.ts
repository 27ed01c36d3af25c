import { test } from 'tap'
import {
  archOf,
  dataWords,
  type Filter,
  op,
  runFilter
} from '../../../../src/seccomp/filter/cbpf.js'
import { callsBeyond } from '../../../../src/seccomp/filter/filter-beyond.js'
import { runs } from '../../../helpers/fuzz.js'
import { seededRandom } from '../../../helpers/random.js'

const { arch } = archOf.x86_64
const [allow, errno] = [0x7fff0000, 0x00050001]
const equal = 0x15
const firstArgument = 16

/** A rule: a number, and the only value that its first argument may have; undefined: any. */
type Rule = readonly [nr: number, value: number | undefined]

/** A filter as libseccomp makes them: one comparison of the number after the other. */
function filterOf(rules: readonly Rule[]): Filter {
  const lines: [code: number, jt: number, jf: number, k: number][] = [[op.loadWord, 0, 0, 0]]
  for (const [nr, value] of rules) {
    if (value === undefined) lines.push([equal, 0, 1, nr], [op.returnK, 0, 0, allow])
    else {
      lines.push([equal, 0, 4, nr], [op.loadWord, 0, 0, firstArgument], [equal, 0, 1, value])
      lines.push([op.returnK, 0, 0, allow], [op.returnK, 0, 0, errno])
    }
  }
  lines.push([op.returnK, 0, 0, errno])
  return {
    length: lines.length,
    code: Uint16Array.from(lines, ([code]) => code),
    jt: Uint8Array.from(lines, ([, jt]) => jt),
    jf: Uint8Array.from(lines, ([, , jf]) => jf),
    k: Uint32Array.from(lines, ([, , , k]) => k)
  }
}

/** Returns the numbers that the first filter allows with some argument, and the second one denies with it. */
function triedBeyond(inner: Filter, outer: Filter, most: number): number[] {
  const answer = (filter: Filter, nr: number, value: number) =>
    runFilter(filter, dataWords({ nr, arch, args: [BigInt(value)] }))
  return Array.from({ length: most }, (_, nr) => nr).filter((nr) =>
    [0, 1, 2, 3, 9].some(
      (value) => answer(inner, nr, value) === allow && answer(outer, nr, value) !== allow
    )
  )
}

test('filters compare as they answer, also one after the other with the same second filter', (t) => {
  const random = seededRandom(7)
  const most = 24
  const rulesOf = (): Rule[] =>
    Array.from({ length: most }, (_, nr) => nr).flatMap((nr): Rule[] => {
      const kind = Math.floor(random() * 4)
      return kind < 2 ? [] : [[nr, kind === 2 ? undefined : Math.floor(random() * 4)]]
    })
  for (let outerNth = 0; outerNth < runs(20); outerNth += 1) {
    const outer = filterOf(rulesOf())
    for (let innerNth = 0; innerNth < 5; innerNth += 1) {
      const inner = filterOf(rulesOf())
      const { calls, undecided } = callsBeyond(inner, outer, arch)
      t.equal(undecided, undefined)
      const numbers = calls.map(({ nr }) => nr).sort((a, b) => a - b)
      t.same(numbers, triedBeyond(inner, outer, most))
      for (const { nr, args } of calls) {
        const words = dataWords({ nr, arch, args })
        t.same(
          [runFilter(inner, words) === allow, runFilter(outer, words) === allow],
          [true, false]
        )
      }
    }
  }
  t.end()
})

test('a number that no rule names is found beyond a filter that allows all others', (t) => {
  const named = filterOf(Array.from({ length: 300 }, (_, nr): Rule => [nr, undefined]))
  const everything: Filter = { ...filterOf([]), k: Uint32Array.from([0, allow]) }
  const { calls, undecided } = callsBeyond(everything, named, arch)
  t.same([undecided, calls.length], [undefined, 1])
  t.ok((calls[0]?.nr ?? 0) >= 300)
  t.same(callsBeyond(named, everything, arch), { calls: [] })
  t.end()
})
