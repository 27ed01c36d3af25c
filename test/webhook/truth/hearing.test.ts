import { test } from 'tap'
import type { NodeState } from '../../../webhook/hub/nodes.js'
import type { ContainerView } from '../../../webhook/truth/container-views.js'
import { createHearing, whyDeaf } from '../../../webhook/truth/hearing.js'

const works = { record: 'always', attached: true, tracingUnavailable: '' }
const node = (status: object, connected = true, pinned = true) =>
  ({
    ...{ name: 'n1', connected },
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
  const view = { key: 'k', node: 'n1', profile: 'shop/web', revision: 'r' } as ContainerView
  for (const pinned of [true, false]) {
    let now = 1000
    let current = node(works, true, pinned)
    const hearing = createHearing({
      ...{ nodes: () => [current], isAudit: () => true, now: () => now },
      views: { list: () => [view], onChange: () => () => undefined }
    })
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
