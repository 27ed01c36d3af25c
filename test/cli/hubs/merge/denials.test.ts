import { test } from 'tap'
import { createDenialTally, mergeDenials } from '../../../../cli/hubs/merge/denials.js'
import type { DenialView } from '../../../../webhook/confinement/denials/denial-views.js'
import { denial } from '../../../helpers/hub-answers.js'

test('denied calls are counted once, whichever hub heard of them', (t) => {
  const [early, late] = ['2026-11-25T10:00:00Z', '2026-11-25T11:00:00Z']
  const counts = (rows: readonly DenialView[]) => rows.map(({ node, count }) => [node, count])
  for (const [what, lists, wanted] of [
    ['none', [[]], []],
    [
      'each its own',
      [[denial('n2', 'bpf', 2)], [denial('n1', 'bpf', 3)]],
      [
        ['n2', 2],
        ['n1', 3]
      ]
    ],
    [
      'newest last',
      [[denial('n2', 'bpf', 2, { lastSeen: late })], [denial('n1', 'bpf', 3, { lastSeen: early })]],
      [
        ['n1', 3],
        ['n2', 2]
      ]
    ],
    // It counts on, and tells the next hub all of it.
    ['a satellite that moved', [[denial('n1', 'bpf', 3)], [denial('n1', 'bpf', 5)]], [['n1', 5]]],
    [
      'one that moved, by who asked',
      [
        [denial('n1', 'bpf', 3, { comm: 'a' }), denial('n1', 'bpf', 1, { comm: 'b' })],
        [denial('n1', 'bpf', 5, { comm: 'b' })]
      ],
      [['n1', 5]]
    ],
    [
      'another run is another count',
      [
        [denial('n1', 'bpf', 3, { instance: 'n1/1' })],
        [denial('n1', 'bpf', 1, { instance: 'n1/2' })]
      ],
      [
        ['n1', 3],
        ['n1', 1]
      ]
    ]
  ] as const) {
    t.strictSame(counts(mergeDenials(lists)), wanted, what)
  }
  t.end()
})

test('of two that know as many calls the one that knows who asked', (t) => {
  const [nobody, known] = [denial('n1', 'bpf', 2, { comm: '', pid: 0 }), denial('n1', 'bpf', 2)]
  for (const lists of [
    [[nobody], [known]],
    [[known], [nobody]]
  ]) {
    t.strictSame(mergeDenials(lists), [known])
  }
  t.end()
})

test('who asked may be known later: nothing more is told, and nothing less after it', (t) => {
  const tally = createDenialTally()
  const nobody = denial('n1', 'bpf', 3, { comm: '', pid: 0 })
  t.equal(tally.add('a', nobody), 3)
  t.equal(tally.add('a', denial('n1', 'bpf', 3), true), 0)
  t.equal(tally.add('b', denial('n1', 'bpf', 3)), 0, 'the same, from its next hub')
  t.equal(tally.add('b', denial('n1', 'bpf', 5)), 2)
  t.end()
})

test('a merged watch tells each denied call once', (t) => {
  const tally = createDenialTally()
  t.equal(tally.add('a', denial('n1', 'bpf', 100)), 100)
  t.equal(tally.add('a', denial('n1', 'bpf', 101)), 1)
  t.equal(tally.add('b', denial('n1', 'bpf', 101)), 0, 'the same, from its next hub')
  t.equal(tally.add('b', denial('n1', 'bpf', 104)), 3)
  t.equal(tally.add('a', denial('n1', 'bpf', 104)), 0, 'and back')
  t.equal(tally.add('b', denial('n2', 'bpf', 1)), 1, 'another node')
  t.equal(tally.add('b', denial('n1', 'bpf', 2, { comm: 'other' })), 2, 'who asked is no matter')
  t.end()
})
