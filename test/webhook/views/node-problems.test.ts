import { test } from 'tap'
import { getNodes } from '../../../cli/profiles/get.js'
import type { Check } from '../../../webhook/ui/model/doctor.js'
import type { NodeProblem } from '../../../webhook/views/node-problems.js'
import type { NodeView } from '../../../webhook/views/view.js'
import { captureIo } from '../../helpers/captured-io.js'
import { node, startUiRig } from '../ui/rig.js'

const now = '2026-01-02T00:00:00.000Z'
const fine: NodeView = {
  ...node,
  ...{ hook: 'tp_btf', record: 'always', attached: true, tracingUnavailable: '', conditions: [] }
}
const failed = (type: string) => [
  { type, status: 'False', reason: 'Because', message: 'disk full' }
]

interface Said {
  /** What the node's line of the page Nodes says, and whether the page Fleet names the node. */
  state: RegExp
  needs: boolean
  /** The checks of the page Doctor that are red. */
  red: readonly string[]
  /** The checks of the page Doctor that only warn. */
  yellow?: readonly string[]
}

const cases: readonly [what: string, node: NodeView, kinds: readonly string[], said: Said][] = [
  ['nothing is wrong', fine, [], { state: />no problem</, needs: false, red: [] }],
  [
    'it is away',
    { ...fine, connected: false },
    ['away'],
    {
      state: />problem<.*is away: what happens there is not known, a pinned recorder goes on/,
      needs: true,
      red: ['Every satellite is connected']
    }
  ],
  [
    'it is silent',
    { ...fine, lastSeen: '2026-01-01T23:00:00.000Z' },
    ['silent'],
    {
      state: />problem<.*has not reported lately/,
      needs: true,
      red: ['Every satellite reported lately']
    }
  ],
  [
    'it cannot record',
    { ...fine, hook: '', tracingUnavailable: 'no BTF' },
    ['cannot-record'],
    { state: />problem<.*no BTF/, needs: true, red: ['Every node can record'] }
  ],
  [
    'it was told not to record',
    { ...fine, hook: '', record: 'off' },
    [],
    { state: />no problem</, needs: false, red: [] }
  ],
  [
    'a condition failed',
    { ...fine, conditions: failed('ProfilesWritable') },
    ['ProfilesWritable'],
    {
      state: />problem<.*Because: disk full/,
      needs: true,
      red: ['Nodes have the profile files']
    }
  ],
  [
    'it lost records, which nobody can fix any more',
    { ...fine, losses: { ...fine.losses, missed: 2 } },
    ['lost'],
    { state: />records lost</, needs: false, red: [], yellow: ['Nothing was lost'] }
  ]
]

for (const [what, one, kinds, { state, needs, red, yellow = [] }] of cases) {
  test(`a problem of a node is one on every page, in the API and in commands: ${what}`, async (t) => {
    const rig = await startUiRig({ nodes: () => [one], problems: () => [], clock: now })
    t.teardown(() => rig.app.close())
    const body = async (url: string) => (await rig.get(url)).body.replace(/\s+/g, ' ')
    const json = async (url: string): Promise<unknown> => (await rig.get(url)).json()
    const { items } = (await json('/api/v1/nodes')) as { items: { problems: NodeProblem[] }[] }
    const problems = items[0]?.problems ?? []
    t.strictSame(
      problems.map(({ kind }) => kind),
      kinds
    )
    const [row = ''] = /<tbody.*?<\/tbody>/.exec(await body('/nodes')) ?? []
    t.match(row, state)
    const [todo = ''] = /id="needs-you".*?<\/section>/.exec(await body('/')) ?? []
    t.equal(/node-1 (has a problem|is not connected)/.test(todo), needs, 'Fleet')
    const checks = ((await json('/api/v1/doctor')) as { items: Check[] }).items
    const withVerdict = (wanted: Check['verdict']) =>
      checks.filter(({ verdict }) => verdict === wanted).map(({ what: check }) => check)
    t.strictSame([withVerdict('bad'), withVerdict('warn')], [red, yellow])
    const levels = problems.some(({ level }) => level === 'bad')
    t.equal(red.length > 0, levels, 'Doctor is red where a person has to fix something')
    const doctor = await body('/doctor')
    if (yellow.length > 0) t.match(doctor, /none needs a fix, 1 warning/)
    else if (red.length > 0) t.match(doctor, /1 of \d+ needs a fix/)
    const { io, printed } = captureIo()
    const view = { headers: true }
    const args = { output: 'json', namespace: undefined, name: undefined, view, now: 0 } as const
    getNodes(io, [one], { ...args, output: 'wide', now: Date.parse(now) })
    for (const { message, level } of problems)
      t.equal(printed.stdout.includes(message), true, `${level}: secco get nodes -o wide`)
  })
}

test('doctor is not green about nodes that nobody can ask', async (t) => {
  const away = { ...fine, connected: false }
  const rig = await startUiRig({
    nodes: () => [away],
    inventory: () => [],
    hasReported: () => true
  })
  t.teardown(() => rig.app.close())
  const { items } = (await rig.get('/api/v1/doctor')).json<{ items: Check[] }>()
  const good = items.filter(({ verdict }) => verdict === 'good').map(({ what }) => what)
  t.strictSame(good, ['A satellite is there', 'All rules can be used'])
})
