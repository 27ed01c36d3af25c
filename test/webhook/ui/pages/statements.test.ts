import { t, test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { emergencyLabel } from '../../../../src/seccomp/render/emergency.js'
import { town } from '../../../browser/town.js'
import { townProfiler } from '../../../browser/town-profiler.js'
import {
  denial,
  missingNode,
  node as plainNode,
  profile,
  type RigOptions,
  startUiRig
} from '../rig.js'
import { runningItem } from '../running-item.js'

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

/** One container of the checkout started without what its rule decides. */
const unprotected = () => {
  const item = runningItem('shop', 'checkout-7d9f6-new', 'app')
  const wrong = { rule: 'shop/checkout', message: 'its pod has no decision', since: '' }
  return [...oneContainer(), { ...item, learned: 'shop/checkout.app', unprotected: wrong }]
}

/** Two nodes record, of three. */
const someRecord = () => nodes().map((node, at) => (at === 0 ? { ...node, record: 'off' } : node))
const oneAway = () => nodes().map((node, at) => (at === 0 ? { ...node, connected: false } : node))

/** Each is of two containers, and so one line of the page of denials. */
const decided = () =>
  ['c1', 'c2'].flatMap((container) => [
    { ...denial, container, state: 'expected' as const },
    { ...denial, container, syscall: 'ptrace', state: 'muted' as const }
  ])

const seccomp = {
  defaultAction: 'SCMP_ACT_ERRNO' as const,
  syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' as const }]
}
const applied: SeccompProfile = { ...profile, spec: { ...profile.spec, seccomp } }
const [space = '', name = ''] = emergencyLabel.split('/')
const emergency: SeccompProfile = {
  ...profile,
  metadata: { namespace: space, name },
  spec: { seccomp: { ...seccomp, syscalls: [{ names: ['bpf'], action: 'SCMP_ACT_ERRNO' }] } },
  status: {
    approvals: Array.from({ length: 22 }, (_, at) => ({
      ...{ at: new Date(at * 1000).toISOString(), by: 'root', reason: `bpf: reason ${at}` },
      revision: ''
    }))
  }
}

/** A hub with more traces than a page shows. */
const manyTraces = {
  ...townProfiler,
  list: () => [...townProfiler.list(), ...Array.from({ length: 20 }, townProfiler.list).flat()]
}

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
  [
    'how the containers of a workload are confined',
    town,
    '/workloads/shop/checkout.app',
    /5 containers: audit revision/
  ],
  ['a blast radius of several', town, '/review/shop/checkout.app', /5 containers 3 nodes /],
  [
    'audit denies a call that RuntimeDefault denies',
    { ...town, objects: [applied] },
    `/workloads/${profile.metadata.namespace ?? ''}/${profile.metadata.name}?call=keyctl`,
    /No rule names it: audit denies it, because RuntimeDefault does; enforce denies it with EPERM\./
  ],
  [
    'audit logs a call that RuntimeDefault allows',
    { ...town, objects: [applied] },
    `/workloads/${profile.metadata.namespace ?? ''}/${profile.metadata.name}?call=chmod`,
    /No rule names it: audit logs it; enforce denies it with EPERM\./
  ],
  [
    'audit denies some arguments of a call that RuntimeDefault allows with others',
    { ...town, objects: [applied] },
    `/workloads/${profile.metadata.namespace ?? ''}/${profile.metadata.name}?call=personality`,
    /audit logs it with the arguments that RuntimeDefault allows, and denies it with others; enforce/
  ],
  [
    'what was lost is counted in nodes',
    { ...town, nodes: lossy },
    '/',
    /Nodes that lost records 1 worker-1: 19 sets of unidentified containers, 2 details/
  ],
  [
    'what to do about containers that nobody identified',
    { ...town, nodes: lossy },
    '/doctor',
    /19 sets of unidentified containers.* secco doctor --node has a row `container names`, which says which runtimes answered/
  ],
  ['nothing was lost', town, '/', /Nodes that lost records 0 no node lost a record/],
  [
    'a workload is in the mode of its rule, also when one container drifted',
    town,
    '/workloads/ingress/gateway.nginx',
    /now: enforce/
  ],
  [
    'a container that is not protected as its rule says needs you',
    { ...town, inventory: unprotected },
    '/',
    /Nodes 1 needs you .*checkout · app is not protected 1 of 2 containers runs without what a rule decides/
  ],
  [
    'the workload of a container that is not protected says so',
    { ...town, inventory: unprotected },
    '/workloads',
    /checkout .* 1 not protected/
  ],
  [
    'doctor names the page that says why, and no cause that it does not know',
    { ...town, inventory: unprotected },
    '/doctor',
    /1 container is not protected the page Nodes says why of each/
  ],
  [
    'the tour counts nodes that record',
    { ...town, nodes: someRecord },
    '/',
    /Learn\. 2 nodes record;/
  ],
  [
    'of a node that is away nobody knows whether it records: its recorder may be pinned',
    { ...town, nodes: oneAway },
    '/',
    /Learn\. 2 nodes record, of 1 that is away it is not known;/
  ],
  [
    'what was explained and what was muted is counted in lines, as denials are',
    { ...town, denials: decided },
    '/',
    /Denials 0 0 different, 1 explained, 1 muted,/
  ],
  [
    'the risk of what only learns is that of an approval',
    {},
    '/workloads',
    /(low|medium|high) if approved: \d+ fewer/
  ],
  ['the same on its page', {}, '/workloads/shop/checkout.app', /risk \d+ if approved as observed/],
  [
    'nothing is linted before something is approved',
    {},
    '/profiles/shop/checkout.app',
    /Lint Nothing is approved yet\./
  ],
  [
    'a content that was applied has no approval, and it has a revision',
    { objects: [applied] },
    '/profiles/shop/checkout.app',
    /History No approval is recorded\. Its content came with a document/
  ],
  ['who approved it is not recorded', { objects: [applied] }, '/profiles', /not recorded/],
  ['nobody approved what only learns', { objects: [profile] }, '/profiles', /nobody yet/],
  [
    'nobody approves what comes with Secco',
    {},
    '/profiles/secco-system/glibc',
    /It comes with Secco\./
  ],
  [
    'a long history says where the rest is',
    { objects: [emergency] },
    '/emergency',
    /reason 2 and 2 earlier on the page Audit/
  ],
  ['every trace can be reached', { profiler: manyTraces }, '/profiler', /page 1 of 2, 21 traces/]
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

const ofKind = (kind: string, name = 'report'): SeccompProfile => ({
  ...profile,
  metadata: { namespace: 'shop', name: 'report.app' },
  spec: { workload: { kind, name, container: 'app' } }
})
const recording = (record: string, tracingUnavailable = '') => ({
  ...plainNode,
  ...{ record, tracingUnavailable }
})
const always = { hasReported: () => true, nodes: () => [recording('always')] }
const nightly = `nightly-${'x'.repeat(36)}.report`
/** A container of this name runs, of another workload. */
const neighbour = () => [
  runningItem('shop', 'web-1', 'app'),
  runningItem('ops', 'report-1', 'report')
]
const own = { ...runningItem('shop', 'report-1', 'app'), workload: 'CronJob/report', learned: '' }
const withOwn = () => [...neighbour(), own]
const nobody =
  /(\w+) report · app has no running container\. Recording starts with its next container/

const toRecord: [string, string, RigOptions, RegExp, number][] = [
  [
    'a CronJob between two runs',
    'CronJob',
    { inventory: neighbour, ...always },
    /kubectl create job -n shop --from=cronjob\/report report-record-\$\(date \+%s\)/,
    0
  ],
  [
    'a Deployment without replicas',
    'Deployment',
    { inventory: () => [], ...always },
    /kubectl scale -n shop deployment\/report --replicas=1/,
    0
  ],
  [
    'a bare pod',
    'Pod',
    { inventory: neighbour, ...always },
    /secco learn shop\/report\.app --until-confident/,
    0
  ],
  [
    'on nodes of which some record nothing, and others only what has no profile',
    'CronJob',
    {
      ...{ inventory: neighbour, hasReported: () => true },
      nodes: () => [
        ...['always', 'unprofiled', 'off', ''].map((record) => recording(record)),
        recording('always', 'no BTF')
      ]
    },
    /Not on 2 nodes of 5: nothing .* there\. On 1 node with `?--record unprofiled`? only while .*\. Whether 1 node records is not known\./,
    0
  ],
  ['one that runs', 'CronJob', { inventory: withOwn }, /secco trace shop\/report-1\/app/, 1],
  [
    'one on a node that has not reported',
    'CronJob',
    { inventory: neighbour },
    /CronJob report · app may run on a node that has not reported its containers\. See which/,
    0
  ],
  [
    'one of which no instance is known, while a node is awaited',
    'CronJob',
    { inventory: neighbour, ...always, missing: () => [missingNode('n3')] },
    /CronJob report · app may run on a node that has not reported its containers\. See which/,
    0
  ]
]

for (const [what, kind, options, says, chosen] of toRecord) {
  test(`record again: ${what}`, async (t) => {
    const { app, get } = await startUiRig({ ...options, objects: [ofKind(kind)] })
    t.teardown(() => app.close())
    const page = (await get('/workloads/shop/report.app')).body
    const [, href = ''] = /href="([^"]*)">\s*Record again/.exec(page) ?? []
    const { body } = await get(href.replaceAll('&amp;', '&'))
    t.match(text(body), says)
    const checked = [...body.matchAll(/<input type="radio"[^>]*>/g)].filter(([one]) =>
      /checked/.test(one)
    )
    t.equal(checked.length, chosen, 'no container of another workload is chosen')
    if (options.hasReported === undefined || options.missing !== undefined)
      t.notMatch(text(body), nobody)
    else t.match(text(body), nobody)
  })
}

test('record again: nothing is promised where no node records', async (t) => {
  const nodes = () => [recording('off')]
  const options = { inventory: neighbour, hasReported: () => true, nodes }
  const { app, get } = await startUiRig({ ...options, objects: [ofKind('CronJob')] })
  t.teardown(() => app.close())
  const { body } = await get('/profiler?workload=shop/report.app')
  t.match(text(body), /has no running container\. No node would record its next one/)
  t.notMatch(text(body), /Recording starts|create job/)
})

test('record again: the name of a Job is valid', async (t) => {
  const objects = [ofKind('CronJob', nightly)]
  const { app, get } = await startUiRig({ inventory: neighbour, ...always, objects })
  t.teardown(() => app.close())
  const { body } = await get('/profiler?workload=shop/report.app')
  t.match(text(body), `${nightly.slice(0, 44)}-record-$(date +%s)`)
})

test('what needs a person is counted as it is listed', async (t) => {
  const { app, get } = await startUiRig({ ...town, inventory: twoDrifted })
  t.teardown(() => app.close())
  const { body } = await get('/')
  const [, list = ''] = /<ul class="todo">([^]*?)<\/ul>/.exec(body) ?? []
  const more = Number(/and (\d+) more/.exec(text(body))?.[1] ?? '0')
  t.match(text(body), /drift in 2 of 5 containers/)
  t.equal(needsYou(body), (list.match(/<li/g)?.length ?? 0) + more)
})

test('who may not keep a trace reads why', async (t) => {
  const [running] = townProfiler.list()
  if (running === undefined) throw new Error('no trace')
  const ended = { ...running, ended: true }
  const rig = await startUiRig({ profiler: { ...townProfiler, find: () => ended } })
  t.teardown(() => rig.app.close())
  const page = async (role: 'admin' | 'viewer') =>
    text((await rig.get('/profiler/1', { cookie: rig.cookie(role) })).body)
  t.match(await page('admin'), /Keep it .*Make a profile and review it/)
  t.match(await page('viewer'), /You may view this trace but not make a profile of it\./)
})

test('what is blocked is no base, and its history follows the server', async (t) => {
  const { app, get } = await startUiRig({ objects: [profile, emergency] })
  t.teardown(() => app.close())
  const { body } = await get('/profiles/shop/checkout.app')
  t.match(body, /<option>secco-system\/glibc<\/option>/)
  t.notMatch(body, `<option>${emergencyLabel}</option>`)
  const [, live = ''] = /<div data-live="history">([^]*)/.exec((await get('/emergency')).body) ?? []
  t.match(text(live), /History newest first/)
})
