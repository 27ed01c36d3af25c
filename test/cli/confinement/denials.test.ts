import { test } from 'tap'
import { allowCall, listDenials } from '../../../cli/confinement/denials.js'
import { captureIo } from '../../helpers/captured-io.js'
import { denial, denialArgs, hubOf, hubWith } from '../../helpers/hub-answers.js'

test('secco denials: closed denials are counted, and listed with --closed', async (t) => {
  const open = denial('n1', 'mount', 2)
  const waiting = denial('n1', 'bpf', 1, { state: 'allowed', hint: 'restart it' })
  const closedAt = '2026-11-25T10:30:00Z'
  const closed = denial('n1', 'getsid', 3, { state: 'closed', closedAt, hint: 'closed: look' })
  const knownSince = '2026-11-25T09:00:00Z'
  const few = await hubWith(t, 'hub-a', {
    '/api/v1/denials': { knownSince, closed: 1, items: [open, waiting] }
  })
  const all = await hubWith(t, 'hub-b', {
    '/api/v1/denials': { knownSince, closed: 0, items: [open, waiting, closed] }
  })
  const print = async (hub: typeof few, more: Partial<Parameters<typeof listDenials>[2]>) => {
    const { io, printed } = captureIo()
    await listDenials(io, hubOf([hub]), { ...denialArgs, output: 'table', ...more })
    return printed
  }
  const usual = await print(few, { namespace: 'shop' })
  t.notMatch(usual.stdout, /getsid/)
  // When the call was, which the hub may have heard of later.
  t.match(usual.stdout, /^2h .* mount /m)
  t.match(usual.stderr, / {2}1 closed: secco denials --closed -n shop\n {2}next: restart it\n/)
  const onlyClosed = await hubWith(t, 'hub-d', {
    '/api/v1/denials': { knownSince, closed: 1, muted: 2, items: [] }
  })
  t.match(
    (await print(onlyClosed, {})).stderr,
    /^No denials found apart from closed and muted ones\..*\n {2}1 closed: secco denials --closed\n {2}2 muted: secco denials --muted\n/
  )
  t.match((await print(few, { output: 'wide' })).stdout, /bpf .* allowed, needs a restart/)
  const shown = await print(all, { closed: true })
  t.equal(all.queries.at(-1), 'closed=true')
  t.match(shown.stdout, /getsid .* closed +30m/)
  t.notMatch(shown.stderr, /--closed/)
  t.match(shown.stderr, /next: restart it/, 'nothing is left to do for the closed one')
  const gone = denial('n1', 'ptrace', 1, { deleted: '', hint: 'its profile shop/web was deleted' })
  const deleted = await hubWith(t, 'hub-c', {
    '/api/v1/denials': { knownSince, closed: 0, items: [gone] }
  })
  const wide = (await print(deleted, { output: 'wide' })).stdout
  t.match(wide, /ptrace .* web \(deleted\) +its profile shop\/web was deleted/)
  const json = JSON.parse((await print(all, { closed: true, output: 'json' })).stdout) as {
    items: object[]
  }
  t.match(json.items.at(-1), { state: 'closed', closedAt })
})

test('secco denials -o wide names the container and its pod', async (t) => {
  const items = [
    denial('n1', 'mount', 2, { containerName: 'app', pod: 'web-7d9f6' }),
    denial('n1', 'bpf', 1, { containerName: 'box', pod: '' })
  ]
  const knownSince = '2026-11-25T09:00:00Z'
  const hub = await hubWith(t, 'hub-wide', { '/api/v1/denials': { knownSince, items } })
  const print = async (output: 'wide' | 'table') => {
    const { io, printed } = captureIo()
    await listDenials(io, hubOf([hub]), { ...denialArgs, output })
    return printed.stdout
  }
  const wide = await print('wide')
  t.match(wide, / CONTAINER +POD +NODE /)
  t.match(wide, / app +web-7d9f6 +n1 +mount /)
  t.match(wide, / box +- +n1 +bpf /)
  t.notMatch(await print('table'), /web-7d9f6|CONTAINER/)
})

test('secco denials: a call that is denied by arguments has them in its cell', async (t) => {
  const socket = (args: string, call: string) =>
    denial('n1', 'socket', 2, { key: `socket ${args}`, arguments: args, call })
  const { call, ...early } = denial('n1', 'mount', 1)
  t.equal(call, 'mount')
  const items = [
    socket('0x10 ? 0x5', 'socket:domain=AF_NETLINK,protocol=5'),
    socket('0x11', 'socket:domain=AF_PACKET'),
    socket('?', 'socket'),
    early
  ]
  const hub = await hubWith(t, 'hub-values', { '/api/v1/denials': { knownSince: '', items } })
  const print = async (output: 'wide' | 'table' | 'json') => {
    const { io, printed } = captureIo()
    await listDenials(io, hubOf([hub]), { ...denialArgs, output })
    return printed.stdout
  }
  for (const output of ['table', 'wide'] as const) {
    const text = await print(output)
    t.match(text, / socket:domain=AF_NETLINK,protocol=5 +/, output)
    t.match(text, / socket:domain=AF_PACKET +/, output)
    t.match(text, / socket \(other arguments\) +/, output)
    t.match(text, / mount +/, `${output}: of a hub of an earlier version`)
  }
  t.match(await print('wide'), / 0x10 \? 0x5 /, 'as the node reports them')
  const json = JSON.parse(await print('json')) as { items: object[] }
  t.match(json.items, [
    { call: 'socket:domain=AF_NETLINK,protocol=5', arguments: '0x10 ? 0x5' },
    { call: 'socket:domain=AF_PACKET', arguments: '0x11' },
    { call: 'socket', arguments: '?' }
  ])
})

test('secco denials names the nodes whose denials are not known', async (t) => {
  const knownSince = '2026-11-25T09:00:00Z'
  const notReporting = [
    { name: 'n2', lastSeen: '', listed: false, why: 'not reported yet' },
    { name: 'n3', lastSeen: knownSince, listed: true, why: `no report since ${knownSince}` }
  ]
  const whole = { reportingNodes: 1, missingNodes: 0, notReporting: [], awayNodes: [] }
  for (const [coverage, says] of [
    [whole, ''],
    [
      { ...whole, missingNodes: 1, notReporting },
      `denials of 2 nodes are not known as of now: n2 (not reported yet), n3 (no report since ${knownSince})\n`
    ],
    [{ ...whole, missingNodes: 3 }, 'denials of 3 nodes are not known as of now\n']
  ] as const) {
    const answer = { knownSince, closed: 0, items: [], ...coverage }
    const hub = await hubWith(t, 'hub', { '/api/v1/denials': answer })
    const { io, printed } = captureIo()
    await listDenials(io, hubOf([hub]), { ...denialArgs, output: 'table' })
    t.ok(printed.stderr.startsWith(`${says}No denials found.`), printed.stderr)
    const json = captureIo()
    await listDenials(json.io, hubOf([hub]), { ...denialArgs, output: 'json' })
    t.match(JSON.parse(json.printed.stdout), coverage)
  }
})

test('secco denials allow: the next step is the whole command, as a shell takes it', async (t) => {
  const diff = {
    added: ['ioctl'],
    beyondRuntimeDefault: [],
    revisionBefore: 'a',
    revisionAfter: 'b'
  }
  const hub = await hubWith(t, 'hub', { '/api/v1/allow': { diff, applied: false, restart: [] } })
  // [reason, what follows --reason]
  const table: [string | undefined, string][] = [
    [undefined, 'WHY'],
    ['needed', 'needed'],
    ["it's needed", `'it'\\''s needed'`]
  ]
  for (const [reason, words] of table) {
    const { io, printed } = captureIo()
    const args = { profile: 'shop/web', syscalls: ['getsid', 'ioctl:1=5'], reason }
    await allowCall(io, hubOf([hub]), { ...args, yes: false, dryRun: false }, 'table')
    t.ok(
      printed.stderr.endsWith(
        `next: secco denials allow shop/web getsid ioctl:1=5 --yes --reason ${words}\n`
      ),
      printed.stderr
    )
  }
})

test('secco denials allow --dry-run prints the command that changes it: for kubectl where the hub has one', async (t) => {
  const diff = {
    added: ['getsid'],
    beyondRuntimeDefault: [],
    revisionBefore: 'a',
    revisionAfter: 'b'
  }
  const patch = 'kubectl patch seccompprofiles.secco.dev web'
  for (const [given, expected] of [
    [{}, 'secco denials allow shop/web getsid --yes --reason WHY\n'],
    [{ patch }, `${patch}\n`]
  ] as const) {
    const answer = { diff, applied: false, restart: [], ...given }
    const hub = await hubWith(t, 'hub', { '/api/v1/allow': answer })
    const { io, printed } = captureIo()
    const args = { profile: 'shop/web', syscalls: ['getsid'], reason: undefined }
    await allowCall(io, hubOf([hub]), { ...args, yes: false, dryRun: true }, 'table')
    t.ok(printed.stdout.endsWith(`\n${expected}`), printed.stdout)
    t.equal(/kubectl/.test(printed.stdout), 'patch' in given)
  }
})

test('secco denials: an open denial has the state that its page shows', async (t) => {
  // [what, the rest of the denial, its state]
  const table: [string, Parameters<typeof denial>[3], RegExp][] = [
    ['open', {}, /mount .* open /],
    ['blocked', { block: 'mount' }, /mount .* blocked /],
    ['it succeeded', { succeeded: 1, block: 'mount' }, /mount .* another filter is in force /],
    ['logged', { action: 'SCMP_ACT_LOG' }, /mount .* logged /],
    ['of a profile that was deleted', { deleted: '' }, /mount .* profile deleted /]
  ]
  for (const [what, more, expected] of table) {
    const items = [denial('n1', 'mount', 2, more)]
    const knownSince = '2026-11-25T09:00:00Z'
    const hub = await hubWith(t, what.replaceAll(' ', '-'), {
      '/api/v1/denials': { knownSince, closed: 0, items }
    })
    const { io, printed } = captureIo()
    await listDenials(io, hubOf([hub]), { ...denialArgs, output: 'wide' })
    t.match(printed.stdout, expected, what)
  }
})

test('secco denials allow: nothing changes, or new pods do not get it, while the profile is pinned', async (t) => {
  const leave = 'secco promote shop/web enforce --reason WHY'
  const pin = { revision: 'web@1', newest: 'web@2', since: '', by: '', leave }
  for (const [what, revisionAfter, applied, says] of [
    ['the same', 'a', false, /^nothing changes: /],
    ['asked', 'b', false, /^nothing was changed\n/],
    ['done', 'b', true, /^allowed in shop\/web/]
  ] as const) {
    const diff = { added: [], beyondRuntimeDefault: [], revisionBefore: 'a', revisionAfter }
    const answer = { diff, applied, restart: [], pin }
    const hub = await hubWith(t, `hub-${what.replaceAll(' ', '-')}`, { '/api/v1/allow': answer })
    const { io, printed } = captureIo()
    const args = { profile: 'shop/web', syscalls: ['getsid'], reason: 'x' }
    await allowCall(io, hubOf([hub]), { ...args, yes: applied, dryRun: false }, 'table')
    t.match(printed.stderr, says, what)
    const words = 'pinned to web@1; the newest approved is web@2; to leave the pin'
    t.ok(printed.stderr.includes(`the profile is ${words}: ${leave}\n`), printed.stderr)
  }
})

test('secco denials allow: the wait for the nodes comes before the roll', async (t) => {
  const diff = {
    added: ['mount'],
    beyondRuntimeDefault: [],
    revisionBefore: 'a',
    revisionAfter: 'b'
  }
  const roll = 'kubectl rollout restart -n shop deployment/web'
  const wait = 'kubectl wait --for=condition=Ready seccompprofiles.secco.dev/web -n shop'
  for (const [what, command, expected] of [
    [
      'pods',
      roll,
      [
        `first wait until every node has it and every webhook replica serves it: ${wait}`,
        `until you run: ${roll}`
      ]
    ],
    ['a container of an engine', 'docker restart web', ['until you run: docker restart web']]
  ] as const) {
    const restart = [{ key: 'n1/web', name: 'web', node: 'n1', command }]
    const hub = await hubWith(t, 'hub', { '/api/v1/allow': { diff, applied: true, restart } })
    const { io, printed } = captureIo()
    const args = { profile: 'shop/web', syscalls: ['mount'], reason: 'why', yes: true }
    await allowCall(io, hubOf([hub]), { ...args, dryRun: false }, 'table')
    const lines = printed.stderr.trimEnd().split('\n').slice(1)
    t.equal(lines.length, expected.length, what)
    for (const [at, line] of lines.entries()) t.ok(line.endsWith(expected[at] ?? '?'), line)
  }
})

test('secco denials allow: a container without a filter keeps none', async (t) => {
  const diff = {
    added: ['mount'],
    beyondRuntimeDefault: [],
    revisionBefore: 'a',
    revisionAfter: 'b'
  }
  for (const [state, pod, says] of [
    ['unconfined', 'web-1', /web on n1 runs without a filter until you run: docker /],
    ['audit', 'web-1', /web on n1 keeps its filter until you run: docker /],
    ['audit', '', /web on n1 keeps its filter until you docker /]
  ] as const) {
    const restart = [
      { key: 'n1/web', name: 'web', node: 'n1', command: 'docker restart web', state, pod }
    ]
    const hub = await hubWith(t, 'hub', { '/api/v1/allow': { diff, applied: true, restart } })
    const { io, printed } = captureIo()
    const args = { profile: 'shop/web', syscalls: ['mount'], reason: 'why', yes: true }
    await allowCall(io, hubOf([hub]), { ...args, dryRun: false }, 'table')
    t.match(printed.stderr, says, state)
  }
})
