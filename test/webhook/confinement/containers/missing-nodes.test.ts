import { test } from 'tap'
import { awayNodesOf } from '../../../../webhook/confinement/containers/missing-nodes.js'

test('a list names its nodes that do not report, also those that the hub has forgotten', (t) => {
  const lastSeen = '2026-11-25T10:00:00Z'
  const node = (name: string, connected: boolean) => ({ name, connected, lastSeen })
  const nodes = [node('here', true), node('away', false), node('empty', false)]
  const table: [listed: string[], expected: { name: string; lastSeen: string }[]][] = [
    [[], []],
    [['here', ''], []],
    [['here', 'away', 'away'], [{ name: 'away', lastSeen }]],
    [
      ['forgotten', 'away', 'here'],
      [
        { name: 'away', lastSeen },
        { name: 'forgotten', lastSeen: '' }
      ]
    ]
  ]
  for (const [listed, expected] of table) {
    const named = listed.map((one) => ({ node: one }))
    t.strictSame(awayNodesOf(nodes, named), expected, listed.join())
  }
  t.end()
})
