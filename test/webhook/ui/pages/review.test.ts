import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { approveObserved } from '../../../../src/seccomp/review/approve.js'
import { decideCalls } from '../../../../src/seccomp/review/decide-calls.js'
import { emptyOverlay, parseBlock, withBlock } from '../../../../src/seccomp/render/block.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { toBitmap } from '../../../../src/syscalls/bitmap.js'
import type { Rights } from '../../../../webhook/access/rights.js'
import { until } from '../../../helpers/until.js'
import { denial, hostile, node, profile, startUiRig } from '../rig.js'

const path = '/review/shop/checkout.app'
const observing = (names: readonly string[], of = profile): SeccompProfile => ({
  ...of,
  status: { ...of.status, observed: { x86_64: [...names] } }
})
const approved = approveObserved(observing(['accept4', 'read']), { by: 'ada', at: '', reason: '' })

const rows: [string, SeccompProfile, { disabled: boolean; says: RegExp }][] = [
  ['a call to add', observing(['accept4']), { disabled: false, says: /Include accept4/ }],
  ['only a risky call', observing(['ptrace']), { disabled: true, says: /tick a change first/ }],
  [
    'only a removal',
    observing(['read'], approved),
    { disabled: true, says: /Remove accept4[^]*tick a change first/ }
  ],
  [
    'everything is approved',
    approved,
    { disabled: true, says: /everything that was observed is approved/ }
  ],
  ['nothing observed', observing([]), { disabled: true, says: /no syscall was observed yet/ }],
  [
    'parents, not approved yet',
    { ...observing([]), spec: { ...profile.spec, extends: ['secco-system/base'] } },
    { disabled: false, says: /Nothing changes/ }
  ]
]

for (const [what, object, { disabled, says }] of rows) {
  test(`review: ${what}`, async (t) => {
    const { app, get } = await startUiRig({ objects: [object], denials: () => [] })
    t.teardown(() => app.close())
    const { body } = await get(path)
    const [button = ''] = /<button[^>]*>Approve/.exec(body) ?? []
    t.not(button, '')
    t.equal(/ disabled/.test(button), disabled, button)
    t.match(body, says)
    const [words] = /<p id="nothing"[^>]*>/.exec(body) ?? []
    if (words !== undefined) t.equal(/ hidden/.test(words), !disabled, words)
  })
}

const runtimes = [{ name: 'runc', version: '1.1.5' }]
const blockOf = (what: string) => {
  const decision = { by: 'olga', at: '2026-01-01T00:00:00Z', reason: what }
  return withBlock(emptyOverlay(), parseBlock(what), decision, false)
}

for (const [what, can] of [
  ['a person who sees everything', () => true],
  ['a person of one namespace', (namespace?: string) => namespace === 'shop']
] as const) {
  test(`review: the digest on the button is the one that is delivered, for ${what}`, async (t) => {
    const overlay = blockOf('accept4')
    const observed = observing(['accept4', 'read'])
    const rights: Rights = {
      kind: 'cluster',
      ofToken: () =>
        Promise.resolve({
          user: 'anna',
          can: (_verb, _resource, namespace) => Promise.resolve(can(namespace))
        })
    }
    const { app } = await startUiRig({
      objects: [observed, overlay],
      rights,
      rendering: () => ({ runtimes, machine: 'x86_64' })
    })
    t.teardown(() => app.close())
    const accepted = decideCalls(observed, {
      ...{ by: '', at: '', reason: '', allow: ['accept4', 'read'], deny: [], whole: true }
    })
    const resolve = (_namespace: string, name: string) =>
      name === 'emergency' ? overlay : undefined
    const { digest, json } = renderProfile(accepted, {
      ...{ mode: 'enforce', resolve, runtimes, machine: 'x86_64' }
    })
    t.notMatch(json, /accept4/)
    const headers = { host: 'localhost', authorization: 'Bearer anna' }
    const { body } = await app.inject({ url: path, headers })
    const [, expected] = /name="expect" value="([^"]*)"/.exec(body) ?? []
    t.equal(expected, digest)
  })
}

const first = approveObserved(observing(['read']), { by: 'ada', at: '', reason: '' })
const deniedBy = (comm: string, more: Partial<typeof denial> = {}) => ({
  ...{ ...denial, syscall: 'getsid', call: 'getsid', count: 3, comm },
  ...{ containerName: 'web', pod: 'checkout-1', workload: 'Deployment/checkout' },
  ...more
})

test('review: what was approved last is approved, before the hub has rendered it', async (t) => {
  const old = `sha256:${'0'.repeat(64)}`
  const pending: SeccompProfile = { ...approved, status: { ...approved.status, revision: old } }
  const { digest } = renderProfile(approved, { mode: 'enforce', resolve: () => undefined })
  for (const [what, object, expected] of [
    ['before', pending, / class="digest" title="([^"]*)"[^>]*>[^<]*<[^<]*, not delivered yet/],
    [
      'after',
      { ...pending, status: { ...pending.status, revision: digest } },
      / class="digest" title="([^"]*)"[^>]*>[^<]*<\/span>(?!, not)/
    ]
  ] as const) {
    const { app, get } = await startUiRig({ objects: [object], denials: () => [] })
    t.teardown(() => app.close())
    for (const page of [path, '/profiles/shop/checkout.app'])
      t.equal(expected.exec((await get(page)).body)?.[1], digest, `${what}, ${page}`)
  }
})

test('review: an approval is answered when the pages show it, whatever else changes meanwhile', async (t) => {
  let seen: readonly SeccompProfile[] = [observing(['accept4'])]
  const sources = { profiles: () => seen, everyProfile: () => seen }
  const rig = await startUiRig({ objects: seen, denials: () => [], ...sources })
  t.teardown(() => rig.app.close())
  let isAnswered = false
  const url = '/api/v1/profiles/shop/checkout.app/approve'
  const answer = rig.send('POST', url, { reason: 'why' }).then((one) => {
    isAnswered = true
    return one
  })
  const written = () =>
    rig.ui.store.get('SeccompProfile', { namespace: 'shop', name: 'checkout.app' })
  const after = await until('the write', async () => {
    const one = await written()
    return one?.spec.seccomp === undefined ? undefined : one
  })
  // Another change, as of a node.
  rig.changed()
  await new Promise((resolve) => setImmediate(resolve))
  t.notOk(isAnswered)
  seen = [after]
  rig.changed()
  t.equal((await answer).statusCode, 200)
  t.match((await rig.get(path)).body, /everything that was observed is approved/)
})

test('review: a denied call is proposed, never ticked, and allowed when a person ticks it', async (t) => {
  const denials = [
    ...[deniedBy('app'), deniedBy(hostile.slice(0, 15), { count: 2 })],
    deniedBy('curl', { syscall: 'socket', call: 'socket:0=0x26', count: 1 }),
    deniedBy('app', { syscall: 'getpgid', call: 'getpgid', action: 'SCMP_ACT_LOG' }),
    deniedBy('app', { syscall: 'getpgrp', call: 'getpgrp', state: 'closed' }),
    deniedBy('app', { syscall: 'setsid', call: 'setsid', state: 'muted' }),
    deniedBy('app', { syscall: 'no_such_call', call: 'no_such_call' })
  ]
  // Also observed, and of no risk: it would be ticked if it were not denied.
  const object = { ...first, status: { ...first.status, observed: { x86_64: ['getsid', 'read'] } } }
  const { app, get, send, profiles } = await startUiRig({
    ...{ objects: [object], denials: () => denials, denialsKnownSince: () => denial.lastSeen }
  })
  t.teardown(() => app.close())
  const { body } = await get(path)
  const rowOf = (call: string) =>
    body.match(/<tr[^]*?<\/tr>/g)?.find((row) => row.includes(`value="${call}"`)) ?? ''
  t.match(rowOf('getsid'), /is denied now, and stays so unless ticked/)
  t.match(rowOf('getsid'), /denied, <bdi>5 times, by &lt;script>alert\(1, app</)
  t.match(rowOf('getsid'), /<bdi>app in container web, pod checkout-1, Deployment\/checkout</)
  for (const call of ['getsid', 'socket:0=0x26']) {
    t.match(rowOf(call), /type="checkbox" name="allow"/, call)
    t.notMatch(rowOf(call), /checked/, call)
  }
  t.match(rowOf('socket:0=0x26'), /denies it</, 'RuntimeDefault, with these arguments')
  for (const call of ['getpgrp', 'setsid', 'no_such_call']) t.equal(rowOf(call), '', call)
  t.match(body, /2 calls are denied now, 1 call was logged by audit, 3 stay denied unless/)
  t.match((await get('/review')).body, /, 2 denied now, 1 logged by audit/)
  const workload = (await get('/workloads/shop/checkout.app')).body
  t.match(workload, /Nothing denied[^]*missing[^]*denied: getsid \(5 times, by .*; no_such_call/)
  t.match(workload, /; logged, and denied in enforce mode: getpgid \(3 times, by app\)/)

  const allow = ['getsid', 'socket:0=0x26']
  const url = '/api/v1/profiles/shop/checkout.app/approve'
  const [, expect] = /name="expect" value="([^"]*)"/.exec(body) ?? []
  const answer = await send('POST', url, { reason: 'needed', allow, expect: '' })
  t.equal(answer.statusCode, 200, answer.body)
  t.not(expect, '')
  const rules = profiles()[0]?.spec.seccomp?.syscalls ?? []
  t.ok(rules.some(({ names }) => names.includes('getsid')))
  t.match(
    rules.find(({ names }) => names.includes('socket')),
    { action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: 0x26, op: 'SCMP_CMP_EQ' }] }
  )
  const rejected = await send('POST', url, { reason: 'x', allow: ['socket:0=0x26 or more'] })
  t.equal(rejected.statusCode, 400)
})

test('review: what an attacker did in audit is a line with the caller, and is never ticked', async (t) => {
  const logged = { action: 'SCMP_ACT_LOG', answer: 'logged', errno: 0 }
  const muted = { state: 'muted' as const, muted: true }
  const denials = [
    deniedBy('sh', { ...logged, syscall: 'chroot', call: 'chroot' }),
    // Both of the same call: denied under one revision, logged under another one.
    deniedBy('app', { ...logged, syscall: 'setpgid', call: 'setpgid' }),
    deniedBy('app', { syscall: 'setpgid', call: 'setpgid', count: 1 }),
    // Observed and muted; muted in audit; muted and never observed.
    deniedBy('sh', { ...muted, syscall: 'getsid', call: 'getsid' }),
    deniedBy('sh', { ...muted, ...logged, syscall: 'sethostname', call: 'sethostname' }),
    deniedBy('sh', { ...muted, syscall: 'setns', call: 'setns' }),
    // The name alone would allow the same.
    deniedBy('sh', { ...logged, syscall: 'socket', call: 'socket:0=0x10' })
  ]
  const observed = { x86_64: ['accept4', 'chroot', 'getsid', 'read', 'setpgid', 'socket'] }
  const object = { ...first, status: { ...first.status, observed } }
  const rig = await startUiRig({
    ...{ objects: [object], denials: () => denials, denialsKnownSince: () => denial.lastSeen }
  })
  t.teardown(() => rig.app.close())
  const { body } = await rig.get(path)
  const rows = body.match(/<tr[^]*?<\/tr>/g) ?? []
  const rowOf = (call: string) => rows.filter((row) => row.includes(`value="${call}"`))
  // [call, what is said of it]
  const table: [string, RegExp][] = [
    ['chroot', /audit logged it, and enforce denies it unless ticked[^]*logged by audit, <bdi>3 t/],
    ['chroot', /<bdi>sh in container web, pod checkout-1, Deployment\/checkout</],
    ['setpgid', /is denied now, and stays so unless ticked[^]*denied, <bdi>4 times, by app</],
    ['getsid', /is muted, and stays denied unless ticked[^]*muted, denied, <bdi>3 times, by sh</],
    ['socket:0=0x10', /audit logged it/],
    ['socket', /stays denied unless ticked[^]*denied or logged with arguments that have a line/]
  ]
  for (const [call, says] of table) {
    const [row = '', ...others] = rowOf(call)
    t.same(others, [], `${call}: one line`)
    t.match(row, says, call)
    t.match(row, /type="checkbox" name="allow"/, call)
    t.notMatch(row, /checked/, call)
  }
  for (const call of ['sethostname', 'setns']) t.same(rowOf(call), [], call)
  t.match(rowOf('accept4')[0], /checked/, 'what nothing denied is ticked as before')
  t.match(body, /1 call is denied now, 2 calls were logged by audit, 1 is muted, 5 stay denied/)
  const words = body.replace(/<[^>]*>/g, '')
  t.match(words, /secco profile approve shop\/checkout.app --reason WHY/, 'it takes no others')
  t.match((await rig.get('/review')).body, /2 to add, 1 denied now, 2 logged by audit/)
})

test('review: where nothing is ticked, the proposal is what is approved', async (t) => {
  const denials = () => [
    deniedBy('sh', { action: 'SCMP_ACT_LOG', syscall: 'chroot', call: 'chroot' })
  ]
  const object = { ...first, status: { ...first.status, observed: { x86_64: ['chroot', 'read'] } } }
  const { app, get } = await startUiRig({ objects: [object], denials })
  t.teardown(() => app.close())
  const { digest } = renderProfile(first, { mode: 'enforce', resolve: () => undefined })
  const { body } = await get(path)
  t.equal(/name="expect" value="([^"]*)"/.exec(body)?.[1], digest)
  t.match(body, /Nothing to approve: tick a change first/)
})

test('evidence: nothing is denied, where denials are known', async (t) => {
  for (const [known, says] of [
    [denial.lastSeen, /no denied call waits/],
    [undefined, /^(?![^]*no denied call waits)/]
  ] as const) {
    const { app, get } = await startUiRig({
      ...{ objects: [first], denials: () => [], denialsKnownSince: () => known }
    })
    t.teardown(() => app.close())
    t.match((await get('/workloads/shop/checkout.app')).body, says)
  }
})

test('evidence: what nodes did not record is the same on every page', async (t) => {
  const gaps = [{ from: '2026-01-01T00:10:00Z', to: '2026-01-01T00:11:00Z' }]
  const lossy = { ...node, gaps, losses: { ...node.losses, details: 3 } }
  const firstSeen = '2026-01-01T00:00:00.000Z'
  const [one] = profile.status?.instances ?? []
  if (one === undefined) throw new Error('no instance')
  const instances = [{ ...one, id: 'node-1/boot/1.2.3', node: 'node-1', firstSeen }]
  const object = { ...profile, status: { ...profile.status, instances } }
  const { app, get } = await startUiRig({ objects: [object], nodes: () => [lossy] })
  t.teardown(() => app.close())
  const text = '3 details; calls between 00:10:00 and 00:11:00 UTC were not recorded'
  for (const page of ['/', '/nodes', '/doctor']) t.match((await get(page)).body, text, page)
  const { body } = await get('/workloads/shop/checkout.app')
  t.match(body, `calls were not recorded; node-1: ${text}`)
  t.notMatch(body, /nothing lost/)
})

test('evidence: a program that never listened does not serve, however old it is', async (t) => {
  const serving = { x86_64: ['nanosleep'] }
  for (const [names, phase, evidence] of [
    [['nanosleep'], 'not seen; 1 after its first seconds', 'serving not seen'],
    [['accept4', 'listen', 'nanosleep'], '1', 'serving seen']
  ] as const) {
    const object = { ...profile, status: { observed: { x86_64: [...names] }, serving } }
    const { app, get } = await startUiRig({ objects: [object] })
    t.teardown(() => app.close())
    const { body } = await get('/workloads/shop/checkout.app')
    t.match(body, evidence)
    t.match(body, `<dt>While serving</dt><dd>${phase}</dd>`)
  }
})

test('review: a call and a workload were seen first when an instance was that is forgotten by now', async (t) => {
  const at = '2025-01-02T03:04:05.000Z'
  const observed = { x86_64: toBitmap('x86_64', ['accept4']) }
  const seen = observing(['accept4'])
  const older = { ...seen, status: { ...seen.status, firstUsed: [{ at, observed }] } }
  const { app, get } = await startUiRig({ profiles: () => [older] })
  t.teardown(() => app.close())
  const { body } = await get(path)
  const times = (part: RegExp) =>
    /datetime="([^"]*)"/.exec(part.exec(body)?.[0] ?? '')?.[1]?.slice(0, 19)
  t.equal(times(/First seen[^]{0,200}/), at.slice(0, 19))
  t.equal(times(/<span class="sub">\s*first [^]{0,200}/), at.slice(0, 19))
  const page = (await get('/workloads/shop/checkout.app?call=accept4')).body
  t.match(page, new RegExp(`first <time[^>]*datetime="${at.slice(0, 19)}`))
})

test('the list of reviews counts a call once, as the review lists it', async (t) => {
  const object = observing(
    ['getsid', 'read'],
    approveObserved(observing(['read']), { by: 'ada', at: '' })
  )
  const denials = () => [
    deniedBy('app'),
    deniedBy('app', { abi: 'i386' }),
    deniedBy('other', { container: 'c2' })
  ]
  const { app, get } = await startUiRig({ objects: [object], denials })
  t.teardown(() => app.close())
  const [row = ''] = /<tbody.*<\/tbody>/s.exec((await get('/review')).body) ?? []
  t.match(row.replace(/<[^>]*>/g, ' '), /0 to add, 1 denied now/)
  const lines = [...(await get(path)).body.matchAll(/data-key="[^"]*getsid[^"]*"/g)]
  t.equal(lines.length, 1)
})

test('review: what was approved and whether it is delivered shows by itself', async (t) => {
  const old = `sha256:${'0'.repeat(64)}`
  const pending: SeccompProfile = { ...approved, status: { ...approved.status, revision: old } }
  const { app, get } = await startUiRig({ objects: [pending], denials: () => [] })
  t.teardown(() => app.close())
  for (const [page, region] of [
    [path, 'approved'],
    ['/profiles/shop/checkout.app', 'revision']
  ] as const) {
    const [found = ''] =
      new RegExp(`data-live="${region}"><span.*?not delivered yet`, 's').exec(
        (await get(page)).body
      ) ?? []
    t.notMatch(found, /<\/p>/, `${page}: in a live region`)
    t.not(found, '', page)
  }
})

test('review: a call that was observed can be decided to stay denied, once', async (t) => {
  const decision = { by: 'ada', at: '2026-01-02T00:00:00Z', reason: 'no need', allow: [] }
  const seen = observing(['chroot', 'accept4', 'futex', 'read'])
  const decided = decideCalls(
    approveObserved(seen, { by: 'ada', at: '', reason: '', beyondRuntimeDefault: 'skip' }),
    { ...decision, deny: ['chroot'] }
  )
  // [what, object, the denials, the calls with such a box]
  const table: [string, SeccompProfile, ReturnType<typeof deniedBy>[], string[]][] = [
    ['observed', seen, [], ['accept4', 'chroot']],
    ['also denied', observing(['getsid', 'read']), [deniedBy('app')], ['getsid']],
    ['denied, and observed by nobody', observing(['read']), [deniedBy('app')], []],
    ['decided', decided, [], []]
  ]
  for (const [what, object, denials, names] of table) {
    const { app, get } = await startUiRig({ objects: [object], denials: () => denials })
    t.teardown(() => app.close())
    const { body } = await get(path)
    const boxes = [...body.matchAll(/aria-label="Keep (\w+) denied"/g)].map(([, name]) => name)
    t.same(boxes.sort(), names, what)
    t.notMatch(body, /Keep \w+ denied"[^>]*checked/, 'a person ticks it')
  }
})

test('review: what is approved or blocked by now is no denied call that waits for a tick', async (t) => {
  const revision = `sha256:${'1'.repeat(64)}`
  const now = approveObserved(observing(['getsid', 'read']), { by: 'ada', at: '', reason: '' })
  const pinned = { ...now, spec: { ...now.spec, ladder: { mode: 'enforce' as const, revision } } }
  const blocked = { block: 'getsid' }
  // [what, object, the denial, overlay, the row says, the counts say, in the list of reviews]
  type Row = [string, SeccompProfile, object, SeccompProfile[], RegExp, RegExp, RegExp]
  const table: Row[] = [
    [
      'denied',
      first,
      {},
      [],
      /Include getsid/,
      /1 call is denied now, 1 stays denied/,
      /1 denied now/
    ],
    [
      'approved',
      now,
      {},
      [],
      /approved[^]*allowed now; what runs stays as it is until it restarts/,
      /1 is approved by now, 0 stay denied/,
      /Nothing waits/
    ],
    [
      'approved, and a pin',
      pinned,
      {},
      [],
      /approved, but new pods are pinned to/,
      /1 is approved by now/,
      /Nothing waits/
    ],
    [
      'blocked',
      first,
      blocked,
      [],
      /href="\/emergency#h-now">\s*blocked/,
      /1 is blocked in an emergency, 0 stay/,
      /Nothing waits/
    ],
    [
      'blocked, the overlay',
      first,
      {},
      [blockOf('getsid')],
      /href="\/emergency#h-now">/,
      /1 is blocked in an emergency, 0 stay/,
      /1 denied now/
    ]
  ]
  for (const [what, object, more, overlays, row, counts, list] of table) {
    const objects = [object, ...overlays]
    const { app, get } = await startUiRig({ objects, denials: () => [deniedBy('app', more)] })
    t.teardown(() => app.close())
    const { body } = await get(path)
    const [region = ''] = /<tbody data-live="denied">[^]*?<\/tbody>/.exec(body) ?? []
    t.match(region, row, what)
    t.match(/data-live="denied-counts"[^]*?<\/caption>/.exec(body)?.[0], counts, what)
    t.equal(/Include getsid/.test(body), what === 'denied', `${what}: a box`)
    t.match((await get('/review')).body, list, what)
    const [todo = ''] = /<ul class="todo">[^]*?<\/ul>/.exec((await get('/')).body) ?? []
    if (what === 'blocked') t.match(todo, /getsid blocked in an emergency[^]*#h-now">\s*Unblock/)
  }
})

test('review: the gate about RuntimeDefault counts what is beyond it', async (t) => {
  for (const [names, says] of [
    [['read', 'bpf', 'ptrace'], /Nothing beyond RuntimeDefault[^]*: open[^]*1 call beyond it/],
    [['read'], /Nothing beyond RuntimeDefault[^]*: met[^]*0 calls beyond it/]
  ] as const) {
    const object = approveObserved(observing(names), { by: 'ada', at: '', reason: '' })
    const { app, get } = await startUiRig({ objects: [object], denials: () => [] })
    t.teardown(() => app.close())
    const [gates = ''] = /data-live="gates"[^]*?<\/ul>/.exec((await get(path)).body) ?? []
    t.match(gates, says, names.join())
  }
})

test('review: of two tabs, the one with the older list approves nothing', async (t) => {
  const rig = await startUiRig({ objects: [observing(['accept4', 'read'])], denials: () => [] })
  t.teardown(() => rig.app.close())
  const url = '/api/v1/profiles/shop/checkout.app/approve'
  const seenOn = async () => {
    const { body } = await rig.get(path)
    t.match(body, /data-newer/, 'the newer list is offered')
    return /name="seen" value="([^"]+)"/.exec(body)?.[1] ?? ''
  }
  const older = await seenOn()
  const ref = { namespace: 'shop', name: 'checkout.app' }
  await rig.ui.store.update('SeccompProfile', ref, (one) =>
    observing(['accept4', 'bpf', 'read'], one)
  )
  rig.pass(60_000)
  const newer = await seenOn()
  t.not(newer, older)
  // The person ticked another box, so there is no digest to expect.
  const body = { reason: 'why', allow: ['accept4', 'read'] }
  const stale = await rig.send('POST', url, { ...body, seen: older })
  t.equal(stale.statusCode, 409)
  t.match(stale.json(), {
    code: 'CONFLICT',
    message: /nothing was approved: the calls to add are now accept4, bpf, read/,
    hint: /approve that/
  })
  t.equal(rig.profiles()[0]?.spec.seccomp, undefined, 'nothing is approved')
  t.equal((await rig.send('POST', url, { ...body, seen: newer })).statusCode, 200)
  const again = await rig.send('POST', url, { reason: 'why', allow: ['bpf'], seen: newer })
  t.match(again.json(), { code: 'CONFLICT', message: /somebody changed what is approved/ })
  t.equal((await rig.send('POST', url, { reason: 'a script', allow: ['bpf'] })).statusCode, 200)
})
