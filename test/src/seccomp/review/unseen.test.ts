import fc from 'fast-check'
import { test } from 'tap'
import { estimateText } from '../../../../src/seccomp/review/completeness.js'
import { knownSyscalls } from '../../../../src/syscalls/syscall-table.js'
import {
  estimateUnseen,
  expectedFrom,
  leastInstances,
  type Unseen
} from '../../../../src/seccomp/review/unseen.js'
import { runs } from '../../../helpers/fuzz.js'
import { seededRandom } from '../../../helpers/random.js'

const known = (estimate: ReturnType<typeof estimateUnseen>): Unseen => {
  if ('tooFew' in estimate) throw new Error('too few')
  return estimate
}

test('the estimate of the unseen', (t) => {
  t.same(estimateUnseen([['read'], ['write']]), { instances: 2, tooFew: true })
  t.equal(estimateText({ instances: 1, tooFew: true }), 'cannot be estimated yet (1 instance)')
  const common = ['read', 'write', 'openat']
  const steady = known(estimateUnseen(Array.from({ length: 20 }, () => common)))
  t.match(steady, { once: 0, twice: 0, expected: 0, lower: 0, coverage: 1, next: { expected: 0 } })
  t.equal(steady.next.atMost, 3 / 20, 'rule of three: nothing new in 20 still allows 15 %')
  t.ok(steady.upper > 0 && steady.upper <= 5, 'nothing rare was seen, and yet no certainty')

  // By hand: m 10, Q1 4, Q2 2: 0.9 · 16 / 4 = 3.6; 4 new in 10 instances: 0.4 in the next.
  const sets = Array.from({ length: 10 }, () => [...common])
  for (const [n, name] of ['a', 'b', 'c', 'd', 'e', 'e', 'f', 'f'].entries()) sets[n]?.push(name)
  const hand = known(estimateUnseen(sets))
  t.match(hand, { instances: 10, seen: 9, once: 4, twice: 2 })
  t.ok(Math.abs(hand.expected - 3.6) < 1e-9)
  t.equal(hand.next.expected, 0.4)
  // Variance of Chao 1987 with r = 2, a = 0.9: 2 · (1.8 + 6.48 + 3.24) = 23.04; interval by hand.
  const k = Math.exp(1.96 * Math.sqrt(Math.log(1 + 23.04 / 3.6 ** 2)))
  t.ok(Math.abs(hand.lower - 3.6 / k) < 1e-9 && Math.abs(hand.upper - 3.6 * k) < 1e-9)
  t.ok(Math.abs(hand.coverage - (1 - (4 / 38) * (36 / 40))) < 1e-9, 'Good–Turing for incidences')
  t.ok(expectedFrom(hand, 10) > 0 && expectedFrom(hand, 10) < hand.expected)
  t.equal(
    known(estimateUnseen(sets, ['x', 'y'])).upper,
    hand.upper,
    'known elsewhere: not in the upper end'
  )
  t.ok(known(estimateUnseen(sets, ['x', 'y'])).lower <= hand.lower)

  const names = fc.uniqueArray(fc.constantFrom(...knownSyscalls.slice(0, 60)), { maxLength: 25 })
  fc.assert(
    fc.property(
      fc.array(names, { minLength: leastInstances, maxLength: 30 }),
      fc.nat(),
      (list, turn) => {
        const one = known(estimateUnseen(list))
        const cut = turn % list.length
        const turned = [...list.slice(cut), ...list.slice(0, cut)].map((each) =>
          [...each].reverse()
        )
        t.same(known(estimateUnseen(turned)), one, 'order does not matter')
        for (const value of [one.lower, one.expected, one.upper, one.coverage, one.next.atMost]) {
          t.ok(Number.isFinite(value) && value >= 0)
        }
        const double = known(estimateUnseen([...list, ...list]))
        return (
          one.lower <= one.expected + 1e-9 &&
          one.expected <= one.upper + 1e-9 &&
          one.coverage <= 1 &&
          double.once === 0 &&
          double.expected === 0
        )
      }
    ),
    { numRuns: runs(100) }
  )

  // Synthetic truth: independent calls with known chances; the range should hold it nearly always.
  const random = seededRandom(7)
  let held = 0
  for (let trial = 0; trial < 200; trial += 1) {
    const chances = Array.from({ length: 60 }, (_, n) => (n < 40 ? 0.95 : 0.05 + 0.25 * random()))
    const samples = Array.from({ length: 12 }, () =>
      chances.flatMap((chance, n) => (random() < chance ? [`c${n}`] : []))
    )
    const { lower, upper, seen: found } = known(estimateUnseen(samples))
    const truth = chances.length - found
    if (truth >= Math.floor(lower) && truth <= Math.ceil(upper)) held += 1
  }
  t.ok(held >= 180, `the truth lay in the range in ${held} of 200 trials`)
  t.end()
})
