import { captureIo } from '../../helpers/captured-io.js'
import { test } from 'tap'
import { listDenials } from '../../../cli/confinement/denials.js'
import { explainContainer, whyEperm } from '../../../cli/confinement/explain.js'
import type { DenialView } from '../../../webhook/confinement/denials/denial-views.js'
import { denial, denialArgs, hubWith, hubOf, view } from '../../helpers/hub-answers.js'
import { matchLists } from '../../helpers/match-lists.js'

const startedAt = '2026-11-25T09:00:00Z'
const since = '2026-11-25T08:00:00.000Z'
const container = view('n1', 'app', { startedAt })
const now = denial('n1', 'getsid', 2)
const words = 'app (pid 7) in app on n1 called bpf and got EPERM, 1 time. let it through'
const earlier = (instance: string, more: Partial<DenialView> = {}) => ({
  ...denial('n1', 'bpf', 1, { instance, pod: `web-${instance}`, container: instance, ...more }),
  home: more.pod === '' ? 'default' : 'shop',
  words
})
/** The container that `view` makes, before. */
const same = { containerName: 'app', workload: 'Pod/app' }
const item = (...denials: object[]) => ({
  container: { ...container, revision: 'sha256:a' },
  ...{ denials, rule: 'all', words: denials.map(() => 'getsid was denied') },
  knownSince: since
})
const plain = {
  ...item(),
  container: view('n1', 'app', { startedAt, namespace: 'default', pod: '' })
}

const table = { namespace: undefined, output: 'table' as const }

test('why a call was denied: now, before, by nothing of ours', async (t) => {
  for (const [what, answer, said, unsaid] of [
    [
      'the one that runs',
      { items: [item(now)], before: [] },
      /^getsid was denied\nIt runs under as it should be \(rule all\)\.\n$/,
      /ended/
    ],
    [
      'the one that runs without a revision',
      {
        items: [
          {
            ...item(now),
            container: { ...container, state: 'runtime-default', revision: '', why: 'as declared' }
          }
        ],
        before: []
      },
      /^getsid was denied\nIts state is RuntimeDefault: as declared \(rule all\)\.\n$/,
      /It runs under/
    ],
    [
      'nothing was',
      { items: [item()], before: [] },
      /no syscall was denied since its start at 2026-11-25T09:00:00Z: an EPERM has another/,
      /bpf/
    ],
    [
      'it is older than what the hub knows',
      { items: [{ ...item(), knownSince: '2026-11-25T09:00:01.000Z' }], before: [] },
      /no denial is known since 2026-11-25T09:00:01.000Z, but it started at 2026-11-25T09:00:00Z, so there may be earlier ones\.\n$/,
      /another cause|no syscall was denied/
    ],
    [
      'it is older, and a denied call is known',
      { items: [{ ...item(now), knownSince: '2026-11-25T09:00:01.000Z' }], before: [] },
      /^getsid was denied\nIt runs under/,
      /another cause|no denial is known/
    ],
    [
      'a hub that does not report since when it knows',
      { items: [{ ...item(), knownSince: undefined }], before: [] },
      /no denial is known, but the hub does not report since when it knows denials/,
      /another cause|no syscall was denied/
    ],
    [
      'nobody watches it',
      { items: [{ ...item(), unheard: 'has nothing attached' }], before: [] },
      /no denial is known, but n1 has nothing attached, so there may be some/,
      /another cause/
    ],
    [
      'an earlier run',
      { items: [item()], before: [earlier('1', same)] },
      /since its start at [^ ]+Z\.\nDenials of containers that have ended[^]*\n {2}shop\/web-1: app \(pid 7\) in app on n1 called bpf/,
      /another cause|No container/
    ],
    [
      'an earlier run outside of Kubernetes, whose profile is in a namespace',
      { items: [plain], before: [earlier('1', { ...same, pod: '' })] },
      /since its start at [^ ]+Z\.\nDenials of containers that have ended[^]*\n {2}default\/app: app \(pid 7\)/,
      /another cause|shop/
    ],
    [
      'another one',
      { items: [item()], before: [earlier('1')] },
      /since its start at [^ ]+Z: an EPERM has another cause[^]*\nDenials of containers that have ended/,
      /No container/
    ],
    [
      'none runs',
      { items: [], before: [earlier('1')] },
      /^No container of that name runs now\.\nDenials/
    ],
    [
      'none runs on the nodes that have reported',
      { items: [], before: [earlier('1')], missingNodes: 2 },
      /^No container of that name runs now, as far as is known: 2 nodes have not reported what runs there\.\nDenials/
    ],
    [
      'many earlier ones',
      { items: [], before: Array.from({ length: 12 }, (_, run) => earlier(String(run))) },
      /last:\n {2}shop\/web-2: [^\n]*\n( {2}shop\/web-\d+: [^\n]*\n){9} {2}and 2 earlier rows: secco denials --muted -o wide\n$/,
      /web-[01]:/
    ]
  ] as const) {
    const hub = await hubWith(t, 'hub-a', { '/api/v1/why-eperm': answer })
    const heard = captureIo()
    t.equal(await whyEperm(heard.io, hubOf([hub]), 'app', table), 0)
    t.match(heard.printed.stdout, said, what)
    if (unsaid !== undefined) t.notMatch(heard.printed.stdout, unsaid, what)
  }
})

test('where the rest is listed: rows are found by the namespace of their profile', async (t) => {
  const rows = (more: Partial<DenialView>) =>
    Array.from({ length: 6 }, (_, run) => earlier(String(run), { pod: '', ...more }))
  for (const [what, before, said] of [
    ['of one', [...rows({}), ...rows({})], / -o wide -n shop\n$/],
    ['of two', [...rows({}), ...rows({ namespace: 'prod' })], / -o wide\n$/]
  ] as const) {
    const hub = await hubWith(t, 'hub-a', { '/api/v1/why-eperm': { items: [], before } })
    const heard = captureIo()
    await whyEperm(heard.io, hubOf([hub]), 'app', { ...table, namespace: 'default' })
    t.match(heard.printed.stdout, said, what)
  }
})

test('for programs: each run with its denied calls', async (t) => {
  const before = [earlier('1'), earlier('1'), earlier('2')].map((row, at) => ({
    ...row,
    syscall: `call${at}`
  }))
  const hub = await hubWith(t, 'hub-a', { '/api/v1/why-eperm': { items: [item(now)], before } })
  const { io, printed } = captureIo()
  await whyEperm(io, hubOf([hub]), 'app', { ...table, output: 'json' })
  matchLists(t, JSON.parse(printed.stdout), [
    {
      ...{ running: true, container: { key: 'n1/app' }, knownSince: since },
      denials: [{ syscall: 'getsid' }]
    },
    {
      ...{ running: false, container: { node: 'n1', namespace: 'shop', name: 'app' } },
      denials: [{ syscall: 'call0' }, { syscall: 'call1' }]
    },
    { running: false, denials: [{ syscall: 'call2' }] }
  ])
})

test('an empty list of denials reports since when they are known', async (t) => {
  const known = '2026-11-25T08:00:00.000Z'
  for (const [what, knownSince, said] of [
    ['a hub', known, /^No denials found\. .* since 2026-11-25T08/],
    ['a hub that does not report it', undefined, /does not report since when/]
  ] as const) {
    const hub = await hubWith(t, 'hub-a', { '/api/v1/denials': { items: [], knownSince } })
    const inWords = captureIo()
    await listDenials(inWords.io, hubOf([hub]), { ...denialArgs, output: 'table' })
    t.match(inWords.printed.stderr, said, what)
    const inJson = captureIo()
    await listDenials(inJson.io, hubOf([hub]), denialArgs)
    t.strictSame(inJson.json()['knownSince'], knownSince, what)
  }
})

test('explain: what the webhook answered, and that it was not asked outside of pods', async (t) => {
  const words = ['app (Pod/app) runs on n1: enforced; as it should be.']
  const noted = { outcome: 'assigned', rule: 'all', profile: '', revision: '', mode: 'enforce' }
  // [what, the container's pod, what the webhook wrote on it, what is printed of it]
  const table: [string, string, object | null, RegExp][] = [
    ['a pod without an answer', 'app', null, /The pod has no annotation of the webhook/],
    ['a pod with one', 'app', noted, /The pod's annotation says: assigned, rule all/],
    ['no pod', '', null, /It belongs to no pod, so no webhook was asked/]
  ]
  for (const [what, pod, noted, expected] of table) {
    const one = { container: view('n1', 'app', { pod }), words, answer: null, noted }
    const hub = await hubWith(t, 'hub-a', { '/api/v1/explain': { items: [one] } })
    const { io, printed } = captureIo()
    const args = { namespace: undefined, output: 'table' } as const
    t.equal(await explainContainer(io, hubOf([hub]), 'app', args), 0)
    t.match(printed.stdout, expected, what)
    if (pod === '') t.notMatch(printed.stdout, /The pod/, what)
  }
})
