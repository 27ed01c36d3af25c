import { revisionPath } from '../../src/api/names.js'
import { test } from 'tap'
import { buildSnapshot } from '../../src/rules/snapshot.js'
import {
  containerLabelPolicy,
  finalStatePolicy,
  pathPolicy
} from '../../webhook/admission/final-state-policy.js'
import { testRule } from '../helpers/rules.js'
import { findApiServer } from '../helpers/api-server-programs.js'
import { startCluster } from '../helpers/cluster.js'
import type { CallOptions, Json } from '../helpers/kube.js'
import { until } from '../helpers/until.js'
import { webhookBeforeCluster } from '../helpers/webhook-before-cluster.js'

const found = await findApiServer()
const skip = found.skip ?? false

const api = '/apis/admissionregistration.k8s.io/v1'
const digest = `sha256:${'a'.repeat(64)}`
const path = revisionPath('shop', 'web.app', digest)
const localhost = (localhostProfile: string): Json => ({
  seccompProfile: { type: 'Localhost', localhostProfile }
})
const runtimeDefault = { seccompProfile: { type: 'RuntimeDefault' } }
const given = { rule: 'secco-system/web', profile: 'shop/web.app', mode: 'enforce' }
const assigned = (containers: Record<string, object>) => ({
  'secco.dev/assigned': JSON.stringify(containers)
})
const labelled = { 'secco.dev/profile': 'web.app' }
const ofContainer = { 'secco.dev/profile.mesh': 'web.mesh' }
const ignoring = { ...labelled, 'secco.dev/ignore': 'true' }

interface PodParts {
  labels?: Record<string, string>
  annotations?: Record<string, string>
  /** securityContext of container `app`. */
  app?: Json
  spec?: Json
}

function podOf({ labels = {}, annotations = {}, app, spec = {} }: PodParts): Json {
  const container = { name: 'app', image: 'nginx', ...(app && { securityContext: app }) }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'probe', labels, annotations },
    spec: { containers: [container], ...spec }
  }
}

const noFilter = /no seccomp filter on container app/
const undecided = /labelled for secco, but container app has neither/
const byHand = /container app points below secco\/ by hand/
const strange = /not a secco revision on container app/

/** Without a webhook: what somebody could send. */
const cases: [what: string, namespace: string, pod: PodParts, problem: RegExp | undefined][] = [
  ['no label, no filter', 'shop', {}, undefined],
  ['label and no filter', 'shop', { labels: labelled }, noFilter],
  ['a label for one container', 'shop', { labels: ofContainer }, noFilter],
  ['… and RuntimeDefault', 'shop', { labels: ofContainer, app: runtimeDefault }, undecided],
  [
    '… of another container, and why',
    'shop',
    {
      labels: ofContainer,
      app: runtimeDefault,
      annotations: assigned({ app: { outcome: 'runtime-default', reason: 'other-container' } })
    },
    undefined
  ],
  [
    'a label that only begins like it',
    'shop',
    { labels: { 'secco.dev/profiles': 'x' } },
    undefined
  ],
  ['label and RuntimeDefault', 'shop', { labels: labelled, app: runtimeDefault }, undecided],
  [
    'label and RuntimeDefault of the whole pod',
    'shop',
    { labels: labelled, spec: { securityContext: runtimeDefault } },
    undecided
  ],
  [
    'label learn and RuntimeDefault without a word',
    'shop',
    { labels: { 'secco.dev/learn': 'true' }, app: runtimeDefault },
    undecided
  ],
  [
    'RuntimeDefault, and why',
    'shop',
    {
      labels: labelled,
      app: runtimeDefault,
      annotations: assigned({ app: { ...given, outcome: 'runtime-default', reason: 'not-ready' } })
    },
    undefined
  ],
  ["the author's own file", 'shop', { labels: labelled, app: localhost('mine.json') }, undefined],
  ['privileged', 'shop', { labels: labelled, app: { privileged: true } }, undefined],
  [
    'a path and its word',
    'shop',
    {
      labels: labelled,
      app: localhost(path),
      annotations: assigned({ app: { ...given, revision: digest, outcome: 'assigned' } })
    },
    undefined
  ],
  ['a path by hand', 'shop', { app: localhost(path) }, byHand],
  ['a path by hand behind ./', 'shop', { app: localhost(`./${path}`) }, strange],
  ['a file that is none', 'shop', { app: localhost('secco/shop/web.app/old.json') }, strange],
  [
    "a path, and another container's word",
    'shop',
    {
      app: localhost(path),
      annotations: assigned({ other: { ...given, revision: digest, outcome: 'assigned' } })
    },
    byHand
  ],
  [
    "a path, and another revision's word",
    'shop',
    {
      app: localhost(path),
      annotations: assigned({ app: { ...given, revision: `sha256:${'b'.repeat(64)}` } })
    },
    byHand
  ],
  [
    "a path, and another profile's word",
    'shop',
    {
      app: localhost(path),
      // The dot of a name stands for itself.
      annotations: assigned({ app: { ...given, profile: 'shop/web-app', revision: digest } })
    },
    byHand
  ],
  [
    'a path by hand on an init container',
    'shop',
    {
      spec: {
        initContainers: [{ name: 'first', image: 'i', securityContext: localhost(path) }]
      }
    },
    /container first points below secco\/ by hand/
  ],
  [
    'a path of the whole pod',
    'shop',
    { spec: { securityContext: localhost(path) } },
    /the pod itself points below secco\//
  ],
  ['opting out of the paths', 'open', { labels: ignoring, app: localhost(path) }, byHand],
  ['opted out where nobody allows it', 'shop', { labels: ignoring }, noFilter],
  ['opted out where the namespace allows it', 'open', { labels: ignoring }, undefined],
  ['opted out where the namespace forbids it', 'closed', { labels: ignoring }, noFilter],
  ['Windows', 'shop', { labels: labelled, spec: { os: { name: 'windows' } } }, undefined],
  [
    'Windows by node selector',
    'shop',
    { labels: labelled, spec: { nodeSelector: { 'kubernetes.io/os': 'windows' } } },
    undefined
  ],
  [
    'a mirror pod that no kubelet made',
    'shop',
    {
      labels: labelled,
      annotations: { 'kubernetes.io/config.mirror': 'x' },
      spec: { nodeName: 'node-a' }
    },
    noFilter
  ],
  ['the own namespace', 'secco-system', { labels: labelled, app: localhost(path) }, undefined],
  ['kube-system', 'kube-system', { labels: labelled, app: localhost(path) }, undefined]
]

/** Policies take effect within seconds; a fault in one must not hold the file up. */
const bound = { timeoutMs: 40_000 }

test('the final state, as the API server holds it', { skip, timeout: 300_000 }, async (t) => {
  if (found.programs === undefined) return
  const cluster = await startCluster(found.programs)
  t.teardown(() => cluster.stop())
  const { kube } = cluster
  const namespaces: Record<string, Record<string, string>> = {
    shop: {},
    open: { 'secco.dev/allow-ignore': 'true' },
    closed: { 'secco.dev/allow-ignore': 'false' },
    'secco-system': {}
  }
  for (const [name, labels] of Object.entries(namespaces)) {
    await kube.do('POST', '/api/v1/namespaces', { metadata: { name, labels } })
  }
  const create = (namespace: string, pod: PodParts, options: CallOptions = {}) =>
    kube.call('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, podOf(pod), options)

  async function apply(
    options: Parameters<typeof finalStatePolicy>[0],
    method: 'POST' | 'PUT'
  ): Promise<void> {
    for (const make of [finalStatePolicy, containerLabelPolicy, pathPolicy]) {
      const { policy, bindings } = make(options)
      for (const [plural, object] of [
        ['validatingadmissionpolicies', policy] as const,
        ...bindings.map((one) => ['validatingadmissionpolicybindings', one] as const)
      ]) {
        const { name } = object.metadata
        const at = method === 'PUT' ? `${api}/${plural}/${name}` : `${api}/${plural}`
        const before = method === 'PUT' ? await kube.do('GET', at) : undefined
        const resourceVersion = (before?.['metadata'] as Json | undefined)?.['resourceVersion']
        await kube.do(method, `${at}?fieldValidation=Strict`, {
          ...object,
          metadata: { ...object.metadata, ...(before && { resourceVersion }) }
        })
      }
    }
  }
  await apply({}, 'POST')
  for (const pod of [{ labels: labelled }, { labels: ofContainer }, { app: localhost(path) }]) {
    await until(
      'the policies to take effect',
      async () => ((await create('shop', pod)).warnings.length === 0 ? undefined : true),
      bound
    )
  }

  await t.test('warn: every pod is made, and what is wrong with it is said', async (t) => {
    for (const [what, namespace, pod, problem] of cases) {
      const { status, warnings, body } = await create(namespace, pod)
      t.equal(status, 201, `${what}: ${String(body['message'])}`)
      const ours = warnings.filter((text) => text.includes('secco'))
      if (problem === undefined) t.same(ours, [], what)
      else t.match(ours.join('\n'), problem, what)
    }
  })

  await t.test('only the node that a pod names creates its mirror', async (t) => {
    const mark = { 'kubernetes.io/config.mirror': 'x' }
    const on = (nodeName: string) => ({
      ...{ labels: labelled, annotations: mark, spec: { nodeName } }
    })
    const nodes = ['system:nodes', 'system:masters']
    const senders: [what: string, pod: PodParts, as: CallOptions, problem: boolean][] = [
      ['its node', on('node-a'), { asUser: 'system:node:node-a', asGroups: nodes }, false],
      ['another node', on('node-a'), { asUser: 'system:node:node-b', asGroups: nodes }, true],
      ['a node of no name', on('node-a'), { asUser: 'system:node:', asGroups: nodes }, true],
      ['no node, with their group', on('node-a'), { asUser: 'eve', asGroups: nodes }, true],
      [
        'no node, with the name of one',
        on('node-a'),
        { asUser: 'system:node:node-a', asGroups: ['system:masters'] },
        true
      ]
    ]
    for (const [what, pod, as, problem] of senders) {
      const { status, warnings, body } = await create('shop', pod, as)
      t.equal(status, 201, `${what}: ${String(body['message'])}`)
      t.equal(noFilter.test(warnings.join()), problem, what)
    }
  })

  await t.test('the audit log has it', async (t) => {
    const event = await until(
      'an audit event',
      () =>
        cluster
          .auditEvents()
          .find((one) =>
            JSON.stringify(one['annotations'] ?? {}).includes('points below secco/ by hand')
          ),
      bound
    )
    t.match(event['annotations'], {
      'validation.policy.admission.k8s.io/validation_failure': /secco-paths/
    })
  })

  await t.test('what CEL cannot tell: an annotation made up to fit', async (t) => {
    const made = { app: { ...given, rule: 'nobody/none', revision: digest } }
    const forged = { app: localhost(path), annotations: assigned(made) }
    t.same((await create('shop', forged)).warnings, [], 'without the webhook it passes')
    const snapshot = buildSnapshot({
      rules: [
        testRule('web', {
          podSelector: { matchLabels: { app: 'web' } },
          profile: { namespace: 'shop', name: 'web.app' }
        })
      ],
      profiles: [
        {
          ...{ namespace: 'shop', name: 'web.app', approved: true },
          enforce: { digest, path, ready: true }
        }
      ]
    })
    const probe = { namespace: 'shop', pod: podOf({ labels: { app: 'web' } }) }
    const webhook = await webhookBeforeCluster(cluster, snapshot, probe)
    t.teardown(() => webhook.close())
    await webhook.enable()
    t.match(
      (await create('shop', forged)).warnings.join(),
      byHand,
      'the webhook takes out what no rule gives'
    )
    const right = await create('shop', { labels: { app: 'web' } })
    t.notMatch(right.warnings.join(), /by hand|no seccomp filter|labelled for/)
    t.match(right.body['spec'], { containers: [{ securityContext: localhost(path) }] })
    const byLabel = await create('shop', { labels: labelled })
    t.notMatch(byLabel.warnings.join(), /by hand|no seccomp filter|labelled for/)
    await webhook.disable()
  })

  await t.test('kubectl debug is judged by what it adds', async (t) => {
    const pods = '/api/v1/namespaces/shop/pods'
    const before = { ...podOf({ labels: labelled, app: localhost(path) }) }
    before['metadata'] = { name: 'old', labels: labelled }
    await kube.do('POST', pods, before)
    const debug = (name: string, securityContext: Json) =>
      kube.call(
        'PATCH',
        `${pods}/old/ephemeralcontainers?dryRun=All`,
        { spec: { ephemeralContainers: [{ name, image: 'busybox', securityContext }] } },
        { contentType: 'application/strategic-merge-patch+json' }
      )
    t.match(await debug('one', runtimeDefault), { status: 200, warnings: [] })
    t.match((await debug('two', {})).warnings.join(), /no seccomp filter on container two/)
    t.match((await debug('three', localhost(path))).warnings.join(), /container three points below/)
  })

  await t.test('deny, and an installation where opting out is allowed', async (t) => {
    await apply({ validationActions: ['Deny', 'Audit'], allowIgnore: true }, 'PUT')
    for (const pod of [{ labels: labelled }, { labels: ofContainer }, { app: localhost(path) }]) {
      await until(
        'the bindings to take effect',
        async () => ((await create('shop', pod)).status === 201 ? undefined : true),
        bound
      )
    }
    await until(
      'the policy to take effect',
      async () => ((await create('shop', { labels: ignoring })).status === 201 ? true : undefined),
      bound
    )
    for (const [what, namespace, pod, problem] of cases) {
      const { status, body } = await create(namespace, pod)
      const allowed = problem === undefined || what === 'opted out where nobody allows it'
      t.equal(status, allowed ? 201 : 403, `${what}: ${String(body['message'])}`)
      if (!allowed) t.match(body['message'], problem, what)
    }
  })
})
