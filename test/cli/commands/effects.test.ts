import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import type { Io } from '../../../cli/lib/io.js'
import { run } from '../../../cli/main.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { openDirectoryStore } from '../../../src/store/directory.js'
import { denial, type FakeHub, hubWith, view } from '../../helpers/hub-answers.js'
import { matchLists } from '../../helpers/match-lists.js'

/** Runs `secco` in this process on a state folder. */
async function secco(state: string, ...words: string[]) {
  let [stdout, stderr] = ['', '']
  const io: Io = {
    ...{ isTerminal: false, color: false, env: {} },
    stdout: (text) => void (stdout += text),
    stderr: (text) => void (stderr += text),
    readFile: (path) => Promise.resolve(readFileSync(path, 'utf8'))
  }
  const code = await run(['--state', state, ...words], io)
  return { code, stdout, stderr }
}

/** A state folder with these profiles. */
async function stateOf(t: Test, ...profiles: SeccompProfile[]): Promise<string> {
  const state = t.testdir({})
  const store = await openDirectoryStore(join(state, 'objects'))
  for (const profile of profiles) {
    await store.apply('SeccompProfile', profile)
    const { namespace = '', name } = profile.metadata
    const { status } = profile
    if (status === undefined) continue
    await store.update('SeccompProfile', { namespace, name }, (one) => ({ ...one, status }))
  }
  await store.close()
  return state
}

/** Writes down the address of a hub, as a running hub does, so that verbs ask it. */
function noteAddress(state: string, hub: FakeHub): void {
  const record = { pid: process.pid, ui: hub.access.ui, webhook: '', hub: '', caBundle: '' }
  mkdirSync(join(state, 'run'), { recursive: true })
  for (const name of ['addresses.json', 'run/addresses.json'])
    writeFileSync(join(state, name), JSON.stringify(record))
}

async function stored(state: string, namespace: string, name: string) {
  const store = await openDirectoryStore(join(state, 'objects'))
  const found = await store.get('SeccompProfile', { namespace, name })
  await store.close()
  return found
}

const web: SeccompProfile = {
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
  metadata: { namespace: 'shop', name: 'web' },
  spec: {
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }]
    }
  },
  status: { observed: { x86_64: ['read', 'write'] }, lastNew: '2026-01-01T00:00:00.000Z' }
}

test('secco ps: what is asked for, and what is shown', async (t) => {
  const state = t.testdir({ 'ui-token': 'token' })
  const items = [
    view('n1', 'fine'),
    view('n1', 'old', { stale: true }),
    view('n1', 'open', {
      unprotected: { rule: 'r', message: 'm', since: '2026-01-01T00:00:00Z' }
    }),
    view('n1', 'drifted', {
      drift: [{ kind: 'FileChanged', message: 'm', since: '2026-01-01T00:00:00Z' }]
    })
  ]
  const hub = await hubWith(t, 'hub', { '/api/v1/containers': { items } })
  noteAddress(state, hub)
  const all = 'container/shop/drifted'
  const table: [words: string[], query: Record<string, string>, lines: number][] = [
    [[], {}, 4],
    [['-l', 'app=web,tier!=db'], { selector: 'app=web,tier!=db' }, 4],
    [['--selector', 'app'], { selector: 'app' }, 4],
    [['-n', 'shop'], { namespace: 'shop' }, 4],
    [['-n', 'shop', '-A'], {}, 4],
    [['-n', 'shop', '-l', 'a=b'], { namespace: 'shop', selector: 'a=b' }, 4],
    [['--wrong'], {}, 3]
  ]
  for (const [words, query, lines] of table) {
    const { code, stdout, stderr } = await secco(state, 'ps', '-o', 'name', ...words)
    t.equal(code, 0, stderr)
    t.same(Object.fromEntries(new URLSearchParams(hub.queries.at(-1))), query, words.join(' '))
    const shown = stdout.trim().split('\n')
    t.equal(shown.length, lines, words.join(' '))
    t.ok(shown.some((line) => line.startsWith(all)))
    t.equal(
      shown.some((line) => line.includes('/fine/')),
      lines === 4,
      words.join(' ')
    )
  }
})

test('secco denials: the hub is asked for what the options name', async (t) => {
  const state = t.testdir({ 'ui-token': 'token' })
  const items = [denial('n1', 'mount', 3)]
  const hub = await hubWith(t, 'hub', { '/api/v1/denials': { items } })
  noteAddress(state, hub)
  const table: [words: string[], query: Record<string, string>][] = [
    [[], {}],
    [['-n', 'shop'], { namespace: 'shop' }],
    [['--workload', 'Pod/web'], { workload: 'Pod/web' }],
    [['--since', '10m'], { since: '10m' }],
    [['--muted'], { muted: 'true' }],
    [['--expected'], { expected: 'true' }]
  ]
  for (const [words, query] of table) {
    const { code, stdout, stderr } = await secco(state, 'denials', '-o', 'name', ...words)
    t.equal(code, 0, stderr)
    t.equal(stdout, 'denial/shop/web/mount\n', words.join(' '))
    t.same(Object.fromEntries(new URLSearchParams(hub.queries.at(-1))), query, words.join(' '))
  }
})

test('secco denials allow and mute: the hub changes what the options name', async (t) => {
  const state = t.testdir({ 'ui-token': 'token' })
  const diff = { added: ['mount'], beyondRuntimeDefault: [], revisionBefore: 'a' }
  const hub = await hubWith(t, 'hub', {
    '/api/v1/allow': { diff: { ...diff, revisionAfter: 'b' }, applied: false, restart: [] },
    '/api/v1/mute': ({ syscall, comm }: { syscall: string; comm?: string }) => ({
      muted: [{ syscall, ...(comm === undefined ? {} : { comm }) }]
    })
  })
  noteAddress(state, hub)
  const allowed = { syscall: 'mount', yes: false }
  const muted = { syscall: 'mount', reason: 'noise', remove: false }
  const mute = ['mute', 'web', 'mount', '--reason', 'noise']
  const table: [words: string[], path: string, body: object, said: RegExp][] = [
    [['allow', 'web', 'mount'], 'allow', { ...allowed, profile: 'default/web' }, /^\+ mount$/m],
    [
      ['allow', 'web', 'mount', '--namespace-of', 'shop'],
      'allow',
      { ...allowed, profile: 'shop/web' },
      /^\+ mount$/m
    ],
    [
      ['allow', 'own/web', 'mount', '--namespace-of', 'shop', '--yes', '--reason', 'CSI'],
      'allow',
      { ...allowed, profile: 'own/web', yes: true, reason: 'CSI' },
      /^\+ mount$/m
    ],
    [
      ['allow', 'web', 'mount', 'socket:0=1,1=2'],
      'allow',
      { syscalls: ['mount', 'socket:0=1,1=2'], yes: false, profile: 'default/web' },
      /^\+ mount$/m
    ],
    [
      mute,
      'mute',
      { ...muted, profile: 'default/web' },
      /^muted in default\/web: mount of every process$/m
    ],
    [
      [...mute, '--namespace-of', 'shop'],
      'mute',
      { ...muted, profile: 'shop/web' },
      /^muted in \S+: mount of every process$/m
    ],
    [
      [...mute, '--comm', 'probe'],
      'mute',
      { ...muted, profile: 'default/web', comm: 'probe' },
      /^muted in default\/web: mount of probe$/m
    ],
    [
      [...mute, '--remove'],
      'mute',
      { ...muted, profile: 'default/web', remove: true },
      /^not muted any more: mount$/m
    ]
  ]
  for (const [words, path, body, said] of table) {
    const { code, stdout, stderr } = await secco(state, 'denials', ...words)
    t.equal(code, 0, stderr)
    t.match(stdout, said, words.join(' '))
    t.strictSame(hub.asked.at(-1), { path: `/api/v1/${path}`, body }, words.join(' '))
  }
})

test('secco promote: the hub changes what the options name', async (t) => {
  const state = t.testdir({ 'ui-token': 'token' })
  const answer = {
    ...{ namespace: 'shop', profile: 'web', mode: 'enforce', revision: 'sha256:1', canary: null },
    workload: 'Deployment/web',
    ...{ evidence: [], next: { mode: '', ready: true, reasons: [] }, history: [] }
  }
  const hub = await hubWith(t, 'hub', { '/api/v1/promote': answer })
  noteAddress(state, hub)
  const plain = { mode: 'enforce', reason: 'ready', dryRun: false, force: false }
  const table: [words: string[], body: object][] = [
    [[], { ...plain, profile: 'default/web' }],
    [['-n', 'shop'], { ...plain, profile: 'shop/web' }],
    [['--force'], { ...plain, profile: 'default/web', force: true }],
    [['--dry-run'], { ...plain, profile: 'default/web', dryRun: true }],
    [
      ['--canary', '25%', '--quiet-for', '5m'],
      { ...plain, profile: 'default/web', canary: 25, quietFor: '5m' }
    ]
  ]
  for (const [words, body] of table) {
    const verb = ['promote', 'web', 'enforce', '--reason', 'ready']
    const { code, stdout, stderr } = await secco(state, ...verb, ...words)
    t.equal(code, 0, stderr)
    t.match(stdout, /^shop\/web: enforce sha256:1$/m)
    t.strictSame(hub.asked.at(-1), { path: '/api/v1/promote', body }, words.join(' '))
  }
})

test('secco learn --fail-on-new: the baseline is read, and what is new fails', async (t) => {
  const instance = {
    ...{ id: 'n1/boot/1.2.3', node: 'n1', complete: true, ended: true },
    lastSeen: '2026-01-01T00:00:00.000Z'
  }
  const seen = { ...web, status: { ...web.status, instances: [instance] } }
  const state = await stateOf(t, seen)
  noteAddress(
    state,
    await hubWith(t, 'hub', {
      '/api/v1/nodes': { items: [] },
      '/api/v1/denials': { items: [] }
    })
  )
  const baseline = (names: string[]) => {
    const path = join(state, 'baseline.json')
    writeFileSync(path, JSON.stringify({ x86_64: names }))
    return path
  }
  const learn = (...words: string[]) =>
    secco(state, 'learn', 'shop/web', '--require', 'abis', ...words)
  t.match(await learn(), { code: 0 }, 'without a baseline nothing is new')
  t.match(await learn('--fail-on-new', baseline(['read', 'write'])), {
    code: 0,
    stdout: /nothing beyond/
  })
  t.match(await learn('--fail-on-new', baseline(['read'])), { code: 4, stdout: /\+ write/ })
  t.match(await learn('--fail-on-new', join(state, 'none.json')), { code: 2 })
})

test('what only shows changes nothing; what changes says so', async (t) => {
  const state = await stateOf(t, web)
  const file = join(state, 'documents.yaml')
  const document = (name: string, names: string[]) =>
    [
      'apiVersion: secco.dev/v1alpha1',
      'kind: SeccompProfile',
      `metadata: {namespace: shop, name: ${name}}`,
      `spec: {seccomp: {defaultAction: SCMP_ACT_ERRNO, syscalls: [{names: [${names.join()}], action: SCMP_ACT_ALLOW}]}}`
    ].join('\n')
  writeFileSync(file, document('new', ['read']))
  t.match(await secco(state, 'profile', 'apply', '-f', file, '--dry-run'), {
    ...{ code: 0, stdout: /accepted \(dry run\)/ }
  })
  t.equal(await stored(state, 'shop', 'new'), undefined)
  writeFileSync(file, `${document('new', ['read'])}\n---\n${document('bad', ['no_such_call'])}`)
  t.match(await secco(state, 'profile', 'apply', '-f', file), { code: 1, stderr: /no_such_call/ })
  t.equal(await stored(state, 'shop', 'new'), undefined, 'all documents, or none')
  writeFileSync(file, document('new', ['read']))
  t.match(await secco(state, 'profile', 'apply', '-f', file), { code: 0 })
  t.ok(await stored(state, 'shop', 'new'))

  const approve = ['profile', 'approve', 'shop/web']
  t.match(await secco(state, ...approve, '--dry-run'), { code: 0 })
  t.same((await stored(state, 'shop', 'web'))?.spec, web.spec)
  t.match(await secco(state, ...approve, '--digest', `sha256:${'0'.repeat(64)}`), { code: 1 })
  t.same((await stored(state, 'shop', 'web'))?.spec, web.spec, 'another digest than was shown')
  t.match(await secco(state, ...approve, '--reason', 'seen'), { code: 0 })
  matchLists(t, await stored(state, 'shop', 'web'), {
    spec: { seccomp: { syscalls: [{ names: ['read', 'write'] }] } },
    status: { approvals: [{ reason: 'seen' }] }
  })
})

test('secco profile approve: several at once, each on its own', async (t) => {
  const state = await stateOf(t, web)
  const approve = ['profile', 'approve', 'shop/web', 'shop/none', '-n', 'shop', '--reason', 'seen']
  t.match(await secco(state, ...approve, '--digest', 'sha256:0'), {
    ...{ code: 1, stderr: /--digest: is for one profile/ }
  })
  t.same((await stored(state, 'shop', 'web'))?.spec, web.spec)
  const done = await secco(state, ...approve)
  t.equal(done.code, 1, 'one does not exist')
  t.match(done.stderr, /approved shop\/web: 2 calls by name[^]*shop.*\(NOT_FOUND\)/)
  t.equal(done.stderr.match(/see it arrive with `secco .*get profiles -n shop`/g)?.length, 1)
  t.match(await stored(state, 'shop', 'web'), { status: { approvals: [{ reason: 'seen' }] } })
})

test('secco block: dry runs, what containers need, and the way back', async (t) => {
  const state = await stateOf(t, web)
  const overlay = async () =>
    (await stored(state, 'secco-system', 'emergency'))?.spec.seccomp?.syscalls?.flatMap(
      ({ names }) => names
    ) ?? []
  t.match(await secco(state, 'block', 'bpf', '--dry-run'), {
    code: 0,
    stderr: /nothing was changed/
  })
  t.same(await overlay(), [])
  t.match(await secco(state, 'block', 'execve'), {
    ...{ code: 1, stderr: /every container needs execve/ }
  })
  t.same(await overlay(), [])
  t.match(await secco(state, 'block', 'bpf', '--reason', 'CVE'), { code: 0 })
  t.same(await overlay(), ['bpf'])
  t.match(await secco(state, 'block', 'execve', '--force'), { code: 0 })
  t.same((await overlay()).sort(), ['bpf', 'execve'])
  t.match(await secco(state, 'block', 'bpf', '--remove', '--dry-run'), { code: 0 })
  t.match(await secco(state, 'block', 'execve', '--remove'), { code: 0 })
  t.same(await overlay(), ['bpf'])
})

test('secco block lists every block, also those that are no templates', async (t) => {
  const state = await stateOf(t, web)
  const blocked = async () => {
    const { stdout } = await secco(state, 'block', '-o', 'json')
    const { items } = JSON.parse(stdout) as { items: { name: string; blocked: boolean }[] }
    return items.filter((item) => item.blocked).map(({ name }) => name)
  }
  t.strictSame(await blocked(), [])
  for (const what of ['bpf', 'times', 'socket:domain=AF_ALG', 'clone:flags&0x10000000'])
    t.match(await secco(state, 'block', what), { code: 0 }, what)
  const own = ['clone:0&0x10000000', 'socket:0=38', 'times']
  t.strictSame((await blocked()).sort(), ['bpf', ...own])
  for (const what of own) t.match(await secco(state, 'block', what, '--remove'), { code: 0 }, what)
  t.strictSame(await blocked(), ['bpf'], 'a name of the list removes the block')
  await secco(state, 'block', 'socket:domain=AF_ALG')
  await secco(state, 'block', 'socketpair:domain=AF_ALG')
  t.strictSame(await blocked(), ['af-alg', 'bpf', 'copy-fail'], 'they are a template together')
})

test('secco lint --strict fails for warnings, secco render --runtime renders for one', async (t) => {
  const state = await stateOf(t, web)
  const file = join(state, 'warning.json')
  writeFileSync(
    file,
    JSON.stringify({
      apiVersion: 'secco.dev/v1alpha1',
      kind: 'SeccompProfile',
      metadata: { namespace: 'shop', name: 'web' },
      spec: {
        seccomp: {
          defaultAction: 'SCMP_ACT_ERRNO',
          syscalls: [{ names: ['mount'], action: 'SCMP_ACT_ALLOW' }]
        }
      }
    })
  )
  t.match(await secco(state, 'lint', '-f', file), { code: 0, stderr: /0 errors, [1-9]/ })
  t.match(await secco(state, 'lint', '-f', file, '--strict'), { code: 1 })
  const render = async (...words: string[]) => {
    const { code, stdout } = await secco(state, 'render', '-f', file, ...words)
    t.equal(code, 0)
    return (JSON.parse(stdout) as { syscalls: { names: string[] }[] }).syscalls.flatMap(
      ({ names }) => names
    )
  }
  t.ok((await render()).includes('statx'), 'for every runtime that is known')
  t.notOk((await render('--runtime', 'runc@1.1.5')).includes('fstatat64'))
  t.ok((await render()).length > (await render('--runtime', 'runc@1.1.5')).length)
  t.match(await secco(state, 'render', '-f', file, '--runtime', 'runc'), { code: 1 })
})
