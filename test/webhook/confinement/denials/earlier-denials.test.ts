import { test } from 'tap'
import { DenialRows } from '../../../../webhook/hub/denials/denial-rows.js'
import type { Denial } from '../../../../webhook/hub/denials/denial.js'
import type { ContainerView } from '../../../../webhook/confinement/containers/container-views.js'
import { explainRoutes } from '../../../../webhook/confinement/explain.js'
import { earlierDenials } from '../../../../webhook/confinement/denials/earlier-denials.js'
import type { ConfinementCall } from '../../../../webhook/confinement/containers/route.js'
import type { Confinement } from '../../../../webhook/confinement/containers/confinement.js'
import type { WhyEperm } from '../../../../webhook/confinement/denials/why-eperm.js'
import type { NodeState } from '../../../../webhook/hub/nodes/node-state.js'
import { noProfiles } from '../../../helpers/no-profiles.js'
import { matchLists } from '../../../helpers/match-lists.js'

const second = (at: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, at)).toISOString()

/** Returns the confinement of a hub that knows these denials. */
function confinementOf(
  told: readonly (Partial<Denial> & { at: string })[],
  running: readonly ContainerView[] = []
): Confinement {
  const denialRows = new DenialRows()
  for (const one of told) {
    const denial = {
      ...{ node: 'n1', instance: 'n1/c1', container: 'c1', containerName: 'app', pod: 'web-1' },
      ...{ namespace: 'shop', profile: 'web', workload: 'Deployment/web', revision: '' },
      ...{ syscall: 'getsid', abi: 'x86_64', action: 'SCMP_ACT_ERRNO', errno: 1, signal: '' },
      ...{ comm: 'app', pid: 7, arguments: '', expected: false, succeeded: 0, count: 1 },
      ...{ lastSeen: one.at, ...one }
    }
    denialRows.grow(denial, denial.count, one.at)
  }
  return {
    sources: { ...noProfiles.sources, hub: { ...noProfiles.hub, denialRows } },
    views: { list: () => running, peekContainer: () => undefined, reachedBy: () => [] },
    revisions: noProfiles.revisions,
    profile: () => undefined
  } as unknown as Confinement
}

const running = (id: string, startedAt: string) =>
  ({ node: 'n1', id, startedAt }) as unknown as ContainerView

test('denials of ended containers, and of containers that just began', (t) => {
  const told = [
    { at: second(10) },
    { at: second(20), container: 'c2', instance: 'n1/c2', syscall: 'bpf' },
    { at: second(21), container: 'c2', instance: 'n1/c2', syscall: 'clone3', expected: true },
    { at: second(22), container: 'c3', instance: 'n1/c3', namespace: 'prod' },
    { at: second(23), container: 'c4', instance: 'n1/c4', containerName: 'side', pod: 'other' },
    { at: second(24), container: 'c5', instance: 'n1/c5', containerName: 'plain', pod: '' }
  ]
  for (const [what, now, name, namespace, wanted] of [
    ['nothing runs', [], 'web-1', 'shop', ['c1', 'c2']],
    ['the second run does', [running('c2', second(15))], 'web-1', 'shop', ['c1']],
    ['by id', [], 'c1', undefined, ['c1']],
    ['everywhere', [], 'app', undefined, ['c1', 'c2', 'c3']],
    ['another name', [], 'nothing', undefined, []],
    ['no pod: where no namespace is', [], 'plain', 'default', ['c5']],
    ['no pod: its profile’s namespace is not its own', [], 'plain', 'shop', []]
  ] as const) {
    const rows = earlierDenials(confinementOf(told, now), name, namespace)
    t.same(
      rows.map(({ container }) => container),
      wanted,
      what
    )
  }
  t.end()
})

test('a container id that is used again is another run', (t) => {
  const told = [{ at: second(10) }, { at: second(30), instance: 'n1/c1/2' }]
  const rows = earlierDenials(confinementOf(told, [running('c1', second(20))]), 'c1')
  t.same(
    rows.map(({ instance }) => instance),
    ['n1/c1']
  )
  t.end()
})

test('why-eperm reports the denials of ended containers; explain does not', async (t) => {
  const confinement = confinementOf([{ at: second(10) }])
  const ask = (url: string, name: string) =>
    explainRoutes(confinement)
      .find((route) => route.url === `/api/v1/${url}`)
      ?.handle({
        query: { name },
        sees: () => true
      } as unknown as ConfinementCall) as Promise<unknown>
  const told = (await ask('why-eperm', 'web-1')) as WhyEperm
  matchLists(t, told, { items: [], before: [{ syscall: 'getsid', container: 'c1' }] })
  t.match(
    told.before[0]?.words,
    /^app \(pid 7\) in container app of pod web-1 on n1 called getsid and got EPERM, 1 time/
  )
  for (const [url, name, hint] of [
    ['explain', 'web-1', /secco ps -A.*ended containers: `secco why-eperm web-1`/],
    ['why-eperm', 'nothing', /secco ps -A.*one that has ended: `secco history nothing`/]
  ] as const) {
    await t.rejects(ask(url, name), { code: 'CONTAINER_NOT_FOUND', hint }, `${url} ${name}`)
  }
  t.equal(told.missingNodes, 0)
  // A node that has not reported its containers may run one of the name.
  confinement.sources.hub.nodes = () => [{ name: 'n2' }] as NodeState[]
  t.match(await ask('why-eperm', 'web-1'), { missingNodes: 1 })
  for (const url of ['explain', 'why-eperm'])
    await t.rejects(ask(url, 'nothing'), {
      message: /^nothing: no known container has this name, and 1 node has not reported what runs/
    })
})
