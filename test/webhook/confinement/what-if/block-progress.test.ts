import { test } from 'tap'
import { buildSnapshot } from '../../../../src/rules/snapshot.js'
import type { LinuxSeccomp, SeccompSyscall } from '../../../../src/api/seccomp-profile.js'
import { ownProfile, type OwnProgram } from '../../../../src/seccomp/render/own.js'
import { createBlockProgress } from '../../../../webhook/confinement/what-if/block-progress.js'
import { openWords, progressWords } from '../../../../webhook/confinement/what-if/block-words.js'
import type { DecidedContainer } from '../../../../webhook/confinement/containers/container-view.js'
import type { ContainerView } from '../../../../webhook/confinement/containers/container-views.js'
import type { FleetInventory } from '../../../../webhook/hub/nodes/inventory.js'
import type { NodeState } from '../../../../webhook/hub/nodes/node-state.js'
import { builtView, runningUnder } from '../../../helpers/built-view.js'

const letting = (...syscalls: SeccompSyscall[]): LinuxSeccomp => ({
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls
})
const allow = (name: string, args?: SeccompSyscall['args']): SeccompSyscall => ({
  ...{ names: [name], action: 'SCMP_ACT_ALLOW' },
  ...(args === undefined ? {} : { args })
})
const revisions: Readonly<Record<string, LinuxSeccomp>> = {
  whole: letting(allow('bpf'), allow('socket')),
  without: letting(allow('read')),
  part: letting(allow('socket', [{ index: 0, op: 'SCMP_CMP_EQ', value: 1 }])),
  algOnly: letting(allow('socket', [{ index: 0, op: 'SCMP_CMP_EQ', value: 38 }])),
  algBeside: letting(
    ...[1, 38].map((value) => allow('socket', [{ index: 0, op: 'SCMP_CMP_EQ', value }]))
  )
}
const view = (name: string, revision: string, over: Partial<ContainerView> = {}) =>
  ({
    ...{
      key: `n1/${name}@1`,
      name,
      node: 'n1',
      namespace: 'shop',
      pod: name,
      runtime: '',
      id: name
    },
    ...{ workload: `Deployment/${name}`, state: 'enforced', revision, wanted: '', stale: false },
    ...over
  }) as ContainerView

/** The view that the hub builds of a container of Secco itself. */
const ownView = (program: OwnProgram): ContainerView => ({
  ...builtView(runningUnder(ownProfile(program).digest, { declared: 'other' })),
  ...{ name: program, key: `n1/${program}@1` }
})

/** What each container under RuntimeDefault reports that it allows beyond that of default capabilities, by its name. */
const beyond: Readonly<Record<string, readonly string[]>> = {
  ...{ plain: [], capable: ['bpf', 'mount'], filed: ['bpf', 'socket'] }
}
const runningAs = (id: string) => {
  const names = beyond[id.replace(/^n1\/|@1$/g, '')]
  return runningUnder('', names === undefined ? {} : { beyondDefault: { names: [...names] } })
}

function progressOf(...views: ContainerView[]) {
  return progressWith(views, [])
}

/** The progress while these nodes have not reported their containers. */
function progressWith(
  views: readonly ContainerView[],
  missing: readonly string[],
  nodes: readonly Partial<NodeState>[] = [{ name: 'n1' }]
) {
  return createBlockProgress({
    profile: () => undefined,
    views: {
      list: () => [...views],
      decided: (key) =>
        (key.includes('authored')
          ? { decision: { containers: [{ outcome: 'kept' }] } }
          : undefined) as DecidedContainer | undefined
    },
    sources: {
      snapshot: () => buildSnapshot({}),
      hub: {
        nodes: () =>
          [...nodes, ...missing.map((name) => ({ name }))].map(
            (node) => ({ connected: true, lastSeen: '', ...node }) as NodeState
          ),
        inventory: {
          isComplete: (node: string) => !missing.includes(node),
          get: (id: string) => runningAs(id)
        } as FleetInventory,
        bytes: (digest) => {
          const found = revisions[digest]
          return Promise.resolve(found && Buffer.from(JSON.stringify(found)))
        }
      }
    }
  })
}

test('a block lists the containers that can still make the syscall until they restart', async (t) => {
  const stale = { stale: true }
  const all = progressOf(
    view('open', 'whole'),
    view('closed', 'without'),
    // Something else of its profile changed: it asks for nothing that is blocked.
    view('behind', 'without', stale),
    view('audited', 'whole', { state: 'audit' }),
    // What its filter allows nobody knows.
    view('unknown', 'lost'),
    // RuntimeDefault denies bpf.
    view('plain', '', { state: 'runtime-default' }),
    view('bare', '', { state: 'unconfined' }),
    view('ruled', '', { state: 'unconfined', wanted: 'without' }),
    view('foreign', '', { state: 'other' }),
    view('authored', '', { state: 'other' }),
    view('privileged', '', { state: 'not-protectable', wanted: 'without' }),
    view('young', 'whole', { state: 'starting' }),
    // Secco's own profile allows bpf to the satellite, and denies it to the webhook.
    ownView('satellite'),
    ownView('webhook')
  )
  const answer = await all([{ name: 'bpf' }])
  t.same(
    answer.restart.map(({ name }) => name),
    ['open', 'audited', 'unknown', 'ruled'],
    'also one without a filter, if a rule gives it a profile'
  )
  t.same(
    answer.unreached.map(({ name, why }) => `${name} ${why}`),
    [
      'bare is unconfined, and no rule gives it a profile',
      'foreign runs under a profile that a block does not change, and no rule gives it another',
      "authored keeps its author's Localhost profile",
      'privileged is privileged: no filter applies to it',
      'satellite runs under the profile that Secco ships, which a block does not change'
    ]
  )
  t.match(answer, { total: 13, done: 30 }, 'every running container is counted')
  t.equal(answer.restart[0]?.command, 'kubectl rollout restart -n shop deployment/open')

  const restarted = await progressOf(
    view('open', 'without'),
    view('behind', 'without', stale)
  )([{ name: 'bpf' }])
  t.same(restarted, {
    restart: [],
    unreached: [],
    total: 2,
    done: 100,
    missingNodes: 0,
    notReporting: []
  })
  t.same(
    await progressOf()([{ name: 'bpf' }]),
    { restart: [], unreached: [], total: 0, missingNodes: 0, notReporting: [] },
    'no percentage of none'
  )
})

test('RuntimeDefault allows what the node reports, and nobody knows what where it reports nothing', async (t) => {
  const alg = { name: 'socket', args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 38 } as const] }
  // [what is blocked, who can still make it]
  const table: [Parameters<ReturnType<typeof progressWith>>[0][number], string[]][] = [
    [{ name: 'bpf' }, ['capable', 'filed', 'silent']],
    [{ name: 'mount' }, ['capable', 'silent']],
    [{ name: 'kexec_load' }, ['silent']],
    [{ name: 'read' }, ['plain', 'capable', 'filed', 'silent']],
    // socketcall of programs of 32 bits, which it allows, has any family.
    [alg, ['plain', 'capable', 'filed', 'silent']]
  ]
  const all = progressOf(
    ...['plain', 'capable', 'filed', 'silent'].map((name) =>
      view(name, '', { state: 'runtime-default' })
    )
  )
  for (const [rule, expected] of table) {
    const { unreached, total } = await all([rule])
    t.same(
      unreached.map(({ name }) => name),
      expected,
      rule.name
    )
    t.equal(total, 4)
    const of = (wanted: string) => unreached.find(({ name }) => name === wanted)?.why
    t.match(of('silent'), /does not report what that allows there: update its satellite$/)
    t.not(of('capable'), of('silent'), 'what is reported has another reason')
  }
})

test('RuntimeDefault of a machine without programs of 32 bits has no way around a blocked argument', async (t) => {
  const alg = { name: 'socket', args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 38 } as const] }
  for (const [arch, expected] of [
    ['x86_64', ['plain', 'filed']],
    ['aarch64', ['filed']]
  ] as const) {
    const views = ['plain', 'filed'].map((name) => view(name, '', { state: 'runtime-default' }))
    const status = { arch } as NodeState['status']
    const { unreached } = await progressWith(views, [], [{ name: 'n1', status }])([alg])
    t.same(
      unreached.map(({ name }) => name),
      expected,
      arch
    )
  }
})

test('a revision that is not in force denies nothing, whatever was promised', async (t) => {
  // [state, whether a rule gives it a profile, whether a restart brings the block]
  const table: [ContainerView['state'], string, boolean][] = [
    ['unconfined', 'without', true],
    ['unconfined', '', false],
    ['other', 'without', true],
    ['other', '', false],
    ['not-protectable', 'without', false]
  ]
  for (const [state, wanted, isRestart] of table) {
    const all = progressOf(view('promised', 'without', { state, wanted }), view('kept', 'without'))
    const { restart, unreached, done } = await all([{ name: 'bpf' }])
    const counts = [restart.length, unreached.length, done]
    t.same(counts, isRestart ? [1, 0, 50] : [0, 1, 50], `${state} ${wanted}`)
  }
  const { digest } = ownProfile('webhook')
  const bare = view('bare', digest, { state: 'unconfined' })
  t.match((await progressOf(bare)([{ name: 'bpf' }])).unreached, [{ why: /is unconfined/ }])
})

test('a block names the nodes that have not reported', async (t) => {
  const closed = [view('closed', 'without')]
  const why = 'connected, and its list of containers is not complete yet'
  const limit = `, as far as is known: 2 nodes have not reported what runs there: n2 (${why}), n3 (${why})`
  // [containers, nodes that have not reported, secco block, the page]
  const table: [ContainerView[], string[], string, string][] = [
    [[], [], 'no container runs', 'no container runs'],
    [[], ['n2', 'n3'], `no container runs${limit}`, `no container runs${limit}`],
    [
      closed,
      ['n2', 'n3'],
      `1 of 1 running container deny it (100 %)${limit}`,
      `nobody: 1 running container, and all deny it${limit}`
    ]
  ]
  for (const [views, missing, progress, open] of table) {
    const answer = await progressWith(views, missing)([{ name: 'bpf' }])
    t.equal(answer.missingNodes, missing.length)
    t.equal(progressWords(answer), progress)
    t.equal(openWords(answer), open)
  }
})

test('containers of a node that does not report now are as they were, and the words name the node', async (t) => {
  const lastSeen = '2026-01-01T00:00:00Z'
  const nodes = [{ name: 'n1', connected: false, lastSeen }]
  const answer = await progressWith([view('closed', 'without')], [], nodes)([{ name: 'bpf' }])
  t.match(answer, { missingNodes: 0, notReporting: [{ name: 'n1', listed: true, lastSeen }] })
  const away = `containers of these nodes are as they last reported: n1 (no report since ${lastSeen})`
  t.equal(progressWords(answer), `1 of 1 running container deny it (100 %); ${away}`)
  t.equal(openWords(answer), `nobody: 1 running container, and all deny it; ${away}`)
})

test('a block of some arguments: who runs under a filter that allows just these is open, stale or not', async (t) => {
  const alg = [{ name: 'socket', args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 38 } as const] }]
  const stale = { stale: true }
  // [revision, whether it can make the call]: a newer revision changes nothing in a running container.
  const table: [string, boolean][] = [
    ['whole', true],
    ['without', false],
    ['part', false],
    ['algOnly', true],
    ['algBeside', true],
    ['lost', true]
  ]
  for (const [revision, isOpen] of table) {
    for (const over of [{}, stale]) {
      const { restart, done } = await progressOf(view(revision, revision, over))(alg)
      t.same(
        [restart.length, done],
        isOpen ? [1, 0] : [0, 100],
        `${revision} ${JSON.stringify(over)}`
      )
    }
  }
})

test('a container of whose filter nothing is known counts as open, and the answer says so', async (t) => {
  const views = [
    view('open', 'whole'),
    view('unknown', 'lost'),
    view('closed', 'without'),
    view('foreign', '', { state: 'other' }),
    view('bare', '', { state: 'unconfined' }),
    view('silent', '', { state: 'runtime-default' })
  ]
  const answer = await progressOf(...views)([{ name: 'bpf' }])
  t.same(
    [...answer.restart, ...answer.unreached].map(({ name, certain }) => [name, certain]),
    [
      ['open', true],
      ['unknown', false],
      ['foreign', false],
      ['bare', true],
      ['silent', false]
    ]
  )
  const doubt = 'because it is not known what their filters allow'
  t.equal(
    openWords(answer),
    `5 of 6 running containers can still make it; 3 of them also after a restart; 3 of them ${doubt}`
  )
  t.equal(
    progressWords(answer),
    `1 of 6 running containers deny it (16 %); 3 of the others ${doubt}`
  )
})

test('the progress of a block leaves the event loop to others, however many containers run', async (t) => {
  const denied = ['ptrace', 'keyctl']
  const many = Array.from({ length: 20_000 }, (_, nth) => view(`c${nth}`, '', { state: 'other' }))
  const running = runningUnder('', {
    ...{ declared: 'like-default', beyondDefault: { names: ['bpf', 'mount'] } },
    likeDefault: { difference: '', denied }
  })
  const progress = createBlockProgress({
    profile: () => undefined,
    views: { list: () => many, decided: () => undefined },
    sources: {
      snapshot: () => buildSnapshot({}),
      hub: {
        ...{ nodes: () => [], bytes: () => Promise.resolve(undefined) },
        inventory: {
          isComplete: () => true,
          get: () => {
            count.looks += 1
            return running
          }
        } as never
      }
    }
  })
  const count = { turns: 0, isOver: false, looks: 0 }
  const next = () => {
    count.turns += 1
    if (!count.isOver) setImmediate(next)
  }
  next()
  const before = process.cpuUsage()
  const [closed, open] = [await progress([{ name: 'ptrace' }]), await progress([{ name: 'bpf' }])]
  const { user, system } = process.cpuUsage(before)
  count.isOver = true
  t.equal(closed.done, 100)
  t.equal(open.unreached.length, many.length)
  // Of the processor: other work may take any time beside it.
  const tookMs = (user + system) / 1000
  t.ok(tookMs < 5000, `${Math.round(tookMs)} ms for twice ${many.length}`)
  t.ok(count.looks <= 2 * many.length, `${count.looks} looks at ${many.length} containers, twice`)
  t.ok(count.turns > 2, `${count.turns} turns of others`)
})
