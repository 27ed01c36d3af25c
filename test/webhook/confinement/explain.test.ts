import { test } from 'tap'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { ContainerRef } from '../../../src/api/gen/hub.js'
import { apiVersion } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { Running } from '../../../webhook/hub/nodes/inventory.js'
import type { Confinement } from '../../../webhook/confinement/containers/confinement.js'
import { type Explained, explainRoutes } from '../../../webhook/confinement/explain.js'
import { ownProfile } from '../../../src/seccomp/render/own.js'
import { noProfiles } from '../../helpers/no-profiles.js'
import { builtView, runningUnder } from '../../helpers/built-view.js'

const profileOf = (createdAt: string, spec: SeccompProfile['spec']): SeccompProfile => ({
  ...{ apiVersion, kind: 'SeccompProfile', spec },
  metadata: { namespace: 'shop', name: 'web', creationTimestamp: createdAt }
})

interface Known {
  /** The profile with any name. */
  profile: SeccompProfile | undefined
  readiness: { ready: number; total: number; waiting: string[]; failed: string[] }
}

/** Returns what is said of the only container that runs. */
async function explained(
  view: ReturnType<typeof builtView>,
  { profile, readiness }: Known
): Promise<Explained | undefined> {
  const confinement = {
    views: { list: () => [view], decided: () => undefined },
    revisions: { ...noProfiles.revisions, isOfOther: () => false },
    profile: () => profile,
    sources: {
      pod: () => undefined,
      snapshot: () => buildSnapshot({}),
      hub: {
        ...noProfiles.hub,
        ...{ denialRows: { list: () => [], listOf: () => [] }, readiness: () => readiness }
      }
    },
    answers: { find: () => undefined }
  } as unknown as Confinement
  const call = { query: { name: 'app' }, body: {}, actor: 'ann', sees: () => true }
  const answer = await explainRoutes(confinement)[0]?.handle({ ...call, store: {} as never })
  return (answer as { items: Explained[] }).items[0]
}

test('explain counts the nodes of a revision, and none for a profile that Secco ships', async (t) => {
  const shop = `sha256:${'a'.repeat(64)}`
  const readiness = { ready: 1, total: 2, waiting: ['n2'], failed: [] }
  // [digest, the nodes, what is said of them]
  const table: [string, object, string | undefined][] = [
    [
      shop,
      { ready: 1, total: 2, missing: ['n2'] },
      'web@aaaaaaaa is on 1 of 2 nodes, missing on n2.'
    ],
    [ownProfile('webhook').digest, { ready: 0, total: 0, missing: [] }, undefined]
  ]
  for (const [digest, nodes, sentence] of table) {
    const view = builtView(runningUnder(digest), { revisions: [shop] })
    const profile = profileOf('2025-01-01T00:00:00Z', {})
    const found = await explained(view, { profile, readiness })
    t.same(found?.nodes, nodes)
    t.equal(
      found?.words.find((word) => word.includes(' nodes')),
      sentence
    )
  }
})

test('explain of a container under the revision of a deleted profile', async (t) => {
  const digest = `sha256:${'a'.repeat(64)}`
  const older = profileOf('2025-01-01T00:00:00Z', {})
  const later = profileOf('2026-02-01T00:00:00Z', {})
  const plain = { id: 'c', name: 'app', podNamespace: 'shop', podName: '', podUid: '' }
  const started = runningUnder(digest)
  const outside = { ...started, container: { ...ContainerRef.fromPartial(plain) } }
  const keeps = 'The profile shop/web of web@aaaaaaaa was deleted: this container keeps its filter'
  const restart = 'kubectl delete pod -n shop web-1'
  const isOn = 'web@aaaaaaaa is on 1 of 1 node.'
  const approve = 'secco profile approve shop/web (nothing is approved in the new one yet), then'
  // [what, the container, the profile of the name, the sentence]
  const table: [string, Running, SeccompProfile | undefined, string][] = [
    ['it exists', started, older, isOn],
    ['there is none', started, undefined, `${keeps} until: ${restart}.`],
    ['another one has its name', started, later, `${keeps} until: ${restart}.`],
    ['outside of pods', outside, undefined, `${keeps} until: create c again without that file.`],
    [
      ...(['outside of pods, with another one'] as const),
      ...([outside, later] as const),
      `${keeps} until: ${approve} create c again with the filter that ` +
        '`secco profile export shop/web --mode enforce` prints.'
    ]
  ]
  for (const [what, running, profile, sentence] of table) {
    const view = builtView(running, { revisions: [digest] })
    const readiness = { ready: 1, total: 1, waiting: [], failed: [] }
    const words = (await explained(view, { profile, readiness }))?.words ?? []
    t.equal(
      words.find((word) => word.includes('web@aaaaaaaa ') && !word.includes('runs on')),
      sentence,
      what
    )
    const named = running === outside ? /^app \(/ : /^container app of pod web-1 \(/
    t.match(words[0], named, `${what}: whose it is`)
  }
})

test('explain outside Kubernetes promises no profile, and says how to get the newest', async (t) => {
  const [old, newest] = ['a', 'b'].map((one) => `sha256:${one.repeat(64)}`) as [string, string]
  const plain = { id: 'c', name: 'app', podNamespace: 'shop', podName: '', podUid: '' }
  const outside = { ...runningUnder(old), container: { ...ContainerRef.fromPartial(plain) } }
  const view = builtView(outside, { revisions: [old] })
  const readiness = { ready: 1, total: 1, waiting: [], failed: [] }
  const ladder = { mode: 'audit' } as const
  const profile = profileOf('2025-01-01T00:00:00Z', { ladder })
  const stale = { ...view, wanted: newest, stale: true }
  const words = (await explained(stale, { profile, readiness }))?.words ?? []
  const text = words.join('\n')
  t.match(
    text,
    /Outside Kubernetes nothing assigns a profile: it has the filter that it was created/
  )
  t.match(
    text,
    'Its profile is at web@bbbbbbbb now; this container keeps its own until: create c again with the filter ' +
      'that `secco profile export shop/web --mode audit` prints.'
  )
  t.notMatch(text, /new container would get|No rule matches|own configuration/)
})

test('explain of an unconfined container has a next step', async (t) => {
  const readiness = { ready: 0, total: 0, waiting: [], failed: [] }
  const plain = { mode: 0, declared: 'none', checked: 'none' }
  const outside = { container: ContainerRef.fromPartial({ id: 'c', name: 'app' }) }
  const known = profileOf('2025-01-01T00:00:00Z', {})
  // [what, the container, its profile, the next step]
  const table: [string, Partial<Running>, SeccompProfile | undefined, RegExp | undefined][] = [
    ['with a profile', plain, known, /^Next: `secco profile show \S+` shows/],
    ['without one, in a pod', plain, undefined, /^Next: label its pods secco\.dev\/learn/],
    [
      'without one, outside of pods',
      { ...plain, ...outside },
      undefined,
      /^Next: create c again with the filter that `secco render --learn` prints\.$/
    ],
    ['one that should have a filter', { ...plain, declared: 'revision' }, known, undefined],
    ['one that has a filter', {}, known, undefined]
  ]
  for (const [what, change, profile, next] of table) {
    const found = await explained(builtView(runningUnder('', change)), { profile, readiness })
    const line = found?.words.find((word) => word.startsWith('Next: '))
    if (next === undefined) t.equal(line, undefined, what)
    else t.match(line, next, what)
  }
})

test('a name that nothing has leads to no other error of the kind', async (t) => {
  const confinement = {
    views: { list: () => [] },
    revisions: { settled: () => Promise.resolve(false) },
    sources: {
      hub: { ...noProfiles.hub, denialRows: { list: () => [], listOf: () => [] } }
    }
  } as unknown as Confinement
  const call = { query: { name: 'gone' }, body: {}, actor: 'ann', sees: () => true }
  for (const route of explainRoutes(confinement)) {
    const answer = Promise.resolve(route.handle({ ...call, store: {} as never }))
    await t.rejects(
      answer,
      { code: 'CONTAINER_NOT_FOUND', hint: /`secco history gone`$/ },
      route.url
    )
  }
})

test('explain says why a profile that allows more than RuntimeDefault is not given', async (t) => {
  const view = builtView(runningUnder('', { declared: 'runtime-default' }))
  const own = { container: 'app', outcome: 'runtime-default', reason: 'wider', profile: 'shop/web' }
  const confinement = {
    views: {
      list: () => [view],
      decided: () => ({
        identity: { assigned: '' },
        decision: { matched: ['shop/r'], warnings: [], containers: [own] }
      })
    },
    revisions: noProfiles.revisions,
    profile: () => undefined,
    sources: {
      pod: () => undefined,
      snapshot: () => buildSnapshot({}),
      hub: { denialRows: { list: () => [], listOf: () => [] }, readiness: () => ({}) }
    },
    answers: { find: () => undefined }
  } as unknown as Confinement
  const call = { query: { name: 'app' }, body: {}, actor: 'ann', sees: () => true }
  const answer = await explainRoutes(confinement)[0]?.handle({ ...call, store: {} as never })
  const words = (answer as { items: Explained[] }).items[0]?.words.join(' ')
  t.match(words, /A new container gets RuntimeDefault: shop\/web allows more/)
  t.notMatch(words, /restart/)
})
