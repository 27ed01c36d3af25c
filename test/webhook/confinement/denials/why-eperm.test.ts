import { test } from 'tap'
import { createDenialRows } from '../../../../webhook/hub/denials/denial-rows.js'
import type { Denial } from '../../../../webhook/hub/denials/denial.js'
import type { Truth } from '../../../../webhook/confinement/truth.js'
import { whyEperm } from '../../../../webhook/confinement/denials/why-eperm.js'
import { view } from '../../../helpers/hub-answers.js'

test('refused calls of one that runs: which one it is, and no more of it', (t) => {
  const startedAt = '2026-01-01T00:00:00Z'
  const secret = {
    image: 'registry/app:1',
    pid: 77,
    risk: 9,
    restarts: 3,
    disk: 'missing'
  } as const
  const container = view('n1', 'app', { startedAt, ...secret })
  const denialRows = createDenialRows()
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
  const truth = {
    sources: { hub: { denialRows, nodes: () => [{ name: 'n2', status: { hook: 'raw_tp' } }] } },
    views: { list: () => [container], decided: () => ({ decision }) },
    revisions: { byDigest: () => [] },
    hearing: { whyDeaf: (node: string) => (node === 'n1' ? 'has nothing attached' : undefined) },
    profile: () => undefined
  } as unknown as Truth
  const { items, before } = whyEperm(truth, 'app')
  t.match(items, [
    {
      container: { key: 'n1/app', namespace: 'shop', workload: 'Pod/app', why: container.why },
      rule: 'shop/all',
      unheard: 'has nothing attached',
      denials: [{ syscall: 'getsid' }, { syscall: 'clone3' }],
      words: [/^app \(pid 7\) in app on n1 called getsid and got EPERM, 1 time/]
    }
  ])
  t.equal(items[0]?.words.length, 1, 'nothing is said of what was refused on purpose')
  for (const key of Object.keys(secret)) t.notOk(key in (items[0]?.container ?? {}), key)
  t.same(before, [])
  const elsewhere = { ...truth, views: { ...truth.views, list: () => [view('n2', 'app')] } }
  t.match(whyEperm(elsewhere, 'app').items, [{ unheard: /refused for its arguments alone/ }])
  t.end()
})
