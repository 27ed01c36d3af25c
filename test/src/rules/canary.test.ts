import { test } from 'tap'
import { isCanary } from '../../../src/rules/canary.js'

const shareOf = (names: readonly string[], percent: number): number =>
  names.filter((name) => isCanary({ name, owner: '' }, percent)).length / names.length

test('pods that a controller names later: of any 100/percent in a row exactly one', (t) => {
  for (const percent of [1, 5, 10, 20, 25, 50, 100]) {
    const chosen = (turn: number) => isCanary({ name: 'web-', owner: '', turn }, percent)
    for (let from = 0; from < 200; from += 1) {
      const row = Array.from({ length: 100 / percent }, (_, nth) => chosen(from + nth))
      if (row.filter(Boolean).length !== 1) t.fail(`${percent} % from ${from}`)
    }
    t.ok(chosen(0), `${percent} %: the first one`)
  }
  t.notOk(isCanary({ name: 'web-', owner: '', turn: 0 }, 0))
  t.end()
})

test('pods of a StatefulSet: by their ordinal, whatever came before', (t) => {
  const chosen = [0, 1, 2, 3, 4, 5, 6, 7].filter((ordinal) =>
    isCanary({ name: `db-${ordinal}`, owner: 'StatefulSet/db', turn: 7 - ordinal }, 25)
  )
  t.same(chosen, [0, 4])
  t.end()
})

test('digits in the name of any other pod choose no side of a canary', (t) => {
  const table: [owner: string, name: (side: number) => string][] = [
    ['', (side) => `web-${side}`],
    ['Deployment/web', (side) => `web-${side}`],
    ['Job/web', (side) => `web-${side}`],
    ['StatefulSet/db', (side) => `web-${side}`],
    ['StatefulSet/db', (side) => `db-x-${side}`],
    ['StatefulSet/', (side) => `-${side}`]
  ]
  for (const [owner, name] of table) {
    const sides = [0, 1].map((side) =>
      Array.from({ length: 8 }, (_, turn) => isCanary({ name: name(side), owner, turn }, 25))
    )
    t.same(sides[0], sides[1], `${owner}: ${name(0)}`)
    t.equal(sides[0]?.filter(Boolean).length, 2, `${owner}: the share`)
  }
  t.end()
})

test('pods with a name of their own: about the share, by every letter of the name', (t) => {
  const names = Array.from({ length: 10_000 }, (_, nth) => `job-${(nth * 7919).toString(36)}x`)
  for (const percent of [0, 1, 10, 50, 100]) {
    const share = shareOf(names, percent) * 100
    t.ok(Math.abs(share - percent) < 2, `${percent} %: ${share.toFixed(1)} %`)
  }
  const anagrams = ['abcd', 'abdc', 'acbd', 'acdb', 'adbc', 'adcb', 'bacd', 'badc', 'bcad', 'bcda']
  const share = shareOf(anagrams, 50)
  t.ok(share > 0 && share < 1, 'names of one length and of the same letters differ')
  const chosen = () => isCanary({ name: 'web-abcx', owner: '' }, 50)
  t.equal(chosen(), chosen(), 'always the same')
  t.end()
})
