import { test } from 'tap'
import type { NodeState } from '../../../../webhook/hub/nodes/nodes.js'
import type {
  ContainerView,
  ContainerViews
} from '../../../../webhook/confinement/containers/container-views.js'
import { createHearing, whyDeaf } from '../../../../webhook/confinement/ladder/hearing.js'

type Listener = Parameters<ContainerViews['onChange']>[0]

/** A container in audit that began then. */
const run = (startedAt: number, on = 'n1') =>
  ({
    ...{ key: `${on}/${startedAt}`, node: on, profile: 'shop/web', revision: 'r' },
    startedAt: Number.isNaN(startedAt) ? '' : new Date(startedAt).toISOString()
  }) as ContainerView

/** What is heard of these nodes, with what runs from the beginning, and what comes and goes. */
function hears(nodes: () => NodeState[], now: () => number, first: ContainerView[] = []) {
  let tell: Listener = () => undefined
  const hearing = createHearing({
    ...{ nodes, node: (name) => nodes().find((one) => one.name === name) },
    ...{ isAudit: () => true, now },
    views: { list: () => first, onChange: (listener) => ((tell = listener), () => undefined) }
  })
  return {
    hearing,
    begins: (...views: ContainerView[]) => tell(views, []),
    ends: (...views: ContainerView[]) => tell([], views)
  }
}

const works = { record: 'always', attached: true, tracingUnavailable: '' }
const node = (status: object, connected = true, pinned = true, name = 'n1') =>
  ({
    ...{ name, connected },
    status: { ...status, capabilities: [{ name: 'pin', works: pinned, message: '' }] }
  }) as unknown as NodeState

test('why a node does not tell what is refused', (t) => {
  const unprofiled = { ...works, record: 'unprofiled' }
  const table: [string, NodeState | undefined, RegExp | undefined, RegExp | undefined][] = [
    ['always', node(works), undefined, undefined],
    ['unprofiled, attached', node(unprofiled), undefined, /what is enforced/],
    ['unprofiled, detached', node({ ...unprofiled, attached: false }), /nothing/, /enforced/],
    ['off', node({ ...works, record: 'off', attached: false }), /--record off/, /--record off/],
    ['no tracing', node({ ...works, tracingUnavailable: 'no BTF' }), /no BTF$/, /no BTF$/],
    ['away', node(works, false), /not connected/, /not connected/],
    ['unknown', undefined, /not connected/, /not connected/]
  ]
  for (const [what, one, audit, enforce] of table) {
    t.match(whyDeaf(one, 'audit'), audit, `${what}: audit`)
    t.match(whyDeaf(one, 'enforce'), enforce, `${what}: enforce`)
  }
  t.end()
})

test('a restart of a satellite: what is pinned was watched meanwhile, anything else was not', (t) => {
  for (const pinned of [true, false]) {
    let now = 1000
    let current = node(works, true, pinned)
    const { hearing } = hears(
      () => [current],
      () => now,
      [run(100)]
    )
    hearing.look()
    t.equal(hearing.inAudit('shop/web', 'r', 500), 500)
    t.equal(hearing.inAudit('shop/web', 'r', 2000), undefined, 'not since then')
    now = 2000
    current = node(works, false, pinned)
    hearing.look()
    t.equal(hearing.inAudit('shop/web', 'r', 500), undefined, 'away')
    t.equal(hearing.unheard('shop/web', 'r'), undefined, 'for a moment')
    now = 3000
    current = node(works, true, pinned)
    hearing.look()
    t.equal(hearing.inAudit('shop/web', 'r', 500), pinned ? 500 : 2000)
    t.equal(hearing.since('n1', 'enforce'), pinned ? 0 : 2000)
    hearing.close()
  }
  t.end()
})

test('quiet begins with the first run that was heard, not with the wait', (t) => {
  let now = 0
  const { hearing, begins, ends } = hears(
    () => [node(works)],
    () => now
  )
  hearing.look()
  now = 9000
  hearing.look()
  t.equal(hearing.inAudit('shop/web', 'r', 500), undefined, 'nothing ran')
  begins(run(8000))
  t.equal(hearing.inAudit('shop/web', 'r', 500), 8000)
  t.equal(hearing.inAudit('shop/web', 'r', 8500), 8500)
  now = 20_000
  ends(run(8000))
  begins(run(19_000))
  t.equal(hearing.inAudit('shop/web', 'r', 500), 8000, 'of the first one')
  hearing.close()
  for (const startedAt of [Number.NaN, 90_000]) {
    const other = hears(
      () => [node(works)],
      () => now,
      [run(startedAt)]
    )
    other.hearing.look()
    now += 1000
    other.hearing.look()
    t.equal(
      other.hearing.inAudit('shop/web', 'r', 500),
      now - 1000,
      `${startedAt}: when it was met`
    )
    other.hearing.close()
  }
  t.end()
})

test('a node that attached for a container is heard from its beginning', (t) => {
  const detached = { ...works, record: 'unprofiled', attached: false }
  let current = node(detached)
  const { hearing, begins } = hears(
    () => [current],
    () => 2000
  )
  hearing.look()
  // Both between two looks.
  current = node({ ...detached, attached: true })
  begins(run(1000))
  t.equal(hearing.since('n1', 'audit'), 0)
  t.equal(hearing.inAudit('shop/web', 'r', 500), 1000)
  hearing.close()
  t.end()
})

test('a node that is away for a moment does not hide one that records nothing', (t) => {
  const off = { ...works, record: 'off', attached: false }
  const away = node(works, false, true, 'n2')
  for (const views of [
    [run(0), run(0, 'n2')],
    [run(0, 'n2'), run(0)]
  ]) {
    const { hearing } = hears(
      () => [node(off), away],
      () => 1000,
      views
    )
    hearing.look()
    t.match(hearing.unheard('shop/web', 'r'), { node: 'n1', why: /--record off/ })
    hearing.close()
  }
  t.end()
})

test('of a node that was forgotten nothing is kept', (t) => {
  let all = [node(works)]
  const { hearing, begins, ends } = hears(
    () => all,
    () => 1000
  )
  begins(run(600))
  ends(run(600))
  hearing.look()
  t.equal(hearing.inAudit('shop/web', 'r', 500), 600)
  all = []
  hearing.look()
  all = [node(works)]
  hearing.look()
  t.equal(hearing.inAudit('shop/web', 'r', 500), undefined)
  hearing.close()
  t.end()
})
