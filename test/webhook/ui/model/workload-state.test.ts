import { test } from 'tap'
import type { Assignment } from '../../../../webhook/confinement/ladder/assignment.js'
import type { InventoryItem } from '../../../../webhook/ui/model/inventory.js'
import { runningItem } from '../running-item.js'
import { profile, type RigOptions, startUiRig } from '../rig.js'

const ended = {
  ...profile,
  status: {
    ...profile.status,
    instances: (profile.status?.instances ?? []).map((one) => ({ ...one, ended: true }))
  }
}
const approved = {
  ...profile,
  spec: { ...profile.spec, seccomp: { defaultAction: 'SCMP_ACT_ERRNO' as const, syscalls: [] } }
}

const own = { ...runningItem('shop', 'checkout-0', 'app'), learned: 'shop/checkout.app' }

const enforced = { ...own, key: 'enforced', state: 'enforced' as const }

const rows: [string, readonly InventoryItem[] | undefined, typeof profile, RegExp][] = [
  ['none runs', [], ended, /none running/],
  ['one runs on a node of another hub, which alone has read its filter', [], profile, /starting/],
  ['none runs and no node has reported any', undefined, ended, /none running/],
  ['an approved one runs, and no node has read its filter', [], approved, /starting/],
  ['no node has reported any', undefined, profile, /RuntimeDefault/],
  ['one runs', [own], profile, /unconfined/],
  [
    'one is enforced and two are not confined',
    [enforced, own, { ...own, key: 'another' }],
    profile,
    /unconfined<[^]* 2<[^]*enforced<[^]* 1</
  ]
]

for (const [what, items, object, state] of rows) {
  test(`the state of a workload: ${what}`, async (t) => {
    const inventory = items === undefined ? {} : { inventory: () => items }
    const { app, get } = await startUiRig({ ...inventory, objects: [object] })
    t.teardown(() => app.close())
    const { body } = await get('/workloads')
    const [table = ''] = /<tbody[^]*<\/tbody>/.exec(body) ?? []
    const [cell = ''] = /<td[^]*?(none running|class="mode[^]*?<\/td>)/.exec(table) ?? []
    t.match(cell, state)
  })
}

const [instance] = profile.status?.instances ?? []
/** A run that two satellites counted, one after the other, and a run of a node that lists what runs there. */
const unended = (ids: readonly string[]) => ({
  ...profile,
  status: {
    ...profile.status,
    instances: ids.flatMap((id) =>
      instance === undefined ? [] : { ...instance, id, node: id.split('/')[0] ?? '' }
    )
  }
})

const counts: [string, RigOptions, RegExp][] = [
  [
    'a node that lists what runs there does not list it: it has ended',
    { inventory: () => [], hasReported: () => true, objects: [profile] },
    /none running/
  ],
  [
    'one of two nodes lists what runs there',
    {
      ...{ inventory: () => [], hasReported: (name) => name === 'n1' },
      objects: [unended(['n1/b/1.2.3', 'n2/b/1.2.3', 'n2/b/4.5.6'])]
    },
    /starting.*num">2</
  ],
  [
    'a satellite that was restarted counts the same container again',
    { objects: [unended(['n1/b/1.2.3', 'n1/b+x/1.2.9'])] },
    /RuntimeDefault.*num">1</
  ]
]

for (const [what, options, found] of counts) {
  test(`containers of a workload that run: ${what}`, async (t) => {
    const { app, get } = await startUiRig(options)
    t.teardown(() => app.close())
    for (const url of ['/', '/workloads']) {
      const [table = ''] = /<tbody[^]*<\/tbody>/.exec((await get(url)).body) ?? []
      t.match(table.replace(/\s+/g, ' '), found, url)
    }
  })
}

test('a workload is found by the state of each of its containers', async (t) => {
  const { app, get } = await startUiRig({ inventory: () => [own, enforced] })
  t.teardown(() => app.close())
  for (const [state, found] of [
    ['unconfined', true],
    ['enforced', true],
    ['audit', false]
  ] as const) {
    const { body } = await get(`/workloads?state=${state}`)
    t.equal(/<tbody/.test(body), found, state)
  }
})

const written = { ...approved, spec: { ...approved.spec, ladder: { mode: 'enforce' as const } } }
const other = { ...own, key: 'other', state: 'other' as const }

const givenTo = (inForce: number, containers: number): Assignment => ({
  ...{ mode: 'enforce', containers, inForce, others: [], givenBy: [], notGiven: [] },
  ...{ hidden: 0, labels: {}, command: '' }
})

/** The mode that the ladder frames, and how many containers have it: as `secco promote` says it. */
const framed: [
  string,
  readonly InventoryItem[],
  typeof profile,
  string | undefined,
  Assignment?
][] = [
  ['learned, and nothing is approved', [], ended, 'learn'],
  ['approved, and nothing gives it to pods', [], approved, undefined],
  ['a container under another filter', [other], approved, undefined],
  ['promoted, and nobody follows the containers', [own], written, 'enforce'],
  ['promoted, and no container has it', [own], written, 'enforce 0 of 1 in force', givenTo(0, 1)],
  ['promoted, and one of two has it', [own], written, 'enforce 1 of 2 in force', givenTo(1, 2)]
]

for (const [what, items, object, expected, assignment] of framed) {
  test(`the mode of a workload: ${what}`, async (t) => {
    const { app, get } = await startUiRig({
      ...{ inventory: () => items, objects: [object] },
      ...(assignment === undefined ? {} : { assignment: () => assignment })
    })
    t.teardown(() => app.close())
    const { body } = await get('/workloads/shop/checkout.app')
    const [, now] = /<li class="now"[^>]*>([^]*?)<\/li>/.exec(body) ?? []
    const words = now?.replace(/<svg[^]*?<\/svg>/g, '').replace(/<[^>]*>/g, ' ')
    t.equal(words?.replace(/\s+/g, ' ').trim(), expected)
  })
}
