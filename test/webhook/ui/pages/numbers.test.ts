import { t, test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { apiVersion } from '../../../../src/api/names.js'
import type { InventoryItem } from '../../../../webhook/ui/model/inventory.js'
import { town } from '../../../browser/town.js'
import { denial, profile, startUiRig } from '../rig.js'
import { runningItem } from '../running-item.js'

// Other tests may have the machine at the same time.
t.setTimeout(150_000)

const base = {
  ...denial,
  ...{
    namespace: 'shop',
    profile: 'checkout.app',
    comm: 'app',
    muted: false,
    expected: false,
    state: 'open' as const,
    closedAt: '',
    hint: 'look'
  }
}
/** One syscall by two ABIs, with two answers; one that is muted, and one on purpose. */
const denials = [
  { ...base, syscall: 'mount', abi: 'x86_64', count: 3 },
  { ...base, syscall: 'mount', abi: 'i386', count: 2 },
  { ...base, syscall: 'mount', abi: 'x86_64', answer: 'ENOSYS', errno: 38, count: 1 },
  { ...base, syscall: 'ptrace', abi: 'x86_64', count: 10, state: 'muted' as const },
  { ...base, syscall: 'clone3', abi: 'x86_64', count: 20, state: 'expected' as const }
]

const textOf = (body: string) => body.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ')
const numberIn = (text: string, form: RegExp) => Number(form.exec(text)?.[1] ?? Number.NaN)

test('one number is the same in the menu, in lists, on the fleet page and in the API', async (t) => {
  const { app, get } = await startUiRig({ ...town, denials: () => denials })
  t.teardown(() => app.close())
  const fleet = (await get('/')).body
  const list = textOf((await get('/denials')).body)
  const open = (await get('/denials?kind=open')).body
  const [, todos = ''] = /<ul class="todo">([^]*?)<\/ul>/.exec(fleet) ?? []
  const groups = {
    'the list': numberIn(list, /(\d+) open lines?/),
    'its rows': (/<tbody[^]*<\/tbody>/.exec(open)?.[0].match(/<tr/g) ?? []).length,
    'the menu': numberIn(list, /Denials (\d+) needs? you/),
    'the fleet': numberIn(textOf(fleet), /Denials \d+ (\d+) different/)
  }
  for (const [where, number] of Object.entries(groups)) t.equal(number, 3, where)

  const needs = numberIn(textOf(fleet), /needs you: (\d+)/)
  const badges = [...textOf(fleet).matchAll(/(\d+) needs? you(?!:)/g)].map(([, one]) => Number(one))
  const more = numberIn(textOf(fleet), /and (\d+) more/)
  t.equal(numberIn(textOf(fleet), /Needs you: (\d+)/), needs, 'the panel and the header')
  t.equal(
    badges.reduce((sum, one) => sum + one, 0),
    needs,
    'the sum of the menu'
  )
  const shown = (todos.match(/<li/g) ?? []).length
  t.equal(shown + (Number.isNaN(more) ? 0 : more), needs, 'the list of what waits')

  const { items } = (await get('/api/v1/workloads')).json<{
    items: { profile: string; namespace: string; denied: number; observed: number }[]
  }>()
  const own = items.find(({ profile }) => profile === 'checkout.app')
  t.equal(own?.denied, 6, 'calls in the API, without muted ones')
  t.equal(numberIn(textOf(fleet), /Denials (\d+) \d+ different/), 6, 'calls on the fleet page')
  t.equal(numberIn(list, /open lines?, (\d+) calls/), 6, 'calls on the page of denials')
  const workload = textOf((await get('/workloads/shop/checkout.app')).body)
  t.equal(numberIn(workload, /Observed (\d+)/), own?.observed, 'observed: the API and the page')

  const containers = numberIn(textOf(fleet), /Fleet .*? (\d+) containers/)
  t.equal(numberIn(textOf((await get('/nodes')).body), /(\d+) containers/), containers)
  t.equal(numberIn(textOf((await get('/profiler')).body), /(\d+) containers/), containers)
  const [, states = ''] = /<ul class="legend">([^]*?)<\/ul>/.exec(fleet) ?? []
  const sum = [...states.matchAll(/<b>(\d+)<\/b>/g)].reduce((all, [, one]) => all + Number(one), 0)
  t.equal(sum, containers, 'the states add up')
})

test('a share of no containers is no number', async (t) => {
  const { app, get } = await startUiRig({ objects: [], denials: () => [] })
  t.teardown(() => app.close())
  const fleet = textOf((await get('/')).body)
  t.match(fleet, /Enforced none no container runs/)
  t.notMatch(fleet, /Enforced 0 %/)
})

test('a logged call is no denial, and stands beside the number of those', async (t) => {
  const logged = { ...base, syscall: 'bpf', action: 'SCMP_ACT_LOG', errno: 0, answer: '', count: 7 }
  for (const [what, all, fleet, list] of [
    [
      'both',
      [...denials, logged],
      /Denials 6 and 7 calls logged in audit, 4 different/,
      /6 calls denied, 7 logged/
    ],
    [
      'logged only',
      [logged],
      /Denials 0 and 7 calls logged in audit, 1 different/,
      /0 calls denied, 7 logged/
    ],
    ['denied only', denials, /Denials 6 3 different/, /6 calls denied counted/]
  ] as const) {
    const { app, get } = await startUiRig({ ...town, denials: () => all })
    t.teardown(() => app.close())
    t.match(textOf((await get('/')).body), fleet, `${what}: fleet`)
    t.match(textOf((await get('/denials')).body), list, `${what}: the page of denials`)
  }
})

test('a workload without a filter is first among what needs a person, until somebody decides', async (t) => {
  const web: SeccompProfile = {
    ...{ apiVersion, kind: 'SeccompProfile', metadata: { namespace: 'shop', name: 'web' } },
    spec: { workload: { kind: 'Deployment', name: 'web' } }
  }
  const learns: SeccompProfile = { ...web, spec: { ...web.spec, ladder: { mode: 'learn' } } }
  const asks =
    /needs you: 1 .*: 1 shop\/Deployment\/web is unconfined 1 container runs without a filter; approve its profile, or keep it in learn/
  const unknown =
    /needs you: 1 .*unconfined in shop 1 container runs without a filter; no profile learns from them yet Inspect/
  const asked = { rule: 'web', message: 'no rule', since: '' }
  // [what, the state of its container, its profile, what the page says]
  const table: [string, Partial<InventoryItem>, SeccompProfile[], RegExp][] = [
    ['nobody decided', { state: 'unconfined' }, [web], asks],
    ['without a profile', { state: 'unconfined', learned: '' }, [], unknown],
    [
      'it stays in learn',
      { state: 'unconfined' },
      [learns],
      /nothing needs you ?; 1 stays unconfined .*Nothing waits for you; 1 container stays unconfined, as decided\./
    ],
    [
      'its pod opts out',
      { state: 'unconfined', optedOut: true },
      [web],
      /nothing needs you ?; 1 stays unconfined .*Nothing waits for you; 1 container stays unconfined, as decided\./
    ],
    [
      'a rule asks for a filter',
      { state: 'unconfined', unprotected: asked },
      [web],
      /needs you: 1 .*Needs you: 1 web is not protected/
    ],
    [
      'it has a filter',
      { state: 'runtime-default' },
      [],
      /nothing needs you .*Nothing waits for you\./
    ]
  ]
  for (const [what, item, objects, says] of table) {
    const inventory = () => [
      { ...runningItem('shop', 'web-1', 'app'), learned: 'shop/web', ...item }
    ]
    const { app, get } = await startUiRig({
      ...{ objects, denials: () => [], nodes: () => [], inventory }
    })
    t.teardown(() => app.close())
    t.match(textOf((await get('/')).body), says, what)
  }
})

test('calls that the base allows already are counted apart', async (t) => {
  const spec = { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' as const, syscalls: [] } }
  const status = { observed: { x86_64: ['exit_group', 'getsid', 'read'] } }
  const object = { ...profile, spec: { ...profile.spec, ...spec }, status }
  const { app, get } = await startUiRig({ objects: [object], denials: () => [] })
  t.teardown(() => app.close())
  const words = /3 to add \(2 allowed already by base, families or parents\)/
  t.match(textOf((await get('/review')).body), words)
  const page = textOf((await get('/review/shop/checkout.app')).body)
  t.match(page, words)
  t.match(page, /exit_group .*? allowed already by base, families or parents/)
})

test('a call that somebody muted for every process waits for no review', async (t) => {
  const seccomp = { defaultAction: 'SCMP_ACT_ERRNO' as const, syscalls: [] }
  const status = { observed: { x86_64: ['getsid', 'mount'] } }
  // [mutes, what the fleet page asks]
  for (const [mute, asks] of [
    [[], /2 calls were observed since the last approval/],
    [[{ syscall: 'mount' }], /1 call was observed since the last approval/],
    [[{ syscall: 'mount', comm: 'sh' }], /2 calls were observed/],
    [[{ syscall: 'mount' }, { syscall: 'getsid' }], /Nothing waits for you/]
  ] as const) {
    const spec = { ...profile.spec, seccomp, mute: [...mute] }
    const object = { ...profile, spec, status }
    const rig = { objects: [object], denials: () => [], nodes: () => [], inventory: () => [] }
    const { app, get } = await startUiRig(rig)
    t.teardown(() => app.close())
    t.match(textOf((await get('/')).body), asks, JSON.stringify(mute))
  }
})
