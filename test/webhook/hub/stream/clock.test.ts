import { setTimeout } from 'node:timers/promises'
import { test } from 'tap'
import { createNodes } from '../../../../webhook/hub/nodes/nodes.js'
import { createRig } from '../rig.js'
import { matchLists } from '../../../helpers/match-lists.js'

const hour = 3_600_000
const day = 24 * hour

/** Steps of the wall clock: a virtual machine that resumes, a wrong NTP server, a person. */
const steps: [string, number][] = [
  ['an hour forward', hour],
  ['an hour back', -hour],
  ['ten days forward', 10 * day],
  ['to the beginning of time', -Date.now()]
]

test('a step of the wall clock ends no stream', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const heartbeatMs = 500
  const hub = await rig.hub({ timing: { heartbeatMs, graceMs: 10_000 } })
  const uplink = await rig.uplink(hub.address.port, 'node-a', { timing: { heartbeatMs } })
  await rig.log.seen(/connected to the hub/)
  const wall = Date.now.bind(Date)
  t.teardown(() => {
    Date.now = wall
  })
  for (const [what, by] of steps) {
    Date.now = () => wall() + by
    // Several heartbeats and checks of both sides.
    await setTimeout(4 * heartbeatMs)
    t.equal(uplink.connected, true, what)
    matchLists(t, hub.nodes(), [{ name: 'node-a', connected: true }], `${what}: the hub's view`)
    Date.now = wall
  }
  const lost = rig.log.lines.filter(({ msg }) => /heartbeat|no hub|stopped reading/.test(msg))
  t.same(lost, [], 'nothing was logged')
})

test('how long a node is away does not depend on the wall clock', (t) => {
  const start = Date.parse('2026-11-24T10:00:00.000Z')
  const hello = (node: string) => ({
    ...{ node, bootId: '', version: '', status: undefined, holding: [] },
    takesAcksTogether: false,
    takesTraces: false,
    sendsRevisions: false
  })
  let wallMs = start
  let monotonicMs = 1000
  const clock = { wallMs: () => wallMs, monotonicMs: () => monotonicMs }
  const at = () => new Date(wallMs).toISOString()
  const known = [{ name: 'saved', lastSeen: new Date(start - 50_000).toISOString(), holding: [] }]
  const nodes = createNodes(known, clock)
  const counted = () => nodes.counted(60_000).map(({ name }) => name)
  nodes.connected(hello('left'), at())
  nodes.disconnected('left', at())
  t.same(counted(), ['left', 'saved'], 'what an earlier hub saw 50 s ago counts')
  for (const [what, by] of steps) {
    wallMs = start + by
    t.same(counted(), ['left', 'saved'], what)
  }
  monotonicMs += 20_000
  t.same(counted(), ['left'], 'the time of the earlier hub counts, too')
  t.equal(nodes.unseenMs('left'), 20_000)
  monotonicMs += 41_000
  t.same(counted(), [])
  t.equal(nodes.unseenMs('nobody'), 0)
  const future = createNodes([{ ...known[0], lastSeen: '2099-01-01T00:00:00Z' } as never], clock)
  t.equal(future.unseenMs('saved'), 0, 'saved by a clock that was ahead')
  t.end()
})
