import { test } from 'tap'
import { DenialRows } from '../../../../webhook/hub/denials/denial-rows.js'
import type { Denial } from '../../../../webhook/hub/denials/denial.js'
import type { ContainerView } from '../../../../webhook/confinement/containers/container-view.js'
import type { Confinement } from '../../../../webhook/confinement/containers/confinement.js'
import { whyEperm } from '../../../../webhook/confinement/denials/why-eperm.js'
import { absenceWords } from '../../../../cli/lib/known-since.js'
import { UsedSet } from '../../../../src/api/gen/hub.js'
import { FleetSets } from '../../../../webhook/hub/nodes/used-sets.js'
import { view } from '../../../helpers/hub-answers.js'
import { noProfiles } from '../../../helpers/no-profiles.js'
import { matchLists } from '../../../helpers/match-lists.js'

test('denials of a running container identify it, and show nothing else of it', (t) => {
  const startedAt = '2026-01-01T00:00:00Z'
  const secret = {
    image: 'registry/app:1',
    pid: 77,
    risk: 9,
    restarts: 3,
    disk: 'missing'
  } as const
  const container = view('n1', 'app', { startedAt, ...secret })
  const denialRows = new DenialRows()
  for (const [syscall, expected] of [
    ['getsid', false],
    ['clone3', true]
  ] as const) {
    const denial = {
      ...{ node: 'n1', instance: 'n1/1', container: container.id, containerName: 'app' },
      ...{ namespace: 'shop', profile: 'web', workload: 'Pod/app', pod: 'app', revision: '' },
      ...{ syscall, abi: 'x86_64', action: 'SCMP_ACT_ERRNO', errno: 1, signal: '', comm: 'app' },
      ...{ pid: 7, arguments: '', expected, succeeded: 0, count: 1 },
      ...{ lastSeen: '2026-01-01T00:00:01Z', at: '2026-01-01T00:00:01Z' }
    } as Denial
    denialRows.grow(denial, 1, denial.lastSeen)
  }
  const decision = { containers: [{ rule: 'shop/all' }] }
  const confinement = {
    sources: {
      ...noProfiles.sources,
      hub: {
        ...noProfiles.hub,
        denialRows,
        sets: new FleetSets(),
        nodes: () => [{ name: 'n2', status: { hook: 'raw_tp' } }]
      },
      now: () => 0
    },
    views: {
      list: () => [container],
      decided: () => ({ decision }),
      peekContainer: () => undefined,
      reachedBy: () => []
    },
    revisions: noProfiles.revisions,
    recording: {
      whyNot: (node: string) => (node === 'n1' ? 'has nothing attached' : undefined),
      since: () => 0
    },
    profile: () => undefined
  } as unknown as Confinement
  const { items, before } = whyEperm(confinement, 'app')
  matchLists(t, items, [
    {
      container: { key: 'n1/app', namespace: 'shop', workload: 'Pod/app', why: container.why },
      rule: 'shop/all',
      unheard: 'has nothing attached',
      denials: [{ syscall: 'getsid' }, { syscall: 'clone3' }],
      words: [
        /^app \(pid 7\) in container app of pod app on n1 called getsid and got EPERM, 1 time/
      ]
    }
  ])
  t.equal(items[0]?.words.length, 1, 'no sentence about expected denials')
  for (const key of Object.keys(secret)) t.notOk(key in (items[0]?.container ?? {}), key)
  t.same(before, [])
  const elsewhere = {
    ...confinement,
    views: { ...confinement.views, list: () => [view('n2', 'app')] }
  }
  matchLists(t, whyEperm(elsewhere, 'app').items, [{ unheard: /denied for its arguments alone/ }])
  t.end()
})

test('a hub excludes a denial only of containers that began after its record of denials', (t) => {
  const began = '2026-01-01T10:00:00.000Z'
  const denial = {
    ...{ node: 'n1', instance: 'n1/1', containerName: 'app', namespace: 'shop', profile: 'web' },
    ...{ workload: 'Pod/app', pod: 'app', revision: '', syscall: 'getsid', abi: 'x86_64' },
    ...{ action: 'SCMP_ACT_ERRNO', errno: 1, signal: '', comm: 'app', pid: 7, arguments: '' },
    ...{ expected: false, succeeded: 0, count: 1, lastSeen: '2026-01-01T10:00:05Z', at: '' }
  }
  const now = Date.parse('2026-01-01T11:00:00Z')
  for (const [what, startedAt, isDenied, deafUntil, words, knownSince, recorded = ''] of [
    ['younger', '2026-01-01T10:00:01Z', false, 0, /no syscall was denied .* another cause/, began],
    ['younger, denied', '2026-01-01T10:00:01Z', true, 0, /getsid and got EPERM/, began],
    ['older', '2026-01-01T09:59:59Z', false, 0, /known since 2026-01-01T10:00:00.000Z, but/, began],
    ['older, denied', '2026-01-01T09:59:59Z', true, 0, /getsid and got EPERM/, began],
    [
      ...(['younger, but its node was away later', '2026-01-01T10:00:01Z', false] as const),
      ...([Date.parse('2026-01-01T10:30:00Z'), /known since 2026-01-01T10:30/] as const),
      '2026-01-01T10:30:00.000Z'
    ],
    [
      ...(['younger, recorded late', '2026-01-01T10:00:01Z', false, 0] as const),
      ...([/known since 2026-01-01T10:20/, '2026-01-01T10:20:00.000Z'] as const),
      '2026-01-01T10:20:00Z'
    ],
    [
      ...(['younger, not recorded', '2026-01-01T10:00:01Z', false, 0] as const),
      ...([/known since 2026-01-01T11:00/, '2026-01-01T11:00:00.000Z', null] as const)
    ]
  ] as const) {
    const container = view('n1', 'app', { startedAt })
    const sets = new FleetSets()
    if (recorded !== null) {
      sets.put(container.key, UsedSet.fromPartial({ since: recorded, complete: recorded === '' }))
    }
    const denialRows = new DenialRows({ since: began, rows: [], runs: {} })
    if (isDenied) denialRows.grow({ ...denial, container: container.id }, 1, denial.lastSeen)
    const confinement = {
      sources: {
        ...noProfiles.sources,
        hub: { ...noProfiles.hub, denialRows, sets, nodes: () => [] },
        now: () => now
      },
      views: {
        list: () => [container],
        decided: () => undefined,
        peekContainer: () => undefined,
        reachedBy: () => []
      },
      revisions: noProfiles.revisions,
      recording: { whyNot: () => undefined, since: () => deafUntil },
      profile: () => undefined
    } as unknown as Confinement
    const answer = whyEperm(confinement, 'app')
    const [item] = answer.items
    t.match(item, { knownSince }, what)
    t.equal(answer.knownSince, began, what)
    const said = isDenied
      ? (item?.words.join() ?? '')
      : absenceWords({ container, knownSince: item?.knownSince, unheard: undefined, isOnly: true })
    t.match(said, words, what)
    if (what !== 'younger') t.notMatch(said, /another cause/, what)
  }
  t.end()
})

test('a container is judged by the filter that it has, not by what its profile renders to now', (t) => {
  const digest = `sha256:${'d'.repeat(64)}`
  const declared = [{ profile: 'shop/app', digest, mode: 'audit' }]
  // [state of the container, revisions that the hub knows by its digest, mode that its denials are recorded in]
  const table: [ContainerView['state'], object[], string][] = [
    ['enforced', [], 'enforce'],
    ['enforced', [{ ...declared[0], profile: 'shop/other' }], 'enforce'],
    ['audit', [], 'audit'],
    ['runtime-default', declared, 'learn'],
    ['unconfined', [], 'learn'],
    ['starting', declared, 'audit'],
    ['starting', [{ ...declared[0], profile: 'shop/other' }], 'learn']
  ]
  for (const [state, known, mode] of table) {
    const container = view('n1', 'app', { state, profile: 'shop/app', revision: digest })
    const asked: string[] = []
    const confinement = {
      sources: {
        hub: {
          ...noProfiles.hub,
          denialRows: new DenialRows({ since: '2026-01-01T00:00:00Z', rows: [], runs: {} }),
          sets: new FleetSets(),
          nodes: () => []
        },
        now: () => 0
      },
      views: { list: () => [container], decided: () => undefined },
      revisions: { ...noProfiles.revisions, byDigest: () => known },
      recording: {
        whyNot: (_node: string, of: string) => void asked.push(of),
        since: (_node: string, of: string) => (asked.push(of), 0)
      },
      profile: () => undefined
    } as unknown as Confinement
    whyEperm(confinement, 'app')
    t.same([...new Set(asked)], [mode], `${state}, ${known.length} known`)
  }
  t.end()
})
