import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'tap'
import { Hello, HubMessage } from '../../../../src/api/gen/hub.js'
import type { Uplink } from '../../../../satellite/uplink/uplink.js'
import { clusterTiming } from '../../../../webhook/hub/hub-timing.js'
import { Collections } from '../../../../webhook/hub/observations/collections.js'
import type { Session } from '../../../../webhook/hub/stream/session.js'
import { until } from '../../../helpers/until.js'
import { createRig, observationOf, quickHub } from '../rig.js'

/** A satellite of which only the messages are real. @param answers what it answers one after the other */
function connect(
  collections: Collections,
  name: string,
  answers: readonly (number | 'nothing' | 'leaves')[],
  collects = true
) {
  const left = [...answers]
  const asked: number[] = []
  const session = {
    node: name,
    outbox: {
      send: (message: Uint8Array) => {
        const { body } = HubMessage.decode(message)
        if (body?.$case !== 'collect') return
        asked.push(body.value.id)
        const answer = left.length > 1 ? left.shift() : left[0]
        if (answer === 'leaves') collections.left(session)
        else if (typeof answer === 'number')
          collections.collected(session, { id: body.value.id, waiting: answer })
      }
    }
  } as unknown as Session
  collections.joined(session, Hello.fromPartial({ node: name, collects, version: '1.2.3' }))
  return { session, asked }
}

const quick = { taken: turn, placing: () => 0, answerMs: 20, everyMs: 0 }

test('what a node answers, and what does not count as sent', async (t) => {
  const table: [string, Parameters<typeof connect>[2], Partial<typeof quick>, object][] = [
    ['everything came', [0], {}, { state: 'sent', waiting: 0 }],
    ['some is still there', [2], {}, { state: 'waiting', waiting: 2 }],
    ['the hub rejected some of the first answer for now', [0, 1], {}, { state: 'waiting' }],
    ['some came with the second answer', [1, 0], {}, { state: 'sent', waiting: 0 }],
    ['a pod is not known yet', [0], { placing: () => 3 }, { state: 'waiting', waiting: 3 }],
    ['no answer', ['nothing'], {}, { state: 'silent' }],
    ['an answer to the first question alone', [0, 'nothing'], {}, { state: 'silent' }],
    ['its stream ends', [0, 'leaves'], {}, { state: 'silent' }]
  ]
  for (const [what, answers, options, expected] of table) {
    const collections = new Collections({ ...quick, ...options })
    connect(collections, 'n1', answers)
    t.match(await collections.collect(), [expected], what)
  }
  const empty = new Collections(quick)
  connect(empty, 'n1', ['leaves'])
  t.strictSame(await empty.collect(), [], 'a node that is away is not listed')
  const collections = new Collections(quick)
  const { asked } = connect(collections, 'n1', [0], false)
  t.match(await collections.collect(), [{ name: 'n1', state: 'old', version: '1.2.3' }])
  t.strictSame(asked, [], 'an earlier satellite is not asked')
})

test('callers share the next collection, and there is at most one in each interval', async (t) => {
  const collections = new Collections({ ...quick, everyMs: 150 })
  const { asked } = connect(collections, 'n1', [0])
  const first = Array.from({ length: 50 }, () => collections.collect())
  await Promise.all(first)
  t.equal(asked.length, 2, 'one collection asks twice')
  const began = performance.now()
  await Promise.all(Array.from({ length: 50 }, () => collections.collect()))
  t.equal(asked.length, 4)
  t.ok(performance.now() - began > 50, 'the second one waited')
})

test('an answer to an earlier question does not count', async (t) => {
  const collections = new Collections(quick)
  const { session, asked } = connect(collections, 'n1', ['nothing'])
  const pending = collections.collect()
  while (asked.length === 0) await turn()
  collections.collected(session, { id: (asked[0] ?? 0) - 1, waiting: 0 })
  t.match(await pending, [{ state: 'silent' }])
})

test('in a cluster a call of a running container is written when somebody asks', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const hub = await rig.hub({ timing: { ...quickHub, ...clusterTiming, coalesceMs: 5 } })
  const names: string[] = []
  let sequence = 0
  const link: { uplink?: Uplink } = {}
  const offer = (id = 'n1/boot/1') => {
    sequence += 1
    link.uplink?.offer(observationOf(id, names, { sequence }))
  }
  link.uplink = await rig.uplink(hub.address.port, 'n1', {
    onCollect: () => {
      // What the node recorded, and did not report yet.
      if (!names.includes('keyctl')) names.push('keyctl')
      offer()
      return Promise.resolve()
    }
  })
  const observed = async () => {
    const profile = await rig.store.get('SeccompProfile', { namespace: 'default', name: 'web' })
    return profile?.status?.observed?.x86_64 ?? []
  }
  const written = (name: string) => async () => (await observed()).includes(name) || undefined
  for (const name of ['read', 'write', 'close', 'mmap', 'brk', 'dup', 'pipe', 'getpid']) {
    names.push(name)
    offer()
    await until(`${name}, which is written at once`, written(name))
  }
  names.push('ptrace')
  offer()
  await until('the call to wait in the hub', () => hub.load().waiting === 1 || undefined)
  t.notOk((await observed()).includes('ptrace'), 'the ninth write waits for minutes')

  const recorded = await hub.recorded('default', 'web')
  t.match(recorded, { waiting: 0, problem: '', nodes: [{ name: 'n1', state: 'sent' }] })
  t.ok((await observed()).includes('ptrace'), 'what waited in the hub is written')
  t.ok((await observed()).includes('keyctl'), 'and what was still on the node')
})

test('what the hub did not accept, or could not write, is said', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  let isFull = false
  const store = {
    ...rig.store,
    update: ((kind, ref, change) =>
      isFull
        ? Promise.reject(new Error('no space'))
        : rig.store.update(kind, ref, change)) as typeof rig.store.update
  }
  const limits = { newProfilesAtOnce: 1, newProfilesPerMinute: 1 }
  const hub = await rig.hub({
    store: Object.setPrototypeOf(store, rig.store) as typeof rig.store,
    limits
  })
  const names = ['read']
  let sequence = 0
  const link: { uplink?: Uplink } = {}
  const offer = (name: string, id: string) => {
    sequence += 1
    const container = { id, runtime: 'runc', name, image: '', labels: {} }
    link.uplink?.offer(observationOf(`n1/boot/${id}`, names, { sequence, container } as object))
  }
  link.uplink = await rig.uplink(hub.address.port, 'n1', {
    onCollect: () => {
      offer('web', '1')
      return Promise.resolve()
    },
    // The hub never accepts what it was offered last.
    timing: { flushMs: 50 }
  })
  offer('web', '1')
  await until('the node to connect', () => hub.node('n1')?.connected === true || undefined)
  t.match(await hub.recorded('default', 'web'), { waiting: 0, nodes: [{ state: 'sent' }] })
  offer('other', '2')
  t.match(
    await hub.recorded('default', 'web'),
    { nodes: [{ state: 'waiting', waiting: 1 }] },
    'a profile too many: its observation waits on the node'
  )
  isFull = true
  names.push('write')
  t.match(await hub.recorded('default', 'web'), { waiting: 1, problem: 'no space' })
  isFull = false
  t.match(await hub.recorded('default', 'web'), { waiting: 0, problem: '' })
})
