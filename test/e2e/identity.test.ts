import { once } from 'node:events'
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { KubeConfig } from '@kubernetes/client-node'
import { test } from 'tap'
import { startUplink } from '../../satellite/uplink/uplink.js'
import type { Uplink } from '../../satellite/uplink/uplink.js'
import { customResourceDefinitions } from '../../src/api/crd.js'
import {
  ContainerRef,
  HubClient,
  type HubMessage,
  type ObservationRejected,
  type SatelliteMessage
} from '../../src/api/gen/hub.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { approvedDigest } from '../../src/seccomp/policy/approval.js'
import { openKubernetesStore } from '../../src/store/kubernetes.js'
import { ensureServerLeaf } from '../../certs/files.js'
import { approvalPolicy } from '../../webhook/admission/approval-policy.js'
import { ReviewCalls } from '../../webhook/cluster/access/review-calls.js'
import { createTokenReviewer } from '../../webhook/cluster/access/token-review.js'
import { isRejected } from '../../webhook/hub/stream/identity.js'
import { startHub } from '../../webhook/hub/hub.js'
import { accountToken } from '../helpers/account-token.js'
import { findApiServer } from '../helpers/api-server-programs.js'
import { type Cluster, startCluster } from '../helpers/cluster.js'
import type { Json } from '../helpers/kube.js'
import { runSecco, spawnSecco } from '../helpers/secco-command.js'
import { runs } from '../helpers/fuzz.js'
import { GivenUp, until } from '../helpers/until.js'
import {
  collectLog,
  memoryInstaller,
  nodeStatus,
  observationOf,
  quickUplink
} from '../webhook/hub/rig.js'
import { patientWebhook } from '../helpers/patient-webhook.js'

const found = await findApiServer()
const skip = found.skip ?? false
const audience = 'secco-hub'

/** Objects of the API server, made by hand: no kubelet and no controller runs here. */
function objectsOf({ kube }: Cluster) {
  const pods = (namespace: string) => `/api/v1/namespaces/${namespace}/pods`
  return {
    namespace: (name: string) => kube.do('POST', '/api/v1/namespaces', { metadata: { name } }),
    node: (name: string) => kube.do('POST', '/api/v1/nodes', { metadata: { name } }),
    account: (name: string) =>
      kube.do('POST', '/api/v1/namespaces/secco-system/serviceaccounts', { metadata: { name } }),
    /** A pod on a node. @returns its uid */
    async pod(namespace: string, name: string, nodeName: string, spec: Json = {}): Promise<string> {
      const containers = [{ name: 'app', image: 'nginx' }]
      const labels = { app: name.replace(/-[^-]*$/, '') }
      const metadata = { name, labels }
      const made = await kube.do('POST', pods(namespace), {
        metadata,
        spec: { nodeName, containers, ...spec }
      })
      return (made['metadata'] as { uid: string }).uid
    },
    /** TokenRequest (authentication.k8s.io/v1), as the kubelet asks for projected tokens. */
    async token(
      account: string,
      pod: { name: string; uid: string } | undefined,
      audiences = [audience]
    ): Promise<string> {
      const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', ...pod }
      const spec = { audiences, expirationSeconds: 600, ...(pod && { boundObjectRef }) }
      return accountToken(kube, 'secco-system', account, spec)
    }
  }
}

/** The token as it will be when its time is over: nobody can make one that has ended already. */
function ended(token: string): string {
  const [head = '', payload = '', signature = ''] = token.split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Json
  const old = JSON.stringify({ ...claims, exp: Math.floor(Date.now() / 1000) - 1 })
  return [head, Buffer.from(old).toString('base64url'), signature].join('.')
}

/** A satellite that does what no satellite of ours does. */
function rogue(hub: string, ca: string, token: string | undefined) {
  const client = new HubClient(hub, credentials.createSsl(Buffer.from(ca)), {
    'grpc.ssl_target_name_override': 'localhost',
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_send_message_length': -1
  })
  const metadata = new Metadata()
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`)
  const stream = client.connect(metadata)
  const received: HubMessage[] = []
  stream.on('data', (message: HubMessage) => received.push(message))
  const end = new Promise<ServiceError | undefined>((resolve) => {
    stream.on('error', (error: ServiceError) => resolve(error))
    stream.on('end', () => resolve(undefined))
  })
  const send = (body: NonNullable<SatelliteMessage['body']>) => stream.write({ body })
  return {
    end,
    send,
    received,
    hello: (node: string) =>
      send({
        $case: 'hello',
        value: {
          ...{ node, bootId: 'b', version: 'x', status: nodeStatus, holding: [] },
          takesAcksTogether: false,
          takesTraces: false,
          sendsRevisions: false
        }
      }),
    welcomed: () =>
      until('a welcome', () => received.find(({ body }) => body?.$case === 'welcome')),
    rejections: () =>
      received.flatMap(({ body }): ObservationRejected[] =>
        body?.$case === 'observationRejected' ? [body.value] : []
      ),
    close() {
      stream.cancel()
      client.close()
    }
  }
}

function residentKiB(pid: number): Promise<number> {
  return readFile(`/proc/${pid}/status`, 'utf8').then((text) =>
    Number(/^VmRSS:\s+(\d+)/m.exec(text)?.[1])
  )
}

function fetchText(url: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request(url, { ca, servername: 'localhost' }, (incoming) => {
      let text = ''
      incoming.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      incoming.on('end', () => resolve(text))
    })
      .on('error', reject)
      .end()
  })
}

test('who may say and do what, on a real API server', { skip, timeout: 1_750_000 }, async (t) => {
  if (found.programs === undefined) return
  const cluster = await startCluster(found.programs)
  const { kube, kubeconfig } = cluster
  const folder = await mkdtemp(join(tmpdir(), 'secco-identity-'))
  const closers: (() => unknown)[] = [
    () => cluster.stop(),
    () => rm(folder, { recursive: true, force: true })
  ]
  t.teardown(async () => {
    for (const close of closers.reverse()) await close()
  })
  const make = objectsOf(cluster)
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  for (const crd of Object.values(customResourceDefinitions())) {
    await kube.do('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', crd)
  }
  for (const name of ['secco-system', 'shop']) await make.namespace(name)
  for (const name of ['node-a', 'node-b']) await make.node(name)
  for (const name of ['secco-satellite', 'other']) await make.account(name)
  await until('the objects to be served', async () => {
    const path = '/apis/secco.dev/v1alpha1/namespaces/shop/seccompprofiles'
    return (await kube.call('GET', path)).status === 200 ? true : undefined
  })
  const satellites = { serviceAccountName: 'secco-satellite' }
  const podA = { name: 'sat-a', uid: await make.pod('secco-system', 'sat-a', 'node-a', satellites) }
  const podB = { name: 'sat-b', uid: await make.pod('secco-system', 'sat-b', 'node-b', satellites) }
  const foreign = {
    name: 'other-a',
    uid: await make.pod('secco-system', 'other-a', 'node-a', { serviceAccountName: 'other' })
  }
  const webA = await make.pod('shop', 'web-a', 'node-a')
  const webB = await make.pod('shop', 'mail-b', 'node-b')
  const tokenA = await make.token('secco-satellite', podA)
  const tokenB = await make.token('secco-satellite', podB)

  // The real program, as in a pod.
  const state = join(folder, 'hub')
  const any = '127.0.0.1:0'
  const program = spawnSecco([
    ...['webhook', '--kubeconfig', kubeconfig, '--state', state, '--listen', any],
    ...['--hub-listen', any, '--ui-listen', any, '--replica', 'hub-0']
  ])
  let log = ''
  program.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()))
  program.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
  closers.push(async () => {
    program.kill('SIGTERM')
    if (program.exitCode === null) await once(program, 'exit')
  })
  const addresses = await until(
    'the webhook to be up',
    async () => {
      if (program.exitCode !== null) throw new GivenUp(log)
      const text = await readFile(join(state, 'addresses.json'), 'utf8').catch(() => undefined)
      return text === undefined
        ? undefined
        : (JSON.parse(text) as { pid: number; webhook: string; hub: string; caBundle: string })
    },
    { timeoutMs: 180_000 }
  )
  const { hub } = addresses
  const ca = Buffer.from(addresses.caBundle, 'base64').toString()
  const metrics = () => fetchText(`${addresses.webhook}/metrics`, ca)
  const rejected = async (reason: string) =>
    Number(
      new RegExp(`^secco_hub_rejected_total\\{reason="${reason}"\\} (\\d+)`, 'm').exec(
        await metrics()
      )?.[1]
    )
  const profile = (name: string) =>
    kube.call('GET', `/apis/secco.dev/v1alpha1/namespaces/shop/seccompprofiles/${name}`)
  /** An observation of a pod's container, as node's satellite would send it. */
  const seen = (node: string, name: string, uid: string, id: string, names = ['read']) =>
    observationOf(`${node}/b/${id}`, names, {
      container: {
        ...{ id: 'c1', runtime: 'containerd', name: 'app', image: 'nginx' },
        ...{ podNamespace: 'shop', podName: name, podUid: uid, labels: {}, profile: '' }
      }
    })
  const uplinks: Uplink[] = []
  async function satellite(node: string, token: string): Promise<Uplink> {
    const installer = memoryInstaller()
    const uplink = await startUplink({
      ...{ hub, node, token, tls: { ca }, serverName: 'localhost', logger: collectLog().logger },
      ...{ spoolDir: join(folder, 'spool', node), status: () => nodeStatus },
      ...{ onRevision: installer.onRevision, holding: installer.holding },
      timing: { ...quickUplink, flushMs: 90_000 }
    })
    uplinks.push(uplink)
    closers.push(() => uplink.close())
    await until(`${node} to be connected`, () => (uplink.connected ? true : undefined))
    return uplink
  }
  let a = await satellite('node-a', tokenA)
  const b = await satellite('node-b', tokenB)

  await t.test('a satellite’s own pods are taken in, by the API server’s word', async (t) => {
    a.offer(seen('node-a', 'web-a', webA, '1', ['read', 'write']))
    await a.flush()
    t.equal(a.backlog().waiting, 0)
    t.match((await profile('web-a.app')).body, {
      status: { observed: { x86_64: ['read', 'write'] } }
    })
    t.same(a.conditions(), [])
  })

  await t.test('node A speaks for a pod on node B', async (t) => {
    a.offer(seen('node-a', 'mail-b', webB, '2', ['ptrace']))
    await until('the rejection', () => a.conditions()[0])
    t.match(a.conditions(), [
      {
        type: 'ObservationsAccepted',
        ...{ status: 'False', reason: 'RejectedByHub' },
        message: /pod-elsewhere: .*runs on node node-b, not on node-a/
      }
    ])
    t.equal(a.backlog().waiting, 0, 'it is given up, not sent for ever')
    t.equal((await profile('mail-b.app')).status, 404)
    t.equal(await rejected('pod-elsewhere'), 1)
    t.match(log, /"reason":"pod-elsewhere"/)
    // A container that the pod does not have, and one of no pod.
    const strange = seen('node-a', 'web-a', webA, '3')
    if (strange.container !== undefined) strange.container.name = 'invented'
    a.offer(strange)
    a.offer(
      observationOf('node-a/b/4', ['read'], {
        container: ContainerRef.fromPartial({ name: 'plain', id: 'p' })
      })
    )
    await until(
      'both rejections',
      async () =>
        (await rejected('not-kubernetes')) === 1 && (await rejected('container-unknown')) === 1
          ? true
          : undefined,
      { timeoutMs: 180_000 }
    )
  })

  await t.test('tokens that are not good', async (t) => {
    const cases: [string, string | undefined, string, string][] = [
      ['no token', undefined, 'no-credentials', 'node-a'],
      ['expired', ended(tokenA), 'token-expired', 'node-a'],
      [
        'another audience',
        await make.token('secco-satellite', podA, ['vault']),
        'wrong-audience',
        'node-a'
      ],
      ['another ServiceAccount', await make.token('other', foreign), 'wrong-account', 'node-a'],
      [
        'bound to no pod',
        await make.token('secco-satellite', undefined),
        'no-node-claim',
        'node-a'
      ],
      ['signed by nobody', `${tokenA.slice(0, -8)}AAAAAAAA`, 'token-invalid', 'node-a'],
      ['no token at all', 'x.y.z', 'token-invalid', 'node-a'],
      ['another node in Hello', tokenA, 'node-mismatch', 'node-b']
    ]
    for (const [what, token, reason, node] of cases) {
      const before = await rejected(reason)
      const peer = rogue(hub, ca, token)
      peer.hello(node)
      const error = await peer.end
      t.equal(error?.code, status.UNAUTHENTICATED, what)
      t.equal(await rejected(reason), before + 1, `${what}: counted as ${reason}`)
      await until(`${what} to be logged`, () => log.includes(`"reason":"${reason}"`) || undefined)
      peer.close()
    }
    t.ok(b.connected, 'nobody else is bothered')
  })

  await t.test('10 MB at once, and thousands of workloads that do not exist', async (t) => {
    // The hub looks up about a hundred pods a second for one node.
    const fakes = Math.min(10_000, runs(2000))
    // One stream for each node: the flood is this one's now.
    await a.close()
    const before = await residentKiB(addresses.pid)
    const large = rogue(hub, ca, tokenA)
    large.hello('node-a')
    await large.welcomed()
    const container = { id: 'c', name: 'x'.repeat(10 * 1024 * 1024) }
    large.send({
      $case: 'observation',
      value: observationOf('node-a/b/big', [], {
        container: ContainerRef.fromPartial(container)
      })
    })
    t.equal((await large.end)?.code, status.RESOURCE_EXHAUSTED)
    t.equal(await rejected('too-large'), 1)
    large.close()
    const afterLarge = await residentKiB(addresses.pid)

    const flood = rogue(hub, ca, tokenA)
    flood.hello('node-a')
    await flood.welcomed()
    const started = Date.now()
    const unknown = await rejected('pod-unknown')
    for (let n = 0; n < fakes; n += 1) {
      const uid = `00000000-0000-4000-8000-${n.toString().padStart(12, '0')}`
      flood.send({ $case: 'observation', value: seen('node-a', `fake-${n}`, uid, `f${n}`) })
    }
    // Meanwhile the other node is served.
    b.offer(seen('node-b', 'mail-b', webB, '1', ['read', 'close']))
    const asked = Date.now()
    await b.flush()
    const served = Date.now() - asked
    t.equal(b.backlog().waiting, 0)
    await until(
      `${fakes} rejections`,
      async () =>
        flood.rejections().length >= fakes && (await rejected('pod-unknown')) - unknown >= fakes
          ? true
          : undefined,
      { timeoutMs: 200_000, everyMs: 250 }
    )
    const after = await residentKiB(addresses.pid)
    t.comment(`RSS ${before} KiB, after 10 MB ${afterLarge} KiB, after ${fakes} fakes ${after} KiB`)
    const logged = log.split('"reason":"pod-unknown"').length - 1
    t.comment(`${Date.now() - started} ms; node B served in ${served} ms; ${logged} lines logged`)
    t.ok(afterLarge - before < 60_000, 'ten megabytes are not kept')
    t.ok(after - before < 150_000, 'nor thousands of workloads')
    t.ok(
      log.split('"reason":"pod-unknown"').length < 40,
      'logged a few times, not thousands of times'
    )
    const list = await kube.do('GET', '/apis/secco.dev/v1alpha1/seccompprofiles')
    t.same(
      (list['items'] as SeccompProfile[]).map(({ metadata }) => metadata.name).sort(),
      ['mail-b.app', 'web-a.app'],
      'no profile of theirs'
    )
    t.match((await profile('mail-b.app')).body, {
      status: { observed: { x86_64: ['close', 'read'] } }
    })
    flood.close()
    a = await satellite('node-a', tokenA)
  })

  await t.test('a token that ends, is renewed, or whose pod is gone', async (t) => {
    const short = await mkdtemp(join(folder, 'short-'))
    const tls = await ensureServerLeaf(join(short, 'certs'), ['localhost', '127.0.0.1'])
    const { logger, seen: said } = collectLog()
    const review = createTokenReviewer({ config })
    let life = 2000
    const store = await openKubernetesStore({ config })
    const own = await startHub({
      ...{ store, tls, logger, listen: { host: '127.0.0.1', port: 0 } },
      revisionsDir: join(short, 'revisions'),
      // The shortest token that an API server gives lives ten minutes: its answer is cut short.
      reviewToken: async (token) => {
        const answer = await review(token)
        return isRejected(answer) ? answer : { ...answer, expiresAtMs: Date.now() + life }
      },
      timing: { heartbeatMs: 400, reviewMs: 60_000 }
    })
    const address = `127.0.0.1:${own.address.port}`
    const gone = {
      name: 'sat-c',
      uid: await make.pod('secco-system', 'sat-c', 'node-b', satellites)
    }
    const first = await make.token('secco-satellite', gone)
    const dying = rogue(address, tls.ca, first)
    dying.hello('node-b')
    await dying.welcomed()
    const beat = setInterval(() => dying.send({ $case: 'heartbeat', value: { sequence: 1 } }), 200)
    const error = await dying.end
    clearInterval(beat)
    t.match(error, { code: status.UNAUTHENTICATED, details: /expired and no newer token came/ })
    t.equal(own.rejected()['token-expired'], 1)
    dying.close()

    life = 60_000
    const next = await make.token('secco-satellite', gone)
    const renewed = rogue(address, tls.ca, first)
    renewed.hello('node-b')
    await renewed.welcomed()
    const beats = setInterval(
      () => renewed.send({ $case: 'heartbeat', value: { sequence: 1 } }),
      200
    )
    renewed.send({ $case: 'credentials', value: { token: next } })
    renewed.send({ $case: 'credentials', value: { token: tokenA } })
    const ended = await renewed.end
    clearInterval(beats)
    t.match(
      ended,
      { code: status.UNAUTHENTICATED, details: /names node node-a/ },
      'of another node'
    )
    renewed.close()

    const orphaned = await make.token('secco-satellite', gone)
    const another = await make.token('secco-satellite', gone)
    await kube.do('DELETE', '/api/v1/namespaces/secco-system/pods/sat-c?gracePeriodSeconds=0')
    // What reviews tokens hears of it a moment later, and keeps a good answer for ten seconds.
    await until(
      'its tokens to be rejected',
      async () => isRejected(await review(another)) || undefined,
      {
        everyMs: 500
      }
    )
    const orphan = rogue(address, tls.ca, orphaned)
    orphan.hello('node-b')
    t.match(await orphan.end, { code: status.UNAUTHENTICATED }, 'its pod is gone')
    orphan.close()
    await said(/token-invalid/)
    await own.close()
    await store.close()
  })

  await t.test('the real satellite, with token and authority from files', async (t) => {
    const tokenFile = join(folder, 'token')
    const caFile = join(folder, 'hub-ca.crt')
    await writeFile(tokenFile, `${tokenB}\n`)
    await writeFile(caFile, ca)
    await b.close()
    const child = spawnSecco([
      ...['satellite', '--state', join(folder, 'node'), '--hub', hub, '--node', 'node-b'],
      ...['--token-file', tokenFile, '--hub-ca', caFile, '--record', 'off', '--pin', 'off'],
      ...['--seccomp-root', join(folder, 'seccomp'), '--runc-root', join(folder, 'runc')]
    ])
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
    const reached = (text: RegExp) =>
      until(
        String(text),
        () => {
          if (child.exitCode !== null) throw new GivenUp(output)
          return text.test(output) ? true : undefined
        },
        { timeoutMs: 180_000 }
      )
    await reached(/connected to the hub/)
    await writeFile(`${tokenFile}.new`, await make.token('secco-satellite', podB))
    await rename(`${tokenFile}.new`, tokenFile)
    await reached(/token renewed/)
    t.match(await metrics(), /secco_node_connected\{node="node-b"\} 1/)
    t.notMatch(output, /eyJ/, 'no token in any line')
    t.notMatch(log, /eyJ/)
    const closed = once(child, 'exit')
    child.kill('SIGINT')
    await closed
    await satellite('node-b', tokenB)
  })

  await t.test('who may approve', async (t) => {
    const rbac = '/apis/rbac.authorization.k8s.io/v1'
    const role = (name: string, verbs: string[]) =>
      kube.do('POST', `${rbac}/clusterroles`, {
        metadata: { name },
        rules: [{ apiGroups: ['secco.dev'], resources: ['seccompprofiles'], verbs }]
      })
    await role('writer', ['get', 'list', 'create', 'update', 'patch'])
    await role('approver', ['approve'])
    const bind = (name: string, user: string) =>
      kube.do('POST', `${rbac}/namespaces/shop/rolebindings`, {
        metadata: { name: `${name}-${user}` },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
        subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: user }]
      })
    for (const user of ['dora', 'olga']) await bind('writer', user)
    await bind('approver', 'olga')
    for (const object of approvalPolicy()) {
      const { kind } = object as { kind: string }
      const plural = kind.endsWith('Binding')
        ? 'validatingadmissionpolicybindings'
        : 'validatingadmissionpolicies'
      await kube.do('POST', `/apis/admissionregistration.k8s.io/v1/${plural}`, object)
    }
    const path = '/apis/secco.dev/v1alpha1/namespaces/shop/seccompprofiles/web-a.app'
    const patch = (user: string, spec: Json, dry = false) =>
      kube.call(
        'PATCH',
        `${path}${dry ? '?dryRun=All' : ''}`,
        { spec },
        {
          contentType: 'application/merge-patch+json',
          asUser: user
        }
      )
    const seccomp = {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: ['read', 'write'], action: 'SCMP_ACT_ALLOW' }]
    } as const
    const at = '2026-11-24T10:00:00Z'
    const digest = approvedDigest({
      seccomp: { ...seccomp, syscalls: [{ ...seccomp.syscalls[0], names: ['read', 'write'] }] }
    })
    await until('the policy to be in force', async () =>
      (await patch('dora', { seccomp }, true)).status === 422 ||
      (await patch('dora', { seccomp }, true)).status === 403
        ? true
        : undefined
    )
    for (const [what, spec] of [
      ['content', { seccomp }],
      ['a policy that approves', { promote: { afterInstances: 1, afterQuiet: '1s' } }],
      ['what is learned', { learn: { sessions: true } }],
      ['parents', { extends: ['secco-system/base'] }]
    ] as const) {
      const answer = await patch('dora', spec)
      t.ok([403, 422].includes(answer.status), `${what}: ${answer.status}`)
      t.match(answer.body['message'], /dora may not approve/, what)
    }
    t.equal(
      (await patch('dora', { workload: { kind: 'Pod', name: 'web-a' } })).status,
      200,
      'the rest is theirs'
    )
    const forged = await patch('olga', { seccomp, approval: { digest, by: 'admin', at } })
    t.match(forged.body['message'], /spec.approval.by: must be olga/)
    const approvals = async () =>
      ((await profile('web-a.app')).body as unknown as SeccompProfile).status?.approvals ?? []
    t.equal(
      (await patch('olga', { seccomp, approval: { digest, by: 'olga', at, reason: 'looked at' } }))
        .status,
      200
    )
    await until(
      'the hub to record it',
      async () => (await approvals()).at(-1)?.revision || undefined,
      {
        timeoutMs: 180_000
      }
    )
    t.match(await approvals(), [
      { by: 'olga', at, reason: 'looked at', digest, revision: /^sha256:/ }
    ])

    const wider = {
      ...seccomp,
      syscalls: [{ names: ['read', 'write', 'mount'], action: 'SCMP_ACT_ALLOW' }]
    }
    const stale = await until('the policy that warns to be in force', async () => {
      const answer = await patch('olga', { seccomp: wider }, true)
      return answer.warnings.length > 0 ? answer : undefined
    })
    t.equal(stale.status, 200)
    t.match(stale.warnings.join(), /spec.approval is for the earlier content, which stays in use/)
    // Where no policy stands in the way, the hub looks at the digest itself.
    await kube.do(
      'DELETE',
      '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/secco-approval'
    )
    await until('the policy to be gone', async () =>
      (await patch('dora', { seccomp: wider }, true)).status === 200 ? true : undefined
    )
    const served = ((await profile('web-a.app')).body as unknown as SeccompProfile).status?.revision
    t.equal((await patch('dora', { seccomp: wider })).status, 200)
    const invalid = await until(
      'the condition',
      async () => {
        const { status: now } = (await profile('web-a.app')).body as unknown as SeccompProfile
        return now?.conditions?.find(({ reason }) => reason === 'ApprovalInvalid') && now
      },
      { timeoutMs: 180_000 }
    )
    t.equal(invalid.revision, served, 'what was approved before goes on serving')
    t.match(
      invalid.conditions?.find(({ type }) => type === 'Ready'),
      { status: 'False', reason: 'ApprovalInvalid', message: /olga approved/ }
    )
    // An edit without an approval of its own is recorded as what it is.
    const edited = {
      ...seccomp,
      syscalls: [{ names: ['read', 'write', 'close'], action: 'SCMP_ACT_ALLOW' }]
    }
    t.equal((await patch('olga', { seccomp: edited, approval: null })).status, 200)
    await until(
      'the hub to record the edit',
      async () => (await approvals()).at(-1)?.by === 'unnamed' || undefined,
      {
        timeoutMs: 180_000
      }
    )

    // And by the command, as ourselves.
    const args = ['profile', 'approve', 'shop/web-a.app', '--kubeconfig', kubeconfig]
    a.offer(seen('node-a', 'web-a', webA, '9', ['getpid']))
    await a.flush()
    const wrong = await runSecco([...args, '--digest', `sha256:${'0'.repeat(64)}`])
    t.match(wrong, { code: 1, stderr: /APPROVAL_INVALID/ })
    const done = await runSecco([...args, '--reason', 'seen in staging'])
    t.equal(done.code, 0, done.stderr)
    const recorded = await until(
      'the hub to record the command',
      async () => (await approvals()).find(({ reason }) => reason === 'seen in staging'),
      { timeoutMs: 180_000 }
    )
    t.match(recorded, { by: 'admin', digest: /^sha256:/ })

    const calls = new ReviewCalls(config)
    const may = (username: string, namespace: string): Promise<boolean> =>
      calls.allows(
        { username, groups: [] },
        { verb: 'approve', resource: 'seccompprofiles', namespace, name: 'web-a.app' }
      )
    t.equal(await may('olga', 'shop'), true)
    t.equal(await may('dora', 'shop'), false)
    t.equal(await may('olga', 'bank'), false)
  })

  await t.test('rules and labels that would loosen, and paths by hand', async (t) => {
    const objects = '/apis/secco.dev/v1alpha1/namespaces'
    const rule = (namespace: string, name: string, spec: Json) =>
      kube.do('POST', `${objects}/${namespace}/seccomprules`, {
        ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompRule' },
        ...{ metadata: { name }, spec }
      })
    await kube.do('POST', `${objects}/shop/seccompprofiles`, {
      ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: { name: 'lax' } },
      spec: {
        seccomp: {
          defaultAction: 'SCMP_ACT_ERRNO',
          syscalls: [{ names: ['read', 'mount', 'bpf', 'ptrace'], action: 'SCMP_ACT_ALLOW' }]
        }
      }
    })
    await until(
      'the lax profile to be on both nodes',
      async () => {
        const { status: now } = (await profile('lax')).body as unknown as SeccompProfile
        return now?.conditions?.find(
          ({ type, status: ready }) => type === 'Ready' && ready === 'True'
        )
      },
      { timeoutMs: 180_000 }
    )
    await rule('secco-system', 'floor', {
      podSelector: { matchLabels: { app: 'floored' } },
      mode: 'learn'
    })
    await rule('shop', 'loosen', {
      ...{ podSelector: { matchLabels: { app: 'floored' } }, mode: 'enforce', priority: 1000 },
      profile: { name: 'lax' }
    })
    await kube.do(
      'POST',
      '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
      patientWebhook({
        target: { url: `${addresses.webhook.replace('127.0.0.1', 'localhost')}/mutate` },
        caBundle: addresses.caBundle
      })
    )
    const create = (labels: Json, seccompProfile?: Json) =>
      kube.call('POST', '/api/v1/namespaces/shop/pods?dryRun=All', {
        metadata: { name: 'try', labels },
        spec: {
          containers: [
            {
              name: 'app',
              image: 'nginx',
              ...(seccompProfile && { securityContext: { seccompProfile } })
            }
          ]
        }
      })
    const warned = await until('the webhook to answer, and to know both rules', async () => {
      const answer = await create({ app: 'floored', 'secco.dev/profile': 'lax' })
      return answer.warnings.join().includes('shop/loosen') ? answer : undefined
    })
    t.match(
      warned.warnings.join('\n'),
      /shop\/loosen is ignored.*\n.*label secco.dev\/profile is ignored/
    )
    const pod = warned.body as unknown as {
      spec: { containers: { securityContext: { seccompProfile: Json } }[] }
    }
    t.same(pod.spec.containers[0]?.securityContext.seccompProfile, { type: 'RuntimeDefault' })
    const ignoring = await create({ app: 'floored', 'secco.dev/ignore': 'true' })
    t.match(ignoring.warnings.join('\n'), /secco.dev\/ignore is not honoured/)
    for (const localhostProfile of ['secco/../../etc/x.json', 'secco/shop/lax/newest.json']) {
      const answer = await create({ app: 'nobody' }, { type: 'Localhost', localhostProfile })
      t.ok(answer.status >= 400, `${localhostProfile}: ${answer.status}`)
      t.match(answer.body['message'], /not a path that Secco writes/)
    }
    const text = await metrics()
    t.match(text, /^secco_admission_loosening_total [1-9]/m)
    t.match(text, /decision="denied",reason="strange-path"\} 2/)
    t.match(log, /"loosening":\["shop\/loosen","label secco.dev\/profile"\]/)
  })
})
