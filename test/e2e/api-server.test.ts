import { revisionPath } from '../../src/api/names.js'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { promisify } from 'node:util'
import { KubeConfig } from '@kubernetes/client-node'
import { Registry } from 'prom-client'
import { test } from 'tap'
import { parse } from 'yaml'
import { ensureCertificates } from '../../certs/files.js'
import { customResourceDefinitions } from '../../src/api/crd.js'
import { createLogger } from '../../src/lib/log.js'
import type { ProfileState } from '../../src/rules/profile-state.js'
import { createApiCall } from '../../src/store/kubernetes-call.js'
import { buildSnapshot } from '../../src/rules/snapshot.js'
import { exportAdmissionPolicy } from '../../src/seccomp/export/admission-policy.js'
import { finalStatePolicy, pathPolicy } from '../../webhook/admission/final-state-policy.js'
import { createAdmissionServer } from '../../webhook/server.js'
import { startPolicyParameters } from '../../webhook/cluster/policy-parameters.js'
import { testRule } from '../helpers/rules.js'
import { testProfile, testRevision } from '../helpers/rules.js'
import { findApiServer } from '../helpers/api-server-programs.js'
import { type Cluster, startCluster } from '../helpers/cluster.js'
import type { Json, KubeResponse } from '../helpers/kube.js'
import { repositoryRoot } from '../helpers/repository.js'
import { until } from '../helpers/until.js'
import { patientWebhook } from '../helpers/patient-webhook.js'

interface Container {
  name: string
  securityContext?: { seccompProfile?: Json }
}
interface Pod {
  metadata: { name: string; annotations?: Record<string, string> }
  spec: {
    containers: Container[]
    ephemeralContainers?: Container[]
    securityContext?: { seccompProfile?: Json }
  }
}

const digest = `sha256:${'a'.repeat(64)}`
const path = revisionPath('shop', 'web.app', digest)
const localhost = { type: 'Localhost', localhostProfile: path }
const legacyPrefix = 'seccomp.security.alpha.kubernetes.io'
const pods = '/api/v1/namespaces/shop/pods'

const snapshot = buildSnapshot({
  options: { allowIgnore: true },
  rules: [
    testRule('web', {
      podSelector: { matchLabels: { app: 'web' } },
      containers: ['app'],
      profile: { namespace: 'shop', name: 'web.app' }
    })
  ],
  profiles: [
    { namespace: 'shop', name: 'web.app', approved: true, enforce: { digest, path, ready: true } }
  ]
})

function podOf(labels: Record<string, string>, metadata: Json = {}): Json {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { labels, ...metadata },
    spec: {
      containers: [
        { name: 'app', image: 'nginx' },
        { name: 'sidecar', image: 'envoy', securityContext: { runAsNonRoot: true } }
      ]
    }
  }
}

const asPod = (answer: KubeResponse): Pod => answer.body as unknown as Pod
/** The two places where Secco leaves its marks. */
const marks = (pod: Pod): Json => ({
  annotations: pod.metadata.annotations,
  pod: pod.spec.securityContext,
  containers: pod.spec.containers.map((one) => one.securityContext)
})

const found = await findApiServer()
const skip = found.skip ?? false

test('a real API server with the real webhook', { skip, timeout: 300_000 }, async (t) => {
  if (found.programs === undefined) return
  const { kubectl } = found.programs
  const cluster: Cluster = await startCluster(found.programs)
  t.teardown(() => cluster.stop())
  const { kube } = cluster
  const folder = mkdtempSync(join(tmpdir(), 'secco-webhook-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const { server, caBundle } = await ensureCertificates(folder, { serverNames: ['127.0.0.1'] })
  const lines: Json[] = []
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().trim().split('\n')) lines.push(JSON.parse(line) as Json)
      done()
    }
  })
  const registry = new Registry()
  const webhook = createAdmissionServer({
    registry,
    tls: server,
    getSnapshot: () => snapshot,
    logger: createLogger('webhook', sink)
  })
  const { port } = await webhook.listen({ host: '127.0.0.1', port: 0 })
  let stopped = false
  const stopWebhook = async (): Promise<void> => {
    if (!stopped) await webhook.shutdown()
    stopped = true
  }
  t.teardown(stopWebhook)

  /** What `POST /mutate` answers, asked directly. */
  async function review(pod: Pod): Promise<Json> {
    const body = JSON.stringify({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      request: {
        uid: 'again',
        kind: { group: '', version: 'v1', kind: 'Pod' },
        resource: { group: '', version: 'v1', resource: 'pods' },
        operation: 'CREATE',
        namespace: 'shop',
        userInfo: { username: 'admin' },
        object: pod
      }
    })
    const text = await new Promise<string>((resolve, reject) => {
      const url = `https://127.0.0.1:${port}/mutate`
      const headers = { 'content-type': 'application/json' }
      const outgoing = request(url, { method: 'POST', ca: server.ca, headers }, (incoming) => {
        let received = ''
        incoming.setEncoding('utf8').on('data', (chunk: string) => (received += chunk))
        incoming.on('end', () => resolve(received))
      })
      outgoing.on('error', reject)
      outgoing.end(body)
    })
    return (JSON.parse(text) as { response: Json }).response
  }

  for (const name of ['shop', 'secco-system']) {
    await kube.do('POST', '/api/v1/namespaces', { metadata: { name } })
  }
  await kube.do(
    'POST',
    '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
    patientWebhook({
      target: { url: `https://127.0.0.1:${port}/mutate` },
      caBundle
    })
  )
  await until('the webhook configuration to take effect', async () => {
    const probe = podOf({ app: 'web' }, { name: 'probe' })
    const answer = await kube.call('POST', `${pods}?dryRun=All`, probe)
    return asPod(answer).metadata.annotations === undefined ? undefined : true
  })

  let bare: Pod | undefined
  await t.test('a labelled bare pod gets annotations and fields', async (t) => {
    const answer = await kube.call('POST', pods, podOf({ app: 'web' }, { name: 'bare' }))
    t.equal(answer.status, 201)
    bare = asPod(answer)
    t.match(bare.metadata.annotations, {
      [`${legacyPrefix}/pod`]: 'runtime/default',
      [`container.${legacyPrefix}/app`]: `localhost/${path}`
    })
    t.match(JSON.parse(bare.metadata.annotations?.['secco.dev/assigned'] ?? '{}'), {
      app: { rule: 'secco-system/web', profile: 'shop/web.app', revision: digest, mode: 'enforce' }
    })
    t.same(bare.spec.securityContext?.seccompProfile, { type: 'RuntimeDefault' })
    t.same(bare.spec.containers[0]?.securityContext?.seccompProfile, localhost)
    t.same(bare.spec.containers[1]?.securityContext, { runAsNonRoot: true }, 'no rule: as it was')
    t.match(answer.warnings, [/^secco: app: enforce shop\/web\.app/], 'the person is told')
  })

  await t.test('a second call on its own output returns no patch', async (t) => {
    if (bare === undefined) throw new Error('the pod before was not made')
    const answer = await review(bare)
    t.equal(answer['allowed'], true)
    t.notOk('patch' in answer)
    t.notOk('patchType' in answer)
  })

  await t.test('both pods of a labelled Deployment', async (t) => {
    const apps = '/apis/apps/v1/namespaces/shop'
    const labels = { app: 'web' }
    const { spec } = podOf(labels)
    const template = { metadata: { labels }, spec }
    const common = {
      apiVersion: 'apps/v1',
      spec: { replicas: 2, selector: { matchLabels: labels }, template }
    }
    const owner = (object: Json, kind: string): Json => {
      const { name, uid } = object['metadata'] as { name: string; uid: string }
      return {
        ownerReferences: [
          { apiVersion: 'apps/v1', kind, name, uid, controller: true, blockOwnerDeletion: true }
        ]
      }
    }
    const deployment = await kube.do('POST', `${apps}/deployments`, {
      ...common,
      kind: 'Deployment',
      metadata: { name: 'web' }
    })
    const replicaSet = await kube.do('POST', `${apps}/replicasets`, {
      ...common,
      kind: 'ReplicaSet',
      metadata: { name: 'web-5d4f8c7b9', labels, ...owner(deployment, 'Deployment') }
    })
    // As the controller would: its service account, generateName, the namespace only in the path.
    const controller = {
      asUser: 'system:serviceaccount:kube-system:replicaset-controller',
      asGroups: ['system:serviceaccounts', 'system:authenticated']
    }
    const metadata = { generateName: 'web-5d4f8c7b9-', ...owner(replicaSet, 'ReplicaSet') }
    for (const which of ['first', 'second']) {
      const answer = await kube.call('POST', pods, podOf(labels, metadata), controller)
      t.equal(answer.status, 201, which)
      const pod = asPod(answer)
      t.match(pod.metadata.name, /^web-5d4f8c7b9-/)
      t.same(pod.metadata.annotations, bare?.metadata.annotations)
      t.same(pod.spec.containers[0]?.securityContext?.seccompProfile, localhost)
    }
    const repeated = await registry.getSingleMetric('secco_admission_repeated_total')?.get()
    t.equal(repeated?.values[0]?.value, 1, 'the second is answered like the first')
    const line = lines.filter((one) => String(one['user']).includes('replicaset-controller'))
    t.equal(line.length, 2, 'one line per decision')
    t.match(line[0], { namespace: 'shop', decision: 'patched', dryRun: false })
    t.match(String(line[0]?.['owner']), /web-5d4f8c7b9|web/)
  })

  await t.test('--dry-run=server gets the same patch', async (t) => {
    const probe = podOf({ app: 'web' }, { name: 'dry' })
    const dry = asPod(await kube.call('POST', `${pods}?dryRun=All`, probe))
    t.same(marks(dry), bare && marks(bare))
    t.match(lines.at(-1), { dryRun: true, decision: 'patched' })
    t.equal((await kube.call('GET', `${pods}/dry`)).status, 404)
  })

  const withKubectl = {
    skip: kubectl === undefined ? 'no kubectl beside the API server' : false
  }
  await t.test("kubectl's --dry-run=server, too", withKubectl, async (t) => {
    const probe = podOf({ app: 'web' }, { name: 'dry' })
    const args = ['--kubeconfig', cluster.kubeconfig, '-n', 'shop', 'apply', '-f', '-']
    args.push('--dry-run=server', '-o', 'json')
    // Not execFileSync: the webhook lives in this process and must be able to answer.
    const applied = promisify(execFile)(kubectl ?? '', args)
    applied.child.stdin?.end(JSON.stringify(probe))
    const { stdout } = await applied
    const pod = JSON.parse(stdout) as Pod
    const { annotations = {} } = pod.metadata
    delete annotations['kubectl.kubernetes.io/last-applied-configuration']
    t.same(marks({ ...pod, metadata: { ...pod.metadata, annotations } }), bare && marks(bare))
  })

  await t.test('what is not ours stays untouched', async (t) => {
    const untouched = [
      { what: 'unlabelled', namespace: 'shop', labels: { app: 'other' } },
      { what: 'kube-system', namespace: 'kube-system', labels: { app: 'web' } },
      { what: 'own namespace', namespace: 'secco-system', labels: { app: 'web' } },
      { what: 'opted out', namespace: 'shop', labels: { app: 'web', 'secco.dev/ignore': 'true' } }
    ]
    for (const { what, namespace, labels } of untouched) {
      const metadata = { name: what.replace(' ', '-') }
      const url = `/api/v1/namespaces/${namespace}/pods`
      const answer = await kube.call('POST', url, podOf(labels, metadata))
      t.equal(answer.status, 201, what)
      t.same(
        marks(asPod(answer)),
        { annotations: undefined, pod: {}, containers: [undefined, { runAsNonRoot: true }] },
        what
      )
    }
  })

  await t.test('an ephemeral container gets RuntimeDefault', async (t) => {
    // As `kubectl debug` does it.
    const answer = await kube.call(
      'PATCH',
      `${pods}/bare/ephemeralcontainers`,
      { spec: { ephemeralContainers: [{ name: 'debugger', image: 'busybox' }] } },
      { contentType: 'application/strategic-merge-patch+json' }
    )
    t.equal(answer.status, 200)
    const [debug] = asPod(answer).spec.ephemeralContainers ?? []
    t.same(debug?.securityContext?.seccompProfile, { type: 'RuntimeDefault' })
    t.same(asPod(answer).spec.containers, bare?.spec.containers, 'the others stay')
  })

  await t.test('the audit log has the decision', async (t) => {
    const event = await until('the audit event of the bare pod', () =>
      cluster
        .auditEvents()
        .find(
          (one) =>
            (one['objectRef'] as Json | undefined)?.['name'] === 'bare' && one['verb'] === 'create'
        )
    )
    t.match(event['annotations'], {
      'pods.secco.dev/decision': 'patched',
      'pods.secco.dev/rule': 'secco-system/web',
      'pods.secco.dev/profile': 'shop/web.app',
      'pods.secco.dev/revision': digest
    })
  })

  await t.test('the CRDs are accepted and hold their schema', async (t) => {
    const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
    for (const crd of Object.values(customResourceDefinitions())) {
      const { name } = crd['metadata'] as { name: string }
      await kube.do('POST', `${definitions}?fieldValidation=Strict`, crd)
      await until(`${name} to be established`, async () => {
        const { status } = await kube.do('GET', `${definitions}/${name}`)
        const { conditions = [] } = (status ?? {}) as { conditions?: Json[] }
        const nonStructural = conditions.find((one) => one['type'] === 'NonStructuralSchema')
        if (nonStructural !== undefined) throw new Error(String(nonStructural['message']))
        return (
          conditions.some((one) => one['type'] === 'Established' && one['status'] === 'True') ||
          undefined
        )
      })
    }
    const sample = (name: string): Json =>
      parse(readFileSync(join(repositoryRoot, 'manifests/samples', name), 'utf8')) as Json
    const group = '/apis/secco.dev/v1alpha1/namespaces/default'
    const strict = '?fieldValidation=Strict'
    // The group is served a moment after its definition is established.
    const send = (plural: string, body: Json): Promise<KubeResponse> =>
      until(plural, async () => {
        const answer = await kube.call('POST', `${group}/${plural}${strict}`, body)
        return answer.status === 404 ? undefined : answer
      })
    t.equal((await send('seccompprofiles', sample('profile.yaml'))).status, 201)
    t.equal((await send('seccomprules', sample('rule.yaml'))).status, 201)
    const status = await kube.call(
      'PATCH',
      `${group}/seccompprofiles/web.app/status`,
      {
        status: { observed: { x86_64: ['read'] }, revision: digest, nodes: { ready: 1, total: 3 } }
      },
      { contentType: 'application/merge-patch+json' }
    )
    t.match(status, { status: 200, body: { status: { observed: { x86_64: ['read'] } } } })
    const rule = sample('rule.yaml')
    const rejected: [string, Json, number, RegExp][] = [
      ['unknown key', { mode: 'learn', colour: 'red' }, 400, /unknown field "spec\.colour"/],
      ['unknown mode', { mode: 'panic' }, 422, /spec\.mode.*learn/],
      ['wrong type', { mode: 'learn', priority: 'high' }, 422, /spec\.priority/],
      ['audit without a profile', { mode: 'audit' }, 422, /need spec\.profile/]
    ]
    for (const [what, spec, code, message] of rejected) {
      const answer = await send('seccomprules', { ...rule, metadata: { name: 'bad' }, spec })
      t.match(answer, { status: code, body: { message } }, what)
    }
  })

  await t.test(
    'with the webhook stopped pods are still created, and the policy says so',
    async (t) => {
      const api = '/apis/admissionregistration.k8s.io/v1'
      for (const { policy, bindings } of [finalStatePolicy(), pathPolicy()]) {
        await kube.do('POST', `${api}/validatingadmissionpolicies?fieldValidation=Strict`, policy)
        for (const binding of bindings) {
          await kube.do('POST', `${api}/validatingadmissionpolicybindings`, binding)
        }
      }
      await stopWebhook()
      const answer = await kube.call('POST', pods, podOf({ app: 'web' }, { name: 'alone' }))
      t.equal(answer.status, 201)
      t.equal(asPod(answer).metadata.annotations, undefined)
      const labelled = podOf({ 'secco.dev/profile': 'web.app' }, { name: 'labelled' })
      const warned = await until('the policy to take effect', async () => {
        const tried = await kube.call('POST', `${pods}?dryRun=All`, labelled)
        return tried.warnings.length === 0 ? undefined : tried
      })
      t.equal(warned.status, 201)
      t.match(warned.warnings.join(), /secco: no seccomp filter on container app and 1 more/)
    }
  )

  await t.test(
    'an exported MutatingAdmissionPolicy puts the profile on pods by itself',
    async (t) => {
      const [policy, binding, parameters] = exportAdmissionPolicy({
        namespace: 'shop',
        name: 'web.app',
        profile: 'shop/web.app',
        localhostProfile: path,
        podSelector: { matchLabels: { tier: 'map' } }
      })
      const api = '/apis/admissionregistration.k8s.io/v1beta1'
      const strict = '?fieldValidation=Strict'
      await kube.do('POST', `/api/v1/namespaces/secco-system/configmaps${strict}`, parameters)
      await kube.do('POST', `${api}/mutatingadmissionpolicies${strict}`, policy)
      await kube.do('POST', `${api}/mutatingadmissionpolicybindings${strict}`, binding)
      const other = { type: 'Localhost', localhostProfile: 'mine.json' }
      const given = (labels: Record<string, string>) => ({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'by-policy', labels },
        spec: {
          initContainers: [{ name: 'init', image: 'i' }],
          containers: [
            {
              name: 'app',
              image: 'nginx',
              env: [{ name: 'A', value: '1' }],
              securityContext: { runAsUser: 1, seccompProfile: { type: 'RuntimeDefault' } }
            },
            { name: 'root', image: 'r', securityContext: { privileged: true } },
            { name: 'own', image: 'o', securityContext: { seccompProfile: other } }
          ]
        }
      })
      const dry = `${pods}?dryRun=All`
      const profilesOf = (pod: Pod) =>
        pod.spec.containers.map((one) => one.securityContext?.seccompProfile)
      const answer = await until('the policy to take effect', async () => {
        const tried = await kube.call('POST', dry, given({ tier: 'map' }))
        const [first] = tried.status === 201 ? profilesOf(asPod(tried)) : []
        return first?.['type'] === 'Localhost' ? tried : undefined
      })
      const pod = asPod(answer)
      t.same(profilesOf(pod), [localhost, undefined, other], 'privileged and own files stay')
      t.match(pod.spec.containers[0], {
        image: 'nginx',
        env: [{ name: 'A', value: '1' }],
        securityContext: { runAsUser: 1 }
      })
      t.match(pod.spec, {
        initContainers: [{ name: 'init', securityContext: { seccompProfile: localhost } }]
      })
      const entry = { profile: 'shop/web.app', revision: digest, outcome: 'assigned' }
      t.match(JSON.parse(pod.metadata.annotations?.['secco.dev/assigned'] ?? '{}'), {
        app: entry,
        init: entry,
        root: undefined,
        own: undefined
      })
      t.same(answer.warnings, [], 'and the policy on paths takes it for no hand')
      const unlabelled = asPod(await kube.call('POST', dry, given({ tier: 'other' })))
      t.same(profilesOf(unlabelled)[0], { type: 'RuntimeDefault' })
      const optOut = given({ tier: 'map', 'secco.dev/ignore': 'true' })
      const ignored = async () => profilesOf(asPod(await kube.call('POST', dry, optOut)))[0]
      t.same(await ignored(), localhost, 'only a namespace allows to opt out')
      const mayOptOut = (value: string | null) =>
        kube.do(
          'PATCH',
          '/api/v1/namespaces/shop',
          { metadata: { labels: { 'secco.dev/allow-ignore': value } } },
          { contentType: 'application/merge-patch+json' }
        )
      await mayOptOut('true')
      await until('the label of the namespace to count', async () =>
        (await ignored())?.['type'] === 'RuntimeDefault' ? true : undefined
      )
      await mayOptOut(null)
      await until('the label of the namespace to be gone', async () =>
        (await ignored())?.['type'] === 'Localhost' ? true : undefined
      )
      for (const count of [500, 4000]) {
        const many = given({ tier: 'map' })
        const containers = Array.from({ length: count }, (_, nth) => ({
          ...{ name: `c${nth}`, image: 'i' }
        }))
        const large = await kube.call('POST', dry, { ...many, spec: { containers } })
        const left = large.status === 201 ? profilesOf(asPod(large)) : []
        t.ok(
          left.every((one) => one?.['type'] === 'Localhost'),
          `${count} containers: ${large.status}, and none without the profile`
        )
      }
      const without = given({ tier: 'map' })
      const bare = { ...without, spec: { containers: [{ name: 'app', image: 'nginx' }] } }
      t.same(
        profilesOf(asPod(await kube.call('POST', dry, bare))),
        [localhost],
        'no init containers'
      )
      // The hub's part, beside a fleet that changes.
      const config = new KubeConfig()
      config.loadFromFile(cluster.kubeconfig)
      const newest = testRevision('shop', 'web.app', 'd', false)
      const before = testRevision('shop', 'web.app', 'a', true)
      const lacking = { ...before, ready: false }
      let state: ProfileState | undefined = testProfile('shop', 'web.app', {
        ...{ enforce: newest, previous: before }
      })
      const parts = startPolicyParameters({
        call: createApiCall(config),
        namespace: 'secco-system',
        snapshot: () => buildSnapshot({ profiles: state === undefined ? [] : [state] }),
        mayWrite: () => true,
        logger: createLogger('webhook', sink),
        debounceMs: 1
      })
      t.teardown(() => parts.close())
      const path0 = (at: { path: string }) => ({ type: 'Localhost', localhostProfile: at.path })
      const untilGiven = (what: string, wanted: Json) =>
        until(what, async () => {
          const tried = await kube.call('POST', dry, bare)
          const [given] = profilesOf(asPod(tried))
          return given?.['type'] === wanted['type'] &&
            given?.['localhostProfile'] === wanted['localhostProfile']
            ? tried
            : undefined
        })
      const change = (to: Partial<ProfileState> | undefined): void => {
        state = to === undefined ? undefined : testProfile('shop', 'web.app', to)
        parts.update()
      }
      change({ enforce: { ...newest, ready: true }, previous: before })
      await untilGiven('the revision that every node has now', path0(newest))
      change({ enforce: newest, previous: before })
      await untilGiven('the one before, while a node lacks the newest', path0(before))
      change({ enforce: newest, previous: lacking })
      const runtimeDefault = { type: 'RuntimeDefault' }
      const none = await untilGiven('no file, while a node has neither', runtimeDefault)
      t.equal(none.status, 201, 'no pod waits for a file')
      t.match(JSON.parse(asPod(none).metadata.annotations?.['secco.dev/assigned'] ?? '{}'), {
        app: { profile: 'shop/web.app', outcome: 'runtime-default', reason: 'not-ready' }
      })
      const unready = asPod(await kube.call('POST', dry, given({ tier: 'map' })))
      t.same(
        profilesOf(unready),
        [runtimeDefault, undefined, other],
        'privileged and own files stay here, too'
      )
      const chosen = { ...bare.spec, securityContext: { seccompProfile: other } }
      t.same(
        profilesOf(asPod(await kube.call('POST', dry, { ...bare, spec: chosen }))),
        [undefined],
        'and a file for the whole pod'
      )
      change({ enforce: { ...newest, ready: true }, previous: before })
      await untilGiven('the newest again', path0(newest))
      change(undefined)
      await untilGiven('no file, when the profile is gone', runtimeDefault)
      change({ enforce: before })
      await untilGiven('the profile again', path0(before))
      await parts.close()
      await kube.do('DELETE', '/api/v1/namespaces/secco-system/configmaps/secco.shop.web.app')
      const after = await until('the parameters to be gone', async () => {
        const tried = await kube.call('POST', dry, bare)
        return profilesOf(asPod(tried))[0] === undefined ? tried : undefined
      })
      t.equal(after.status, 201, 'without parameters pods stay as they are')
    }
  )
})
