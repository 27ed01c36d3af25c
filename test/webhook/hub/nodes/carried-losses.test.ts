import { test } from 'tap'
import { Hello, Losses, NodeStatus } from '../../../../src/api/gen/hub.js'
import { createLogger } from '../../../../src/lib/log.js'
import { createNodeLog, loadKnownNodes } from '../../../../webhook/hub/nodes/node-log.js'
import { createNodes, type Nodes } from '../../../../webhook/hub/nodes/nodes.js'
import { quiet } from '../../../helpers/quiet.js'

const logger = createLogger('test', quiet)
const now = '2026-11-01T10:00:00.000Z'

/** The satellite's process, its boot, and what it reports when it connects and then. */
interface Step {
  process: string
  boot?: string
  lost: (Partial<Losses> | undefined)[]
  /** The hub was restarted before. */
  isRestarted?: boolean
}

/** A satellite without a recorder reports no losses. */
const statusOf = (lost: Partial<Losses> | undefined) =>
  NodeStatus.fromPartial(lost === undefined ? {} : { losses: Losses.fromPartial(lost) })

/** Returns a hub that begins with what this one saved. */
async function restarted(nodes: Nodes, dir: string): Promise<Nodes> {
  const log = createNodeLog(dir, nodes, 0, logger)
  log.changed()
  await log.settled()
  return createNodes(await loadKnownNodes(dir, logger))
}

test('what was lost since the boot of a node is the sum over the processes of its satellite', async (t) => {
  const one = { unidentified: 1 }
  // [what, the reports, what the hub shows at the end]
  const table: [string, Step[], Partial<Losses>][] = [
    ['one process', [{ process: '1', lost: [{}, one, { unidentified: 2 }] }], { unidentified: 2 }],
    [
      'a number that goes back in one process',
      [{ process: '1', lost: [{ unidentified: 2 }, one] }],
      one
    ],
    [
      'a lost connection',
      [
        { process: '1', lost: [one] },
        { process: '1', lost: [one] }
      ],
      one
    ],
    [
      'a satellite that starts again',
      [
        { process: '1', lost: [{}, { unidentified: 2, missed: 1 }] },
        { process: '2', lost: [{}, { givenUp: 4 }] },
        { process: '3', lost: [one] }
      ],
      { unidentified: 3, missed: 1, givenUp: 4 }
    ],
    [
      'the hub starts again in between',
      [
        { process: '1', lost: [one] },
        { process: '1', lost: [one], isRestarted: true },
        { process: '2', lost: [{}], isRestarted: true },
        { process: '2', lost: [{}], isRestarted: true }
      ],
      one
    ],
    [
      'the kernel side goes on counting',
      [
        { process: '1', lost: [{ tableFull: 3, details: 2 }] },
        { process: '2', lost: [{ tableFull: 4, details: 0 }] }
      ],
      { tableFull: 4, details: 2 }
    ],
    [
      'a process without a recorder, and one that takes over what the kernel side counted',
      [
        { process: '1', lost: [{ tableFull: 3, missed: 1 }] },
        { process: '2', lost: [undefined] },
        { process: '3', lost: [{ tableFull: 3 }] }
      ],
      { tableFull: 3, missed: 1 }
    ],
    [
      'another boot begins at zero',
      [
        { process: '1', lost: [one] },
        { process: '2', boot: 'other', lost: [{}] }
      ],
      {}
    ]
  ]
  for (const [at, [what, steps, expected]] of table.entries()) {
    let nodes = createNodes([])
    for (const { process, boot = 'boot', lost, isRestarted = false } of steps) {
      if (isRestarted) nodes = await restarted(nodes, t.testdir({ [String(at)]: {} }))
      const [first, ...others] = lost
      const hello = { node: 'n1', bootId: boot, startedAt: process, status: statusOf(first) }
      nodes.connected(Hello.fromPartial(hello), now)
      for (const each of others) nodes.status('n1', statusOf(each))
    }
    t.same(nodes.get('n1')?.status?.losses, Losses.fromPartial(expected), what)
  }
})
