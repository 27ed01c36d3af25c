import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type Test } from 'tap'
import { ensureCertificates } from '../../certs/files.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import { createLogger } from '../../src/lib/log.js'
import { parseImage } from '../../src/rules/image.js'
import { compileRules, ruleMatches } from '../../src/rules/rule.js'
import type { Decision } from '../../src/rules/decision.js'
import { buildSnapshot, type Snapshot } from '../../src/rules/snapshot.js'
import { admit } from '../../webhook/admission/admit.js'
import { createAdmissionServer } from '../../webhook/server.js'
import { findApiServer } from '../helpers/api-server-programs.js'
import { podsAroundWebhook } from '../helpers/hostile-pods.js'
import type { Json, KubeResponse } from '../helpers/kube.js'
import { seededRandom } from '../helpers/random.js'
import { testProfile, testRule } from '../helpers/rules.js'
import { rulesPath, shippedAdmission, startShippedCluster } from '../helpers/shipped-cluster.js'
import { until } from '../helpers/until.js'

const found = await findApiServer()
const skip = found.skip ?? false

/** Everything waits for an API server on a busy machine. */
const slow = { timeout: 120_000 }
const namespaces: Record<string, Record<string, string>> = {
  'secco-system': {},
  shop: { team: 'shop' },
  bank: { team: 'bank', tier: 'prod' },
  watched: { team: 'shop', 'secco.dev/mode': 'observe' },
  open: { team: 'shop', 'secco.dev/allow-ignore': 'true' }
}
const runtimeDefault = { seccompProfile: { type: 'RuntimeDefault' } }

interface PodParts {
  labels?: Record<string, string>
  annotations?: Json
  app?: Json
  image?: string
  name?: string
  container?: Json
  spec?: Json
}

function podOf({ labels = { app: 'web' }, annotations, ...parts }: PodParts): Json {
  const { app, image = 'web:1', name = 'app', container = {}, spec = {} } = parts
  const securityContext = app && { securityContext: app }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'probe', labels, ...(annotations && { annotations }) },
    spec: { containers: [{ name, image, ...securityContext, ...container }], ...spec }
  }
}

const copies = (count: number): Json => ({
  containers: Array.from({ length: count }, (_, i) => ({ name: `c${i}`, image: 'i' }))
})

const web = testRule('web', {
  podSelector: {
    matchLabels: { app: 'web' },
    matchExpressions: [{ key: 'stage', operator: 'NotIn', values: ['dev', 'test'] }]
  },
  namespaceSelector: { matchLabels: { team: 'shop' } },
  containers: ['app', 'web-*'],
  profile: { namespace: 'shop', name: 'web.app' }
})

const noFilter = /rule secco-system\/web enforces a profile, but there is no seccomp filter on/
const neither = /rule secco-system\/web enforces a profile, but container app has neither/
const tooMany = /rule secco-system\/web selects this pod, and it has more than 256 containers/

/** Without a webhook: what somebody could send, and what honest pods look like. */
const cases: [what: string, namespace: string, pod: PodParts, problem: RegExp | undefined][] = [
  ['no filter', 'shop', {}, noFilter],
  ['Unconfined', 'shop', { app: { seccompProfile: { type: 'Unconfined' } } }, noFilter],
  [
    'Unconfined of the pod',
    'shop',
    { spec: { securityContext: { seccompProfile: { type: 'Unconfined' } } } },
    noFilter
  ],
  ['RuntimeDefault', 'shop', { app: runtimeDefault }, neither],
  ['RuntimeDefault of the pod', 'shop', { spec: { securityContext: runtimeDefault } }, neither],
  [
    'RuntimeDefault, and why: not approved, not distributed, no canary',
    'shop',
    { app: runtimeDefault, annotations: { 'secco.dev/assigned': '{"app":{}}' } },
    undefined
  ],
  [
    "the author's own file",
    'shop',
    { app: { seccompProfile: { type: 'Localhost', localhostProfile: 'mine.json' } } },
    undefined
  ],
  ['privileged', 'shop', { app: { privileged: true } }, undefined],
  ['another label', 'shop', { labels: { app: 'db' } }, undefined],
  ['no labels', 'shop', { labels: {} }, undefined],
  ['a label that NotIn excludes', 'shop', { labels: { app: 'web', stage: 'dev' } }, undefined],
  ['a label that NotIn accepts', 'shop', { labels: { app: 'web', stage: 'prod' } }, noFilter],
  ['another namespace', 'bank', {}, undefined],
  ['a namespace that is observed', 'watched', {}, undefined],
  [
    'opted out where it counts',
    'open',
    { labels: { app: 'web', 'secco.dev/ignore': 'true' } },
    undefined
  ],
  [
    'opted out where it does not',
    'shop',
    { labels: { app: 'web', 'secco.dev/ignore': 'true' } },
    noFilter
  ],
  ['a container that the rule does not name', 'shop', { name: 'sidecar' }, undefined],
  ['a container that a pattern names', 'shop', { name: 'web-1' }, noFilter],
  [
    'an init container',
    'shop',
    {
      app: runtimeDefault,
      annotations: { 'secco.dev/assigned': '{}' },
      spec: { initContainers: [{ name: 'web-init', image: 'i' }] }
    },
    noFilter
  ],
  ['Windows', 'shop', { spec: { os: { name: 'windows' } } }, undefined],
  [
    'an invented mirror pod',
    'shop',
    { annotations: { 'kubernetes.io/config.mirror': 'x' }, spec: { nodeName: 'n' } },
    noFilter
  ],
  ['257 containers', 'shop', { spec: copies(257) }, tooMany],
  ['2,000 containers', 'shop', { spec: copies(2000) }, tooMany],
  ['257 containers that nothing selects', 'shop', { labels: {}, spec: copies(257) }, undefined],
  ['Secco itself', 'secco-system', {}, undefined],
  ['kube-system', 'kube-system', {}, undefined]
]

const image = (name: string): Json => ({ spec: { containers: [{ name: 'app', image: name }] } })
const late = /no seccomp filter on container app; a filter cannot be added to a running pod/
/** Changes of stored pods without a filter. */
const changes: [
  what: string,
  namespace: string,
  stored: PodParts,
  change: Json,
  problem: RegExp | undefined
][] = [
  [
    'an image that a rule selects, set afterwards',
    'shop',
    { labels: { x: 'y' }, image: 'busybox' },
    image('nginx:1'),
    late
  ],
  [
    'another image of such',
    'shop',
    { labels: { x: 'y' }, image: 'nginx:1' },
    image('nginx:2'),
    late
  ],
  [
    'an image that no rule selects',
    'shop',
    { labels: { x: 'y' }, image: 'busybox:1' },
    image('busybox:2'),
    undefined
  ],
  [
    'an image of a pod that a rule selects by labels',
    'shop',
    { image: 'web:1' },
    image('web:2'),
    undefined
  ],
  [
    'a label that a rule selects, set afterwards',
    'shop',
    { labels: { x: 'z' } },
    { metadata: { labels: { app: 'web' } } },
    late
  ],
  [
    'a label that an image has to come with',
    'shop',
    { labels: { x: 'z' }, image: 'nginx' },
    { metadata: { labels: { x: 'y' } } },
    late
  ],
  [
    'a label that opted out, removed afterwards',
    'open',
    { labels: { app: 'web', 'secco.dev/ignore': 'true' } },
    { metadata: { labels: { 'secco.dev/ignore': null } } },
    late
  ],
  [
    'a label of Secco, set afterwards',
    'shop',
    { labels: { x: 'z' } },
    { metadata: { labels: { 'secco.dev/profile.app': 'web.app' } } },
    late
  ],
  ['a label of others', 'shop', {}, { metadata: { labels: { role: 'leader' } } }, undefined],
  ['a label that is removed', 'shop', {}, { metadata: { labels: { app: null } } }, undefined],
  [
    'a label of Secco that is removed',
    'shop',
    { labels: { 'secco.dev/profile': 'web.app' } },
    { metadata: { labels: { 'secco.dev/profile': null } } },
    undefined
  ],
  [
    'a label of others on a pod with a label of Secco',
    'shop',
    { labels: { 'secco.dev/profile': 'web.app' } },
    { metadata: { labels: { role: 'leader' } } },
    undefined
  ],
  ['a finalizer', 'shop', {}, { metadata: { finalizers: ['example.com/x'] } }, undefined],
  ['an annotation', 'shop', {}, { metadata: { annotations: { a: 'b' } } }, undefined]
]

const random = seededRandom(20_260)
const oneOf = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
const some = <T>(list: readonly T[]): T[] => list.filter(() => random() < 0.4)
const keys = ['app', 'stage', 'x.io/owner']
const values = ['web', 'dev', '', 'b']
const repositories = [
  'nginx',
  'docker.io/library/nginx',
  'docker.io/nginx',
  'index.docker.io/nginx',
  'registry-1.docker.io/library/nginx',
  'library/nginx',
  'ghcr.io/a/b',
  'localhost/x',
  'r.io:5000/a',
  'R.io:443/a/b',
  'r.io/a/b',
  'r.io:05000/a',
  'registry.hub.docker.com/nginx'
]
const digest = `@sha256:${'a'.repeat(64)}`
const images = [
  ...repositories.flatMap((one) => [one, `${one}:1.2`, `${one}${digest}`, `${one}:1.2${digest}`]),
  ...[digest.slice(1), digest.slice(1, 12), `sha512:${'a'.repeat(128)}`]
]

function randomSelector(): NonNullable<SeccompRule['spec']['podSelector']> {
  const matchLabels = Object.fromEntries(some(keys.slice(0, 2)).map((key) => [key, oneOf(values)]))
  const matchExpressions = some(keys).map((key) => {
    const operator = oneOf(['In', 'NotIn', 'Exists', 'DoesNotExist'] as const)
    const needsValues = operator === 'In' || operator === 'NotIn'
    return { key, operator, ...(needsValues ? { values: [oneOf(values), oneOf(values)] } : {}) }
  })
  return { ...oneOf([{ matchLabels }, {}]), ...oneOf([{ matchExpressions }, {}]) }
}

function randomRule(i: number): SeccompRule {
  const patterns = [
    '*',
    'ngin*',
    'docker.io/ngin*',
    'docker.io/*',
    'nginx:1.*',
    '*/b',
    'ghcr.io/*',
    'r.io:5000/a:*',
    'r.io:*/a*',
    'r.io:4*/a*',
    'r.io:05*/a',
    'R.IO/a/*',
    ...images
  ]
  return testRule(`random-${i}`, {
    podSelector: randomSelector(),
    ...oneOf([{}, { namespaceSelector: { matchLabels: { team: oneOf(['shop', 'bank']) } } }]),
    ...oneOf([{}, { containers: [oneOf(['app', '*b', 'a*p', 'web-*', '*'])] }]),
    ...oneOf([{}, { images: [oneOf(patterns), oneOf(patterns)] }]),
    profile: { namespace: 'shop', name: 'web.app' }
  })
}

/** A rule about one container: labels decide about the others. */
const each = testRule('each', {
  podSelector: { matchLabels: { app: 'multi' } },
  containers: ['srv'],
  profile: { namespace: 'shop', name: 'multi.srv' }
})
const ofContainers = ['srv', 'mesh'].map((name) =>
  testProfile('shop', `multi.${name}`, { container: name })
)

function randomPod(): Json {
  const one = (name: string): Json => {
    const context = oneOf<Json | undefined>([
      undefined,
      runtimeDefault,
      { seccompProfile: { type: 'Unconfined' } },
      { seccompProfile: { type: 'Localhost', localhostProfile: 'mine.json' } },
      { privileged: true }
    ])
    return { name, image: 'i', ...(context && { securityContext: context }) }
  }
  const [init, main] = [some(['setup', 'mesh']), some(['logs', 'web-1'])]
  const labels = {
    app: 'multi',
    ...oneOf<Json>([{}, { 'secco.dev/profile': oneOf(['multi.mesh', 'multi.srv', 'nobody']) }]),
    ...oneOf<Json>([{}, { 'secco.dev/profile.logs': 'multi.mesh' }])
  }
  return {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'probe', labels } },
    spec: { initContainers: init.map(one), containers: ['srv', ...main].map(one) }
  }
}

function decided(snapshot: Snapshot, pod: Json): Decision {
  const resource = { group: '', version: 'v1', resource: 'pods' }
  const request = { uid: 'u', operation: 'CREATE', resource, namespace: 'shop', object: pod }
  return admit(snapshot, { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request })
    .decision
}

interface Security {
  seccompProfile?: { type: string; localhostProfile?: string }
}

function securityOf(pod: Json, kind: string, index: number): Security | undefined {
  const lists = pod['spec'] as Record<string, { securityContext?: Security }[]>
  return lists[kind === 'init' ? 'initContainers' : 'containers']?.[index]?.securityContext
}

const typeOf = (pod: Json, kind: string, index: number) =>
  securityOf(pod, kind, index)?.seccompProfile?.type

test('pods that an enforcing rule selects', { skip, timeout: 400_000 }, async (t) => {
  if (found.programs === undefined) return
  const rig = await startShippedCluster(found.programs, namespaces)
  const { create, accept, acceptAgain, apply, cluster } = rig
  t.teardown(() => cluster.stop())
  const { kube } = cluster
  await apply(shippedAdmission('warn').policies)
  await accept(web)
  await until('the policy to take effect', async () =>
    (await create('shop', podOf({}))).warnings.some((text) => noFilter.test(text))
      ? true
      : undefined
  )
  const ours = ({ warnings }: KubeResponse) => warnings.filter((text) => text.includes('secco'))

  await t.test('warn: every pod is stored, with a warning that names the rule', slow, async (t) => {
    for (const [what, namespace, pod, problem] of cases) {
      const answer = await create(namespace, podOf(pod))
      t.equal(answer.status, 201, `${what}: ${String(answer.body['message'])}`)
      if (problem === undefined) t.same(ours(answer), [], what)
      else t.match(ours(answer).join('\n'), problem, what)
    }
  })

  await t.test('no name of an image is too long for a rule by image', slow, async (t) => {
    const labels = { app: 'pictures' }
    const named = { podSelector: { matchLabels: labels }, images: ['nginx'] }
    await accept(
      testRule('pictures', { ...named, profile: { namespace: 'shop', name: 'web.app' } })
    )
    const withOthers = (count: number, length: number): Json => {
      const others = Array.from({ length: count }, (_, i) => ({
        name: `c${i}`,
        image: 'a'.repeat(length)
      }))
      return podOf({
        labels,
        spec: { containers: [{ name: 'app', image: 'docker.io/nginx:1' }, ...others] }
      })
    }
    const judged = async (count: number, length: number) =>
      ours(await create('shop', withOthers(count, length))).join('\n')
    await until('the rule to count', async () =>
      (await judged(0, 0)).includes('secco-system/pictures') ? true : undefined
    )
    const unconfined =
      /rule secco-system\/pictures enforces a profile, but there is no seccomp filter on container app/
    const tooLong =
      /rule secco-system\/pictures .* names of its images have more than 16384 characters/
    const table: [number, number, RegExp][] = [
      [255, 60, unconfined],
      [1, 16_000, unconfined],
      [1, 800_000, tooLong],
      [255, 2000, tooLong]
    ]
    for (const [count, length, problem] of table) {
      t.match(await judged(count, length), problem, `${count} names of ${length} characters`)
    }
  })

  await t.test('a rule counts once the hub has accepted its present version', slow, async (t) => {
    const patch = { contentType: 'application/merge-patch+json' }
    await kube.do('PATCH', `${rulesPath}/web`, { spec: { priority: 1 } }, patch)
    await until('the rule to count no longer', async () =>
      ours(await create('shop', podOf({}))).length === 0 ? true : undefined
    )
    await acceptAgain('web')
    await until('the rule to count', async () =>
      ours(await create('shop', podOf({}))).length > 0 ? true : undefined
    )
    t.pass('both were seen')
  })

  await t.test('kubectl debug is judged by what it adds', slow, async (t) => {
    const pods = '/api/v1/namespaces/shop/pods'
    await kube.do('POST', pods, {
      ...podOf({ app: runtimeDefault }),
      metadata: { name: 'old', labels: { app: 'web' } }
    })
    const debug = (name: string, more: Json, query = '') =>
      kube.call(
        'PATCH',
        `${pods}/old/ephemeralcontainers${query}`,
        { spec: { ephemeralContainers: [{ name, image: 'busybox', ...more }] } },
        { contentType: 'application/strategic-merge-patch+json' }
      )
    t.match(ours(await debug('one', {})).join(), /no seccomp filter on container one;/)
    const second = await debug('two', { securityContext: runtimeDefault }, '?dryRun=All')
    t.match(second, { status: 200 })
    t.same(ours(second), [], 'the earlier one is not judged again')
    const localhost = { seccompProfile: { type: 'Localhost', localhostProfile: 'mine.json' } }
    t.match(
      ours(await debug('three', { securityContext: localhost }, '?dryRun=All')).join(),
      /container three, added to the running pod, has a file of its own/,
      'a debug container with a file of its own'
    )
  })

  await t.test('kubectl debug with an image that a rule selects', slow, async (t) => {
    await accept(
      testRule('tools', { images: ['shop/tools'], profile: { namespace: 'shop', name: 'web.app' } })
    )
    const pods = '/api/v1/namespaces/shop/pods'
    const labels = { app: 'other' }
    await kube.do('POST', pods, { ...podOf({}), metadata: { name: 'other', labels } })
    const seccompProfile = { type: 'Unconfined' }
    const debug = (image: string, name = 'debug', query = '?dryRun=All') =>
      kube.call(
        'PATCH',
        `${pods}/other/ephemeralcontainers${query}`,
        { spec: { ephemeralContainers: [{ name, image, securityContext: { seccompProfile } }] } },
        { contentType: 'application/strategic-merge-patch+json' }
      )
    const problem = /rule secco-system\/tools .*no seccomp filter on container debug/
    const seen = await until('the rule to count', async () => {
      const warnings = ours(await debug('shop/tools')).join()
      return warnings === '' ? undefined : warnings
    })
    t.match(seen, problem, 'another repository in the same pod')
    t.match(ours(await debug(digest.slice(1))).join(), problem, 'the id of an image')
    t.same(ours(await debug('busybox')), [], 'an image that no rule selects')
    await debug('shop/tools', 'earlier', '')
    t.same(ours(await debug('busybox')), [], 'one that was there before selects no other one')
    await kube.do('DELETE', `${pods}/other?gracePeriodSeconds=0`)
    await kube.do('DELETE', `${rulesPath}/tools`)
  })

  await t.test('a stored pod is judged when something selects it from then on', slow, async (t) => {
    const pictures = testRule('nginx', {
      podSelector: { matchExpressions: [{ key: 'x', operator: 'In', values: ['y'] }] },
      images: ['nginx'],
      profile: { namespace: 'shop', name: 'web.app' }
    })
    await accept(pictures)
    await until('the rule to count', async () =>
      ours(await create('shop', podOf({ labels: { x: 'y' }, image: 'nginx' }))).length > 0
        ? true
        : undefined
    )
    for (const [what, namespace, stored, change, problem] of changes) {
      const pods = `/api/v1/namespaces/${namespace}/pods`
      const pod = podOf(stored)
      await kube.do('POST', pods, pod)
      const patch = { contentType: 'application/strategic-merge-patch+json' }
      const answer = await kube.call('PATCH', `${pods}/probe?dryRun=All`, change, patch)
      t.equal(answer.status, 200, `${what}: ${String(answer.body['message'])}`)
      if (problem === undefined) t.same(ours(answer), [], what)
      else t.match(ours(answer).join('\n'), problem, what)
      await kube.do('DELETE', `${pods}/probe?gracePeriodSeconds=0`)
    }
    await kube.do('DELETE', `${rulesPath}/nginx`)
  })

  await t.test('selectors, containers and images as the webhook reads them', slow, async (t) => {
    // The API server passes on at most 4 KiB of warnings.
    const documents = Array.from({ length: 12 }, (_, i) => randomRule(i))
    for (const document of documents) await accept(document)
    const { rules } = compileRules(documents)
    const last = testRule('last', { podSelector: {}, profile: { name: 'x' } })
    await accept(last)
    await until('the last rule to count', async () =>
      ours(await create('shop', podOf({})))
        .join()
        .includes('secco-system/last')
        ? true
        : undefined
    )
    let matched = 0
    for (let i = 0; i < 100; i++) {
      const labels = Object.fromEntries(some(keys).map((key) => [key, oneOf(values)]))
      const pod = {
        labels,
        name: oneOf(['app', 'ab', 'web-1', 'web-']).replace(/-$/, ''),
        image: oneOf(images)
      }
      const namespace = oneOf(['shop', 'bank'])
      const expected = rules
        .filter((rule) => {
          const named = { ...namespaces[namespace], 'kubernetes.io/metadata.name': namespace }
          const selected = ruleMatches(rule, labels, namespace, named, [parseImage(pod.image)])
          return selected && rule.matchesContainer(pod.name)
        })
        .map(({ key }) => key)
        .sort()
      const warnings = ours(await create(namespace, podOf(pod))).join('\n')
      const named = [...warnings.matchAll(/rule (secco-system\/random-\d+) enforces/g)].map(
        ([, key]) => key
      )
      t.same(named.sort(), expected, JSON.stringify({ namespace, ...pod }))
      matched += expected.length
    }
    t.ok(matched > 60, `${matched} matches`)
    for (const { metadata } of [...documents, last])
      await kube.do('DELETE', `${rulesPath}/${metadata.name}`)
  })

  await t.test('deny: nothing that was a way around the webhook is stored', slow, async (t) => {
    const { policies, configurationFor } = shippedAdmission('deny')
    await apply(policies)
    await until('the bindings to take effect', async () =>
      (await create('shop', podOf({}))).status === 403 ? true : undefined
    )
    await t.test('a stored pod that something selects from then on', slow, async (t) => {
      const plain = podOf({ labels: { app: 'other' } })
      const pods = '/api/v1/namespaces/shop/pods'
      await kube.do('POST', pods, plain)
      const patch = async (metadata: Json) =>
        kube.call(
          'PATCH',
          `${pods}/probe?dryRun=All`,
          { metadata },
          { contentType: 'application/merge-patch+json' }
        )
      t.match(await patch({ labels: { app: 'web' } }), { status: 403, body: { message: late } })
      t.match(await patch({ labels: { role: 'leader' } }), { status: 200 })
      t.match(await patch({ finalizers: ['example.com/x'] }), { status: 200 })
      await kube.do('DELETE', `${pods}/probe?gracePeriodSeconds=0`)
    })
    const folder = mkdtempSync(join(tmpdir(), 'secco-rules-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const { server, caBundle } = await ensureCertificates(folder, { serverNames: ['127.0.0.1'] })

    await t.test('the webhook is away', slow, async (t) => {
      await apply([configurationFor('https://127.0.0.1:9/mutate', caBundle)])
      for (const [what, pod] of podsAroundWebhook) {
        const { status, body } = await create('shop', pod, '')
        t.equal(status, 403, what)
        t.match(body['message'], noFilter, what)
      }
    })

    await t.test('the webhook answers too late', slow, async (t) => {
      let reviews = 0
      const late = createServer({ cert: server.cert, key: server.key }, (request, response) => {
        reviews += 1
        request.resume()
        setTimeout(() => response.end('{}'), 4000)
      })
      await new Promise<void>((resolve) => late.listen(0, '127.0.0.1', resolve))
      t.teardown(() => late.close())
      t.teardown(() => late.closeAllConnections())
      const { port } = late.address() as AddressInfo
      await apply([configurationFor(`https://127.0.0.1:${port}/mutate`, caBundle)])
      await until('the API server to ask it', async () => {
        await create('shop', podOf({}))
        return reviews > 0 ? true : undefined
      })
      for (const [what, pod] of podsAroundWebhook) {
        const { status, body } = await create('shop', pod, '')
        t.equal(status, 403, what)
        t.match(body['message'], noFilter, what)
      }
    })

    /** Serves the webhook with this snapshot until the test ends, and tells the API server where. */
    const serve = async (t: Test, snapshot: Snapshot): Promise<void> => {
      const logger = createLogger('webhook', { write: () => undefined })
      const webhook = createAdmissionServer({ tls: server, getSnapshot: () => snapshot, logger })
      const { port } = await webhook.listen({ host: '127.0.0.1', port: 0 })
      t.teardown(() => webhook.shutdown())
      await apply([configurationFor(`https://127.0.0.1:${port}/mutate`, caBundle)])
    }

    await t.test('the webhook is there', slow, async (t) => {
      const snapshot = buildSnapshot({
        rules: [web],
        profiles: [testProfile('shop', 'web.app')],
        namespaces: new Map(Object.entries(namespaces))
      })
      await serve(t, snapshot)
      await until('the API server to ask it', async () =>
        (await create('shop', podOf({}))).status === 201 ? true : undefined
      )
      for (const [what, pod] of podsAroundWebhook) {
        // On a busy machine a review of 8 MB may take longer than the API server waits: its author would try again.
        const body = await until(`${what} to be stored`, async () => {
          const answer = await create('shop', pod)
          if (answer.status !== 201) throw new Error(String(answer.body['message']))
          return answer.body
        })
        const localhost = { seccompProfile: { type: 'Localhost' } }
        t.match(body['spec'], { containers: [{ securityContext: localhost }] }, what)
      }
      const profiles = [
        { type: 'Unconfined' },
        { type: 'Localhost', localhostProfile: 'mine.json' }
      ]
      for (const [i, seccompProfile] of profiles.entries()) {
        const name = `late-${i}`
        const own = { name, image: 'busybox', securityContext: { seccompProfile } }
        const { status, body } = await kube.call(
          'PATCH',
          '/api/v1/namespaces/shop/pods/old/ephemeralcontainers?dryRun=All',
          { metadata: { labels: { app: null } }, spec: { ephemeralContainers: [own] } },
          { contentType: 'application/strategic-merge-patch+json' }
        )
        const what = `kubectl debug with ${seccompProfile.type}, and the labels removed`
        t.equal(status, 200, `${what}: ${String(body['message'])}`)
        const { ephemeralContainers } = body['spec'] as { ephemeralContainers: Json[] }
        const added = ephemeralContainers.find((one) => one['name'] === name)
        t.same(added?.['securityContext'], runtimeDefault, what)
      }
    })

    await t.test('the decision and the policy agree about every container', slow, async (t) => {
      const pods = Array.from({ length: 40 }, randomPod)
      const snapshot = buildSnapshot({
        rules: [web, each],
        profiles: [...ofContainers, testProfile('shop', 'web.app')],
        namespaces: new Map(Object.entries(namespaces))
      })
      await accept(each)
      await apply([configurationFor('https://127.0.0.1:9/mutate', caBundle)])
      await until('the rule to count, and the webhook to be away', async () =>
        (await create('shop', podOf({ labels: { app: 'multi' }, name: 'srv' }))).status === 403
          ? true
          : undefined
      )
      const decisions = pods.map((pod) => decided(snapshot, pod))
      for (const [i, pod] of pods.entries()) {
        const { status, body } = await create('shop', pod)
        const needed = decisions[i]?.containers.some(
          ({ outcome, kind, index }) =>
            (outcome === 'assigned' || outcome === 'runtime-default') &&
            typeOf(pod, kind, index) !== 'Localhost'
        )
        t.equal(
          status,
          needed === true ? 403 : 201,
          `${JSON.stringify(pod)} ${String(body['message'])}`
        )
      }
      await serve(t, snapshot)
      await until('the API server to ask it', async () =>
        (await create('shop', podOf({ labels: { app: 'multi' }, name: 'srv' }))).status === 201
          ? true
          : undefined
      )
      const outcomes = new Set<string>()
      for (const [i, pod] of pods.entries()) {
        const { status, body } = await create('shop', pod)
        t.equal(status, 201, `${JSON.stringify(pod)} ${String(body['message'])}`)
        for (const { outcome, reason, kind, index, localhostProfile } of decisions[i]?.containers ??
          []) {
          outcomes.add(`${outcome} ${reason}`)
          const got = securityOf(body, kind, index)?.seccompProfile
          if (outcome === 'assigned') t.equal(got?.localhostProfile, localhostProfile)
          else if (outcome === 'runtime-default') t.equal(got?.type, 'RuntimeDefault')
        }
      }
      for (const one of [
        'assigned ready',
        'runtime-default other-container',
        'kept author-localhost'
      ])
        t.ok(outcomes.has(one), one)
    })

    const left = await kube.do('GET', '/api/v1/namespaces/shop/pods')
    const names = (left['items'] as { metadata: { name: string } }[]).map(
      ({ metadata }) => metadata.name
    )
    t.same(names, ['old'], 'none of them is stored')
  })
})
