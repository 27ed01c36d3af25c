import { existsSync } from 'node:fs'
import { t, test } from 'tap'
import { apiVersion } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { runLearn } from '../../../cli/profiles/learn.js'
import {
  baselineOwner,
  parseBaseline,
  parseRequired
} from '../../../cli/profiles/learn-baseline.js'
import type { LearnArgs } from '../../../cli/profiles/learn-state.js'
import type { Hub } from '../../../cli/hubs/hub.js'
import type { DenialView } from '../../../webhook/confinement/denials/denial-views.js'
import { SeccoError } from '../../../src/lib/errors.js'
import type { DenialList } from '../../../webhook/confinement/denials/denial-routes.js'
import type { Recorded } from '../../../webhook/hub/hub-types.js'
import type { Store } from '../../../src/store/store.js'
import { captureIo } from '../../helpers/captured-io.js'

const start = Date.parse('2026-01-01T00:00:00.000Z')

const profile: SeccompProfile = {
  apiVersion,
  kind: 'SeccompProfile',
  metadata: { namespace: 'shop', name: 'web' },
  spec: {},
  status: {
    observed: { x86_64: ['keyctl', 'read', 'write'] },
    lastNew: new Date(start).toISOString(),
    instances: [
      {
        id: 'a',
        node: 'n',
        complete: true,
        ended: true,
        lastSeen: new Date(start + 60_000).toISOString(),
        events: ['start', 'serve', 'stop']
      }
    ]
  }
}

const sent: Recorded = {
  ...{ waiting: 0, problem: '' },
  runs: [{ run: 'a', node: 'n', container: 'c1' }],
  nodes: [{ name: 'n', state: 'sent', waiting: 0, version: '1.0.0' }]
}

/** A hub that lists these nodes, and no running container. */
const hubOf = (
  recorded: () => Recorded | undefined,
  denials: () => DenialList,
  { list = { items: [] }, nodes = [[]] }: Pick<Known, 'list' | 'nodes'> = {}
): Pick<Hub, 'ask' | 'follow' | 'list'> => ({
  ask: <T>(path: string) => {
    if (path.startsWith('/api/v1/denials?')) {
      t.match(path, /namespace=shop&.*muted=true&expected=true&closed=true/)
      return new Promise((resolve) => {
        resolve(denials() as never)
      })
    }
    const [, ref] = /^\/api\/v1\/profiles\/(.*)\?recorded=now$/.exec(path) ?? []
    if (ref === 'shop/web') return Promise.resolve({ recorded: recorded() } as T)
    return Promise.reject(new SeccoError('NOT_FOUND', `there is no profile ${ref ?? path}`))
  },
  list: () => Promise.resolve((nodes.length > 1 ? nodes.shift() : nodes[0]) as never),
  follow: (_, { onEvent }, signal) =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true })
      onEvent('snapshot', list)
    })
})

interface Known {
  /** What is known before the command runs. */
  before?: SeccompProfile
  found?: SeccompProfile | null
  hub?: () => Promise<ReturnType<typeof hubOf>>
  /** What the store answers instead of a profile. */
  error?: SeccoError
  /** What the hub answers one after the other when it is asked to write what it recorded; the last one again and again. */
  recorded?: readonly (Recorded | undefined)[]
  /** What the hub answers about denials: first before the command, and the last one again and again. */
  list?: object | undefined
  /** What the hub lists of nodes: first before the command. */
  nodes?: object[][]
  denials?: readonly (Partial<DenialList> | SeccoError)[]
}

/** Runs the gate on a clock of its own: each look at it takes a second. */
async function gate(more: Partial<LearnArgs>, { before, found = profile, ...given }: Known = {}) {
  let now = start
  let asked = 0
  const answers = [...(given.recorded ?? [sent])]
  const denials = [...(given.denials ?? [{}])]
  const denialsNow = () => {
    const one = denials.length > 1 ? denials.shift() : denials[0]
    if (one instanceof SeccoError) throw one
    return { knownSince: '2025-01-01T00:00:00.000Z', items: [], ...one }
  }
  const answering = hubOf(() => (answers.length > 1 ? answers.shift() : answers[0]), denialsNow, {
    list: given.list,
    nodes: [...(given.nodes ?? [[]])]
  })
  const { io, printed } = captureIo()
  const hasCommand = (more.command ?? []).length > 0
  const store: Pick<Store, 'get' | 'list'> = {
    get: (() => {
      asked += 1
      if (given.error !== undefined) return Promise.reject(given.error)
      return Promise.resolve(hasCommand && asked === 1 ? before : (found ?? undefined))
    }) as Store['get'],
    list: (() => Promise.resolve([profile])) as Store['list']
  }
  const code = await runLearn(
    {
      ...{
        ref: { namespace: 'shop', name: 'web' },
        command: [],
        untilConfident: false,
        require: ['abis', 'start'],
        isRequired: false
      },
      ...{ quietMs: 2000, timeoutMs: 60_000, baseline: undefined, output: 'table' },
      ...more
    },
    {
      ...{ io, store, now: () => (now += 1000), signal: new AbortController().signal },
      hub: given.hub ?? (() => Promise.resolve(answering))
    }
  )
  return { code, ...printed }
}

test('the gate of a pipeline: its code says which way it went', async (t) => {
  const baseline = { path: 'baseline.json', set: { x86_64: ['read', 'write'] } }
  const cases: { name: string; args: Partial<LearnArgs>; code: number; says: RegExp }[] = [
    { name: 'looks', args: {}, code: 0, says: /3 syscalls after 0 runs[^]*confident/ },
    { name: 'the command fails', args: { command: ['false'] }, code: 1, says: /^$/ },
    {
      name: 'confident',
      args: { command: ['true'], untilConfident: true },
      code: 0,
      says: /after 1 run\n[^]*confident: abis, start, quiet/
    },
    {
      name: 'never confident',
      args: {
        ...{ command: ['true'], untilConfident: true, require: ['instances'] },
        timeoutMs: 5000
      },
      code: 3,
      says: /✗ instances: 1 instance seen\n {2}next: let it run/
    },
    {
      name: 'something new',
      args: { baseline },
      code: 4,
      says: /\+ keyctl \(x86_64\): high risk, RuntimeDefault denies it/
    },
    {
      name: 'nothing new',
      args: { baseline: { path: 'b', set: { x86_64: ['keyctl', 'read', 'write'] } } },
      code: 0,
      says: /nothing beyond b/
    }
  ]
  for (const { name, args, code, says } of cases) {
    const outcome = await gate(args)
    t.equal(outcome.code, code, name)
    t.match(outcome.stdout, says, name)
  }
  t.match(await gate({ untilConfident: true, timeoutMs: 5000 }, { found: null }), {
    ...{ code: 3, stdout: /nothing was observed yet/ }
  })
  await t.rejects(gate({ command: ['/absent/program'] }), {
    ...{ code: 'COMMAND_NOT_STARTED', exitCode: 2 }
  })
})

test('its answer is the next baseline', async (t) => {
  const { stdout } = await gate({ output: 'json' })
  t.same(parseBaseline(stdout, 'answer'), profile.status?.observed)
  t.equal(baselineOwner(stdout), 'shop/web')
  t.equal(baselineOwner(JSON.stringify(profile)), 'shop/web')
  for (const text of ['{"x86_64": ["read"]}', '[]', 'null', '{"profile": 3}'])
    t.equal(baselineOwner(text), undefined, text)
  t.same(parseBaseline('{"x86_64": ["write", "read"]}', 'short'), { x86_64: ['read', 'write'] })
  for (const text of ['', '[]', '{"x86_64": []}', 'null', '{"sparc": ["read"]}']) {
    t.throws(() => parseBaseline(text, 'wrong'), SeccoError, JSON.stringify(text))
  }
})

test('--require takes what evidence has', (t) => {
  t.ok(parseRequired(undefined).includes('serve'))
  t.same(parseRequired('start, stop'), ['start', 'stop'])
  for (const text of ['strat', 'start,reload', ''])
    t.throws(() => parseRequired(text), {
      ...{ code: 'INVALID_ARGUMENT', hint: /^use some of .*start, serve, stop/ }
    })
  t.end()
})

const set = { x86_64: ['keyctl', 'read', 'write'] }
const baseline = { path: 'b', set }
const ofRun = (more: object): SeccompProfile => ({
  ...profile,
  status: {
    ...profile.status,
    instances: (profile.status?.instances ?? []).map((one) => ({ ...one, ...more }))
  }
})
const away = () =>
  Promise.reject(new SeccoError('UNAVAILABLE', 'no hub runs', { hint: 'start it: secco up' }))

const node = (state: Recorded['nodes'][number]['state'], waiting = 0) => ({
  ...{ name: 'n', version: '1.0.0' },
  ...{ state, waiting }
})

test('0 is only for a workload that was recorded in the run, and completely', async (t) => {
  // [what, arguments, what is known, exit code, verdict, reason]
  const table: [string, Partial<LearnArgs>, Known, number, string, RegExp][] = [
    ['recorded, nothing new', {}, {}, 0, 'NothingNew', /recorded completely/],
    ['the command fails', { command: ['false'] }, {}, 1, 'CommandFailed', /failed with 1/],
    [
      'something new',
      { baseline: { path: 'b', set: { x86_64: ['read'] } } },
      {},
      ...([4, 'NewCalls', /2 syscalls of shop\/web are not in b/] as const)
    ],
    [
      'a name of nothing',
      { ref: { namespace: 'shop', name: 'wep' } },
      { found: null },
      ...([5, 'NotProven', /no profile has the name shop\/wep.*did you mean shop\/web\?/] as const)
    ],
    [
      'only records from before',
      {},
      { before: profile },
      ...([5, 'NotProven', /all that is known of it is from before/] as const)
    ],
    [
      'reported late, and ended before the command began',
      {},
      { recorded: [{ ...sent, nodes: [node('silent')] }, sent] },
      ...([5, 'NotProven', /from before/] as const)
    ],
    [
      'the clock of its node is behind',
      {},
      { found: ofRun({ lastSeen: '2025-12-31T23:00:00.000Z' }) },
      ...([0, 'NothingNew', /completely/] as const)
    ],
    [
      'not from the first instruction',
      {},
      { found: ofRun({ complete: false }) },
      ...([5, 'NotProven', /1 of 1 instance of shop\/web in this run was not recorded/] as const)
    ],
    [
      'events were lost',
      {},
      { found: ofRun({ lost: 2 }) },
      ...([5, 'NotProven', /not every call of shop\/web was recorded: 2 events lost/] as const)
    ],
    [
      'its end is missing',
      {},
      { found: ofRun({ ended: false, events: [] }) },
      ...([5, 'NotProven', /the end of a container of shop\/web on n was not recorded/] as const)
    ],
    [
      'an item that a person requires',
      { require: ['instances'], isRequired: true },
      {},
      ...([5, 'NotProven', /required evidence is missing: instances/] as const)
    ],
    [
      'without a command, a name of nothing',
      { command: [] },
      { found: null },
      ...([5, 'NotProven', /no profile has the name/] as const)
    ],
    [
      'without a command, never from the first instruction',
      { command: [] },
      { found: ofRun({ complete: false, events: [] }) },
      ...([5, 'NotProven', /No start was recorded/] as const)
    ],
    [
      'a finding was written while the gate waited',
      {},
      { recorded: [sent, { ...sent, waiting: 1 }, { ...sent, waiting: 1 }, sent] },
      ...([0, 'NothingNew', /completely/] as const)
    ],
    [
      'a finding that is never written',
      { timeoutMs: 5000 },
      { recorded: [{ ...sent, waiting: 2, problem: 'no space' }] },
      ...([
        5,
        'NotProven',
        /of what was recorded of shop\/web, 2 findings are not written yet: no sp/
      ] as const)
    ],
    [
      'a finding for which the profile has no room',
      { timeoutMs: 5000 },
      { recorded: [{ ...sent, problem: 'the profile is full' }] },
      ...([5, 'NotProven', /not everything is written yet: the profile is full/] as const)
    ],
    [
      'without a command, a finding that is never written',
      { command: [], timeoutMs: 5000 },
      { recorded: [{ ...sent, waiting: 1 }] },
      ...([5, 'NotProven', /1 finding is not written yet/] as const)
    ],
    [
      'an observation that is still on its node',
      { timeoutMs: 5000 },
      { recorded: [{ ...sent, nodes: [node('waiting', 3)] }] },
      ...([5, 'NotProven', /3 observations of node n have not reached the hub/] as const)
    ],
    [
      'a node that does not answer',
      { timeoutMs: 5000 },
      { recorded: [{ ...sent, nodes: [node('silent')] }] },
      ...([5, 'NotProven', /node n did not send what it recorded last/] as const)
    ],
    [
      'a node that is away',
      { timeoutMs: 5000 },
      { recorded: [{ ...sent, nodes: [] }] },
      ...([5, 'NotProven', /node n is away/] as const)
    ],
    [
      'an earlier satellite',
      {},
      { recorded: [{ ...sent, nodes: [node('old')] }] },
      ...([5, 'NotProven', /the satellite of node n has version 1\.0\.0, which cannot/] as const)
    ],
    [
      'an earlier satellite on another node',
      {},
      { recorded: [{ ...sent, nodes: [...sent.nodes, { ...node('old'), name: 'other' }] }] },
      ...([0, 'NothingNew', /completely/] as const)
    ],
    ['an earlier hub', {}, { recorded: [undefined] }, 5, 'NotProven', /the hub has an earlier/],
    ['without a command, all records', { command: [] }, {}, 0, 'NothingNew', /completely/],
    [
      'a command without a baseline',
      { baseline: undefined },
      { before: profile },
      ...([5, 'NotProven', /from before/] as const)
    ]
  ]
  for (const [what, args, known, code, verdict, reason] of table) {
    const outcome = await gate(
      { command: ['true'], baseline, quietMs: 1000, output: 'json', ...args },
      known
    )
    const answer = JSON.parse(outcome.stdout) as {
      verdict: string
      reason: string
      exitCode: number
    }
    t.equal(outcome.code, code, `${what}: ${answer.reason}`)
    t.match(answer, { verdict, reason, exitCode: code }, what)
  }
})

test('before the command runs, it is said what becomes of a name that nothing has', async (t) => {
  const mark = `${t.testdir()}/ran`
  const args = { command: ['touch', mark], quietMs: 1000, ref: { namespace: 'shop', name: 'wep' } }
  const known = { found: null }
  await t.rejects(gate({ ...args, baseline: { path: 'b', set, owner: 'shop/web' } }, known), {
    ...{
      code: 'NOT_FOUND',
      exitCode: 2,
      message: /nothing is known of shop\/wep, and b is of shop/
    }
  })
  t.notOk(existsSync(mark), 'the command did not run')
  for (const owner of [undefined, 'shop/wep']) {
    const outcome = await gate({ ...args, baseline: { path: 'b', set, owner } }, known)
    t.equal(outcome.code, 5)
    t.match(
      outcome.stderr,
      /^no profile has the name shop\/wep.*did you mean shop\/web\?\nthe command runs now; unless/
    )
  }
  const list = { items: [{ key: 'k', learned: 'shop/web', gaps: [] }] }
  const own = await gate({ command: ['true'], quietMs: 1000 }, { list })
  t.notMatch(own.stderr, /no profile has the name/, 'a running container is learned into it')
})

test('a hub that rejects the question before the command is an error, not one that went away', async (t) => {
  const mark = `${t.testdir()}/ran`
  const forbidden = new SeccoError('FORBIDDEN', 'ann may not read profiles')
  const open = hubOf(
    () => sent,
    () => ({ knownSince: '', items: [] })
  )
  const hub = () => Promise.resolve({ ...open, ask: () => Promise.reject(forbidden) })
  await t.rejects(gate({ command: ['touch', mark] }, { hub }), { code: 'FORBIDDEN' })
  t.notOk(existsSync(mark))
})

test('a container that failed under its profile is named first', async (t) => {
  const failed = ofRun({ denied: 1, events: ['start', 'killed SIGSYS'] })
  const first = /^a container of shop\/web failed under its profile in this run/
  // [what, arguments, what is known, exit code]
  const table: [string, Partial<LearnArgs>, Known, number][] = [
    ['nothing else', {}, {}, 5],
    ['a node that is away', {}, { recorded: [{ ...sent, nodes: [] }] }, 5],
    ['new calls', { baseline: { path: 'b', set: { x86_64: ['read'] } } }, {}, 4],
    ['the test command fails', { command: ['false'] }, {}, 1],
    ['not confident', { untilConfident: true, require: ['instances'] }, {}, 3]
  ]
  for (const [what, args, known, code] of table) {
    const given = { command: ['true'], baseline, quietMs: 1000, timeoutMs: 5000, ...args }
    const outcome = await gate({ ...given, output: 'json' }, { ...known, found: failed })
    const answer = JSON.parse(outcome.stdout) as { reason: string; next: string }
    t.equal(outcome.code, code, what)
    t.match(answer.reason, first, what)
    t.match(answer.next, /secco denials -n shop/, what)
  }
  const { stderr } = await gate({ command: ['false'] }, { found: failed })
  t.match(
    stderr,
    /^a container of .* failed under[^]*failed with 1[^]*\n {2}next: see what was denied/
  )
})

test('an error before the command ends the watch: nothing keeps the program', async (t) => {
  let ended = false
  const open = hubOf(
    () => sent,
    () => ({ knownSince: '', items: [] })
  )
  const follow: Hub['follow'] = async (path, events, signal) => {
    await open.follow(path, events, signal)
    ended = true
  }
  const error = new SeccoError('INVALID_NAME', 'name "TYPO" is not a valid name')
  const given = { hub: () => Promise.resolve({ ...open, follow }), error }
  await t.rejects(gate({ command: ['true'], baseline }, given), { code: 'INVALID_NAME' })
  t.ok(ended)
})

test('without a hub the command does not run', async (t) => {
  const mark = `${t.testdir()}/ran`
  await t.rejects(gate({ command: ['touch', mark], baseline }, { hub: away }), {
    ...{ code: 'UNAVAILABLE', hint: 'start it: secco up' }
  })
  t.notOk(existsSync(mark))
  await t.rejects(
    gate({ baseline }, { hub: away }),
    { code: 'UNAVAILABLE' },
    'nor is anything proven'
  )
  t.match(await gate({}, { hub: away }), { code: 0 }, 'a look at the store needs none')
})

const denial = (node: string, syscall: string, count: number, more: Partial<DenialView> = {}) =>
  ({
    ...{
      key: `${node} ${syscall} ${more.comm ?? ''}`,
      node,
      instance: `${node}/1`,
      syscall,
      count
    },
    ...{
      abi: 'x86_64',
      action: 'SCMP_ACT_ERRNO',
      answer: 'EPERM',
      namespace: 'shop',
      profile: 'web'
    },
    ...{ comm: 'app', lastSeen: '2026-11-25T10:00:00Z', expected: false, state: 'open' },
    ...more
  }) as DenialView

test('a call that was denied was made: the baseline decides whether it is new', async (t) => {
  const barred = (count: number, more: object = {}) => denial('n', 'getpriority', count, more)
  const later = { knownSince: '2026-01-01T00:00:30.000Z' }
  const none = new SeccoError('FORBIDDEN', 'ann may not list denials')
  // [what, the answers about denials, arguments, exit code, reason]
  const table: [string, NonNullable<Known['denials']>, Partial<LearnArgs>, number, RegExp][] = [
    [
      'denied in the run',
      [{}, { items: [barred(1)] }],
      {},
      ...([4, /1 syscall of shop\/web is not in b; denied: getpriority$/] as const)
    ],
    ['denied before the run', [{ items: [barred(2)] }], {}, 0, /completely/],
    [
      'denied once more',
      [{ items: [barred(2)] }, { items: [barred(3)] }],
      {},
      ...([4, /denied: getpriority/] as const)
    ],
    [
      'the row of another caller was joined to it',
      [{ items: [barred(2), barred(1, { comm: 'b' })] }, { items: [barred(3)] }],
      {},
      ...([0, /completely/] as const)
    ],
    [
      'muted, expected and closed ones',
      [{}, { items: [barred(1, { state: 'muted', expected: true, closedAt: 'now' })] }],
      {},
      ...([4, /denied: getpriority/] as const)
    ],
    ['in the baseline', [{}, { items: [denial('n', 'keyctl', 1)] }], {}, 0, /completely/],
    [
      'in the baseline under another ABI',
      [{}, { items: [denial('n', 'keyctl', 1, { abi: 'i386' })] }],
      {},
      ...([4, /denied: keyctl/] as const)
    ],
    [
      'in the baseline, its ABI not known',
      [{}, { items: [denial('n', 'keyctl', 1, { abi: '' })] }],
      {},
      0,
      /compl/
    ],
    ['of another profile', [{}, { items: [barred(1, { profile: 'db' })] }], {}, 0, /completely/],
    ['without a command', [{ items: [barred(1)] }], { command: [] }, 4, /denied: getpriority/],
    [
      'a person who may not list them',
      [none],
      {},
      5,
      /denied to shop\/web is not known: ann may not/
    ],
    ['nor without a command', [none], { command: [] }, 5, /denied to shop\/web is not known/],
    [
      'not known for the whole run',
      [{}, later],
      {},
      5,
      /knows denials only since 2026-01-01T00:00:30/
    ],
    [
      'older ones are forgotten',
      [{ items: [barred(1)] }, { ...later, items: [barred(1)] }],
      {},
      ...([0, /completely/] as const)
    ],
    ['without a baseline nobody asks', [none], { baseline: undefined }, 0, /observed/]
  ]
  for (const [what, denials, args, code, reason] of table) {
    const outcome = await gate(
      { command: ['true'], baseline, quietMs: 1000, output: 'json', ...args },
      { denials }
    )
    const answer = JSON.parse(outcome.stdout) as { reason: string; new: object[] }
    t.equal(outcome.code, code, `${what}: ${answer.reason}`)
    t.match(answer.reason, reason, what)
    if (code === 4) t.match(answer.new, [{ denied: 'EPERM' }], what)
  }
  const { stdout, stderr } = await gate({ baseline }, { denials: [{ items: [barred(1)] }] })
  t.match(stdout, /\+ getpriority \(x86_64\): denied \(EPERM\)\n/)
  t.match(stderr, /secco denials -n shop --muted --expected --closed\n.*add the denied ones to it/)
})

test('each command of the next step has its own line', async (t) => {
  const { stderr } = await gate({ baseline: undefined })
  t.match(stderr, /next: secco diff shop\/web\n {6}secco profile approve shop\/web\n/)
  const denied = denial('n', 'getpriority', 1)
  const less = { path: 'b', set: { x86_64: ['read'] }, owner: undefined }
  const both = await gate({ baseline: less }, { denials: [{ items: [denied] }] })
  t.match(
    both.stderr,
    /next: review them: secco diff shop\/web\n {6}secco denials -n shop --muted --expected --closed\n/
  )
})

test('each container of the run, and each node, has to be known', async (t) => {
  const seen = (id: string) => ({
    ...{
      key: `n/${id}@1`,
      id,
      name: id,
      node: 'n',
      learned: 'shop/web',
      ephemeral: false,
      optedOut: false,
      gaps: []
    }
  })
  const losses = { tableFull: 0, unknownSyscalls: 0, recursionMisses: 0, unidentified: 0 }
  const nodeWith = (missed: number, gaps: object[] = []) => [
    {
      ...{ name: 'n', connected: true, hook: 'tp_btf', record: 'always', gaps },
      losses: { ...losses, details: 0, missed, givenUp: 0 }
    }
  ]
  const notReporting = [{ name: 'm', lastSeen: '', listed: false, why: 'not reported yet' }]
  const failed = ofRun({ denied: 1, events: ['start', 'killed SIGSYS'] })
  const table: [string, Known, number, RegExp][] = [
    ['one that was recorded', { list: { items: [seen('c1')] } }, 5, /the end of|completely/],
    [
      'two on one node, one of them never recorded',
      { list: { items: [seen('c1'), seen('c2')] } },
      ...([5, /container c2 of shop\/web ran on n, and nothing was recorded of it/] as const)
    ],
    [
      'a node that does not report',
      { list: { items: [], missingNodes: 1, notReporting, awayNodes: [] } },
      ...([5, /node m does not report/] as const)
    ],
    [
      'nodes whose names the person may not know',
      { list: { items: [], missingNodes: 2, notReporting: [], awayNodes: [] } },
      ...([5, /2 nodes do not report/] as const)
    ],
    [
      'the recorder began again, and lost',
      { nodes: [nodeWith(5), nodeWith(2)] },
      5,
      /node n lost calls/
    ],
    ['nothing was lost in the run', { nodes: [nodeWith(5), nodeWith(5)] }, 0, /completely/],
    ['it failed under its profile', { found: failed }, 5, /failed under its profile in this run/]
  ]
  for (const [what, known, code, reason] of table) {
    const args = { command: ['true'], baseline, quietMs: 1000, timeoutMs: 5000 } as const
    const outcome = await gate({ ...args, output: 'json' }, known)
    const answer = JSON.parse(outcome.stdout) as { reason: string }
    if (what !== 'one that was recorded') t.equal(outcome.code, code, `${what}: ${answer.reason}`)
    t.match(answer.reason, reason, what)
  }
})
