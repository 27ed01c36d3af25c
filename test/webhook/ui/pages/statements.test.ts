import { t, test } from 'tap'
import { town } from '../../../browser/town.js'
import { type RigOptions, startUiRig } from '../rig.js'

t.setTimeout(150_000)

const nodes = () => town.nodes().map((node) => ({ ...node, conditions: [...node.conditions] }))

/** One node of the town lost two kinds of records. */
const lossy = () =>
  nodes().map((node, at) =>
    at === 0 ? { ...node, losses: { ...node.losses, unidentified: 19, details: 2 } } : node
  )

/** Two containers of one workload drifted. */
const twoDrifted = () => {
  const items = town.inventory()
  const [{ drift } = { drift: [] }] = items.filter((one) => one.drift.length > 0)
  return items.map((one) => (one.pod === 'gateway-7d9f6-x2k4d' ? { ...one, drift } : one))
}

const oneContainer = () => town.inventory().filter(({ pod }) => pod === 'checkout-7d9f6-x0k4d')

const text = (body: string) =>
  body
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&quot;', '"')
    .replace(/\s+/g, ' ')

const needsYou = (body: string) => Number(/needs you: (\d+)/.exec(text(body))?.[1])

const cases: readonly [what: string, options: RigOptions, path: string, says: RegExp][] = [
  [
    'one thing that waits needs you, not "need you"',
    town,
    '/denials',
    /Review 1 needs you .*Denials 4 need you/
  ],
  [
    'a blast radius of one',
    { ...town, inventory: oneContainer },
    '/review/shop/checkout.app',
    /1 container 1 node /
  ],
  ['a blast radius of several', town, '/review/shop/checkout.app', /5 containers 3 nodes /],
  [
    'what was lost is counted in nodes',
    { ...town, nodes: lossy },
    '/',
    /Nodes that lost records 1 worker-1: 19 unidentified, 2 details/
  ],
  ['nothing was lost', town, '/', /Nodes that lost records 0 no node lost a record/],
  [
    'a workload is in the mode of its rule, also when one container drifted',
    town,
    '/workloads/ingress/gateway.nginx',
    /now: enforce/
  ]
]

for (const [what, options, path, says] of cases) {
  test(what, async (t) => {
    const { app, get } = await startUiRig(options)
    t.teardown(() => app.close())
    const { body } = await get(path)
    const [, now = 'no mode'] = /aria-current="step"><span><svg[^]*?<\/svg>(\w+)/.exec(body) ?? []
    t.match(`${text(body)} now: ${now}`, says)
  })
}

test('what needs a person is counted as it is listed', async (t) => {
  const { app, get } = await startUiRig({ ...town, inventory: twoDrifted })
  t.teardown(() => app.close())
  const { body } = await get('/')
  const [, list = ''] = /<ul class="todo">([^]*?)<\/ul>/.exec(body) ?? []
  const more = Number(/and (\d+) more/.exec(text(body))?.[1] ?? '0')
  t.match(text(body), /drift in 2 of 5 containers/)
  t.equal(needsYou(body), (list.match(/<li/g)?.length ?? 0) + more)
})
