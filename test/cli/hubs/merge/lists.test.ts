import { test } from 'tap'
import {
  mergeActions,
  mergeContainers,
  mergeExplained,
  mergeNodes,
  mergeWhyEperm
} from '../../../../cli/hubs/merge/lists.js'
import type { Explained } from '../../../../webhook/confinement/explain.js'
import type { WhyEperm } from '../../../../webhook/confinement/denials/why-eperm.js'
import type { NodeView } from '../../../../webhook/views/view.js'
import { denial, view } from '../../../helpers/hub-answers.js'

test('containers of all hubs, each once, sorted as one hub does', (t) => {
  const both = [view('n1', 'b'), view('n1', 'a')]
  for (const [what, lists, wanted] of [
    ['none', [[], []], []],
    ['one hub', [both], ['n1/a', 'n1/b']],
    ['each its own', [[view('n2', 'c'), view('n2', 'a')], both], ['n1/a', 'n2/a', 'n1/b', 'n2/c']],
    ['a satellite that moved', [both, [view('n1', 'a')]], ['n1/a', 'n1/b']]
  ] as const) {
    t.strictSame(
      mergeContainers(lists).map(({ key }) => key),
      wanted,
      what
    )
  }
  for (const [what, old, newer] of [
    ['more denied', { denials: 1, syscalls: 50 }, { denials: 2, syscalls: 40 }],
    ['more calls', { syscalls: 40, since: '2027' }, { syscalls: 41 }],
    ['a later state', { since: '2026-11-25T10:00:00Z' }, { since: '2026-11-25T10:00:01Z' }]
  ] as const) {
    const [before, after] = [view('n1', 'a', old), view('n1', 'a', newer)]
    t.strictSame(mergeContainers([[before], [after]]), [after], what)
    t.strictSame(mergeContainers([[after], [before]]), [after], `${what}, the other way round`)
  }
  t.end()
})

test('nodes: connected to the hub that says so', (t) => {
  const node = (name: string, connected: boolean, lastSeen = '2026') =>
    ({ name, connected, lastSeen }) as NodeView
  t.strictSame(
    mergeNodes([
      [node('n3', true), node('n1', false, '2027'), node('n2', false, '2026')],
      [node('n1', true), node('n2', false, '2027')]
    ]),
    [node('n1', true), node('n2', false, '2027'), node('n3', true)]
  )
  t.end()
})

test('what was explained, and what was done', (t) => {
  const explained = (node: string, name: string, denials = 0) =>
    ({ container: view(node, name, { denials }) }) as Explained
  t.strictSame(
    mergeExplained([[explained('n2', 'a')], [explained('n1', 'a', 1)], [explained('n1', 'a')]]),
    [explained('n1', 'a', 1), explained('n2', 'a')]
  )
  t.strictSame(
    mergeActions([[{ at: '3' }, { at: '1' }], [{ at: '2' }]]).map(({ at }) => at),
    [...['3', '2', '1']]
  )
  t.end()
})

test('denied calls of what ended: one that runs elsewhere now has not', (t) => {
  const { id } = view('n1', 'a')
  const startedAt = '2026-11-25T09:00:00Z'
  const row = (node: string, instance: string, firstSeen = startedAt) =>
    ({
      ...denial(node, 'bpf', 1, { instance, firstSeen, container: id }),
      words: instance
    }) as WhyEperm['before'][number]
  const explained = (node: string, ...instances: string[]) =>
    ({
      container: view(node, 'a', { startedAt }),
      rule: '',
      denials: instances.map((one) => row(node, one)),
      words: instances,
      knownSince: startedAt
    }) satisfies WhyEperm['items'][number]
  const old = row('n1', 'old', '2026-11-25T08:00:00Z')
  for (const [what, answers, running, before] of [
    ['nothing', [], [], []],
    ['one hub', [{ items: [], before: [old] }], [], ['old']],
    [
      'a satellite that moved',
      [
        { items: [], before: [old, row('n1', 'now')] },
        { items: [explained('n1', 'now')], before: [old] }
      ],
      [['now']],
      ['old']
    ],
    [
      'one that moved, whose next hub has heard of none',
      [
        { items: [], before: [old, row('n1', 'now')] },
        { items: [explained('n1')], before: [] }
      ],
      [['now']],
      ['old']
    ],
    [
      // An ended run is reported when it ends: a hub may receive it after the next one began.
      'an earlier run that the hub heard of late',
      [{ items: [explained('n1', 'now')], before: [row('n1', 'late', '2026-11-25T09:00:05Z')] }],
      [['now']],
      ['late']
    ],
    [
      'that one, and a hub that does not list the container',
      [
        { items: [], before: [row('n1', 'late', '2026-11-25T09:00:07Z')] },
        { items: [explained('n1', 'now')], before: [row('n1', 'late', '2026-11-25T09:00:05Z')] }
      ],
      [['now']],
      ['late']
    ],
    [
      'another node',
      [
        { items: [explained('n1', 'now')], before: [] },
        { items: [], before: [row('n2', 'now')] }
      ],
      [['now']],
      ['now']
    ]
  ] as [string, Pick<WhyEperm, 'items' | 'before'>[], string[][], string[]][]) {
    const merged = mergeWhyEperm(answers)
    const { items } = merged
    t.same(
      items.map(({ denials }) => denials.map(({ instance }) => instance)),
      running,
      what
    )
    t.same(
      items.map(({ words }) => words),
      running,
      `${what}: a line of words for each`
    )
    t.same(
      merged.before.map(({ instance }) => instance),
      before,
      what
    )
  }
  t.end()
})
