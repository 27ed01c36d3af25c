import { revisionPath } from '../../../../src/api/names.js'
import { test } from 'tap'
import type { RevisionRef } from '../../../../src/api/gen/hub.js'
import { LateRevisions } from '../../../../webhook/hub/nodes/late-revisions.js'
import type { NodeState } from '../../../../webhook/hub/nodes/node-state.js'
import { allowing, profileOf } from '../../../helpers/seccomp-profiles.js'
import { nodeState } from '../../cluster/cluster-objects.js'
import { createRig, memoryInstaller, until } from '../rig.js'

const lateMs = 1000
const refOf = (profile: string, digit = 'a'): RevisionRef => ({
  ...{ namespace: 'shop', profile, digest: `sha256:${digit.repeat(64)}` }
})
const pathTo = ({ namespace, profile, digest }: RevisionRef): string =>
  revisionPath(namespace, profile, digest)
const [web, api] = [refOf('web'), refOf('api')] as [RevisionRef, RevisionRef]
const both = [web, api].map(pathTo)

interface Step {
  /** Between this step and the one before. */
  ms: number
  node: NodeState
  desired?: RevisionRef[]
  unavailable?: string[]
  /** Names of the nodes that count; the node does unless said otherwise. */
  counted?: string[]
}

const good = nodeState('bad', both)
const without = nodeState('bad', [pathTo(api)])
const away = nodeState('bad', [], false)
const failing: NodeState = {
  ...without,
  problems: new Map([[pathTo(web), { ...web, code: 'WRITE_FAILED', message: 'full' }]])
}

/** Returns the profiles that the node holds up after each step. */
async function heldUp(steps: readonly Step[], sharedPlaces?: number): Promise<string[]> {
  let now = 0
  let step: Step | undefined
  const late = new LateRevisions({
    ...{ lateMs, monotonicMs: () => now },
    ...(sharedPlaces === undefined ? {} : { sharedPlaces }),
    nodes: { list: () => (step === undefined ? [] : [step.node, nodeState('other', both)]) },
    revisions: {
      desired: () => new Map((step?.desired ?? [web, api]).map((ref) => [pathTo(ref), ref])),
      unavailable: () => new Set(step?.unavailable)
    },
    changed: () => undefined,
    fleet: () => {
      const waiting = step?.counted ?? ['bad']
      return { rendering: {}, readiness: () => ({ ready: 1, total: 2, waiting, failed: [] }) }
    }
  })
  const found: string[] = []
  for (const next of steps) {
    step = next
    now += next.ms
    await late.scan()
    found.push(late.of('bad').join())
  }
  return found
}

test('a connected node that lacks a revision for long holds its profile up', async (t) => {
  const table: [what: string, steps: Step[], expected: string[]][] = [
    ['it has everything', [{ ms: 0, node: good }], ['']],
    [
      'it lacks one for ever',
      [
        { ms: 0, node: without },
        { ms: lateMs - 1, node: without },
        { ms: 1, node: without },
        { ms: 1, node: good }
      ],
      ['', '', 'shop/web', '']
    ],
    [
      'it lacks all',
      [
        { ms: 0, node: nodeState('bad', []) },
        { ms: lateMs, node: nodeState('bad', []) }
      ],
      ['', 'shop/api,shop/web']
    ],
    [
      'a node that has it now and then does not hide',
      [0, 600, 600].flatMap((ms) => [
        { ms, node: without },
        { ms: 1, node: good }
      ]),
      ['', '', '', '', 'shop/web', '']
    ],
    [
      'a node that reconnects all the time does not hide',
      [0, 600, 600].flatMap((ms) => [
        { ms, node: without },
        { ms: 1, node: away }
      ]),
      ['', '', '', '', 'shop/web', '']
    ],
    [
      'it had it for long in between',
      [
        { ms: 0, node: without },
        { ms: lateMs + 1, node: good },
        { ms: 1, node: without }
      ],
      ['', '', '']
    ],
    [
      'ever newer revisions, each of which it gets in time',
      ['1', '2', '3'].map((digit) => ({
        ...{ ms: lateMs - 1, node: good },
        desired: [api, refOf('web', digit)]
      })),
      ['', '', '']
    ],
    [
      'it is away: that is reported as such',
      [
        { ms: 0, node: away },
        { ms: lateMs, node: away }
      ],
      ['', '']
    ],
    [
      'it reports a problem with it: that is reported as such',
      [
        { ms: 0, node: failing },
        { ms: lateMs, node: failing }
      ],
      ['', '']
    ],
    [
      'nobody has its bytes',
      [0, lateMs].map((ms) => ({ ms, node: without, unavailable: [pathTo(web)] })),
      ['', '']
    ],
    [
      'it does not count, because of the start-up taint',
      [
        { ms: 0, node: without },
        { ms: lateMs, node: without },
        { ms: 1, node: without, counted: [] }
      ],
      ['', 'shop/web', '']
    ]
  ]
  for (const [what, steps, expected] of table) t.same(await heldUp(steps), expected, what)
})

test('what is followed of a node that lacks everything is bounded', async (t) => {
  const desired = Array.from({ length: 1000 }, (_, at) => refOf(`p${at}`))
  const node = nodeState('bad', [])
  const steps = [0, lateMs].map((ms) => ({ ms, node, desired }))
  const [, profiles = ''] = await heldUp(steps)
  t.equal(profiles.split(',').length, 64)
})

test('a node that lacks others in turn does not hide the one that it always lacks', async (t) => {
  const inTurn = ['a', 'b'].map((set) =>
    Array.from({ length: 80 }, (_, at) => refOf(`${set}${at}`))
  )
  const [first = [], second = []] = inTurn
  const target = refOf('target')
  const desired = [...first, ...second, target]
  const always = (at: number) => at >= 0
  const everySecond = (at: number) => at % 2 === 0
  const rarely = (at: number) => at % 6 === 0
  /** The node lacks the target at the looks that `open` has, and so many of one of the sets at those that `filling` has. */
  const looks = (others: number, open = always, filling = always): Step[] =>
    Array.from({ length: 15 }, (_, at) => {
      const lacked = new Set(filling(at) ? inTurn[at % 2]?.slice(0, others) : [])
      if (open(at)) lacked.add(target)
      const held = desired.filter((ref) => !lacked.has(ref))
      return { ms: lateMs / 5, node: nodeState('bad', held.map(pathTo)), desired }
    })
  const isTarget = /(^|,)shop\/target(,|$)/
  // [what, the looks, shared places, what is named in the end]
  const table: [what: string, steps: Step[], places: number | undefined, named: RegExp][] = [
    ['63 others', looks(63), undefined, isTarget],
    ['63 others, the target now and then', looks(63, everySecond), undefined, isTarget],
    ['80 others', looks(80), undefined, /./],
    ['64 others, each time that a place is free', looks(64, always, rarely), undefined, isTarget],
    ['… and no more places', looks(64, always, rarely), 0, isTarget],
    ['80 others, each time that a place is free', looks(80, always, rarely), 0, isTarget],
    ['64 others, and no more places', looks(64), 0, /./],
    ['80 others, and no more places', looks(80), 0, /./],
    ['62 others, the target now and then, no more places', looks(62, everySecond), 0, /./],
    ['few others', looks(30), 0, isTarget]
  ]
  for (const [what, steps, places, named] of table) {
    const found = await heldUp(steps, places)
    t.same(found.slice(0, 5).join(''), '', `${what}: not at once`)
    t.match(found.at(-1), named, what)
    t.ok((found.at(-1) ?? '').split(',').length <= 64, `${what}: a bounded list`)
  }
})

test('a hub names the node whose satellite keeps saying that it lacks a revision', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const hub = await rig.hub({ timing: { lateMs: 50 } })
  const dishonest = memoryInstaller()
  dishonest.fail('NOT_FOUND')
  const { port } = hub.address
  await rig.uplink(port, 'good')
  await rig.uplink(port, 'bad', { onRevision: dishonest.onRevision, holding: dishonest.holding })
  await rig.store.apply('SeccompProfile', profileOf(allowing(['read']).spec, 'web', 'shop'))
  const heldUpBy = () =>
    hub.nodes().flatMap(({ name, holdsUp = [] }) => holdsUp.map((one) => `${name}: ${one}`))
  await until(
    () => heldUpBy().join() === 'bad: shop/web',
    (listener) => hub.onChange(listener)
  )
  t.equal(hub.profiles().get('shop/web')?.enforce?.ready, false, 'and pods wait for it')
})
