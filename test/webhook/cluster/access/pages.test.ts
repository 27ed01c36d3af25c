import { KubeConfig } from '@kubernetes/client-node'
import { t, test } from 'tap'
import { apiVersion } from '../../../../src/api/names.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { createLogger } from '../../../../src/lib/log.js'
import { approvedDigest } from '../../../../src/seccomp/policy/approval.js'
import { kubernetesObjects } from '../../../../src/store/kubernetes-objects.js'
import { clusterRights } from '../../../../webhook/cluster/access/rights.js'
import { findApiServer } from '../../../helpers/api-server-programs.js'
import type { Cluster } from '../../../helpers/cluster.js'
import { startPeopleCluster } from '../../../helpers/people-cluster.js'
import { FleetTraces } from '../../../../webhook/hub/traces/fleet-traces.js'
import { quiet } from '../../../helpers/quiet.js'
import { answeringNode } from '../../hub/traces/scripted-node.js'
import { startUiRig } from '../../ui/rig.js'
import { runningItem } from '../../ui/running-item.js'

t.setTimeout(400_000)
const found = await findApiServer()
const ours = '/apis/secco.dev/v1alpha1/namespaces/shop'

function configOf({ url, caPem }: Cluster, token: string): KubeConfig {
  const config = new KubeConfig()
  const caData = Buffer.from(caPem).toString('base64')
  config.loadFromClusterAndUser(
    { name: 'test', server: url, skipTLSVerify: false, caData },
    { name: 'hub', token }
  )
  return config
}

test('a change in the pages is written as that person, and the cluster decides', {
  skip: found.programs === undefined ? found.skip : false
}, async (t) => {
  if (found.programs === undefined) return
  const { cluster, tokens } = await startPeopleCluster(found.programs)
  t.teardown(() => cluster.stop())
  const { kube } = cluster

  const profile: SeccompProfile = {
    apiVersion,
    kind: 'SeccompProfile',
    metadata: { namespace: 'shop', name: 'web' },
    spec: { workload: { kind: 'Deployment', name: 'web', container: 'app' } }
  }
  const hub = configOf(cluster, tokens.hub)
  const store = kubernetesObjects(hub)
  await store.apply('SeccompProfile', profile)
  const observed = { x86_64: ['accept4', 'mount', 'read'] }
  await store.update('SeccompProfile', { namespace: 'shop', name: 'web' }, (one) => ({
    ...one,
    status: { ...one.status, observed }
  }))
  const current = async () =>
    (await kube.do('GET', `${ours}/seccompprofiles/web`)) as unknown as SeccompProfile
  const timing = { traceRenewMs: 5000, traceViewerMs: 60_000 }
  const traces = new FleetTraces({ timing, logger: createLogger('test', quiet) })
  answeringNode(traces, 'node-1', () => ({ read: 1 }))
  const rig = await startUiRig({
    ...{ objects: [profile], rights: clusterRights(hub), store, profiler: traces },
    inventory: () => [runningItem('shop', 'web-1', 'app'), runningItem('ops', 'db-0', 'app')]
  })
  t.teardown(async () => {
    traces.close()
    await rig.app.close()
  })

  const json = { host: 'localhost', origin: 'http://localhost', 'content-type': 'application/json' }
  const enter = async (name: keyof typeof tokens) => {
    const answer = await rig.app.inject({
      ...{ method: 'POST', url: '/api/v1/session', headers: json },
      payload: { token: tokens[name] }
    })
    t.equal(answer.statusCode, 200, `${name} comes in`)
    return String(answer.headers['set-cookie']).split(';')[0] ?? ''
  }
  const cookies = {
    olga: await enter('olga'),
    dora: await enter('dora'),
    vera: await enter('vera')
  }
  const send = (who: keyof typeof cookies, method: 'POST' | 'PUT', url: string, payload: object) =>
    rig.app.inject({ method, url, headers: { ...json, cookie: cookies[who] }, payload })
  const approve = (who: keyof typeof cookies) =>
    send(who, 'POST', '/api/v1/profiles/shop/web/approve', {
      ...{ reason: 'looked at', allow: ['accept4', 'read'] }
    })

  t.equal((await approve('vera')).statusCode, 403, 'who only looks')
  const rejected = await approve('dora')
  t.equal(rejected.statusCode, 403, 'who edits')
  t.match(rejected.json(), { message: /dora may not approve/ })
  t.equal((await current()).spec.seccomp, undefined, 'and nothing was written')

  const allowed = await approve('olga')
  t.equal(allowed.statusCode, 200, allowed.body)
  const after = await current()
  const olga = 'system:serviceaccount:shop:olga'
  t.match(after.spec, {
    seccomp: { syscalls: [{ names: ['accept4', 'read'] }] },
    approval: { by: olga, reason: 'looked at', digest: approvedDigest(after.spec) }
  })
  // Again, on a profile that carries an approval: the new one takes its place.
  const calls = '/api/v1/profiles/shop/web/calls'
  const more = await send('olga', 'POST', calls, { reason: 'release 2', allow: ['mount'] })
  t.equal(more.statusCode, 200, more.body)
  const second = await current()
  t.match(second.spec.approval, { by: olga, reason: 'release 2' })
  t.equal(second.spec.approval?.digest, approvedDigest(second.spec))
  t.ok(JSON.stringify(second.spec.seccomp).includes('mount'))

  // Where the pages' own check says yes and the cluster says no, the cluster's word holds.
  const kept = { kind: 'SeccompRule', spec: { podSelector: {}, mode: 'learn' } }
  t.equal((await send('vera', 'PUT', '/api/v1/rules/shop/all', kept)).statusCode, 400)
  const rule = { spec: { podSelector: { matchLabels: { app: 'web' } }, mode: 'learn' } }
  t.equal((await send('vera', 'PUT', '/api/v1/rules/shop/all', rule)).statusCode, 403)
  const made = await send('dora', 'PUT', '/api/v1/rules/shop/all', rule)
  t.equal(made.statusCode, 200, `the hub has no right to write rules, dora has: ${made.body}`)
  const document = JSON.stringify({
    ...{ apiVersion, kind: 'SeccompProfile', metadata: { namespace: 'shop', name: 'own' } },
    spec: { seccomp: { defaultAction: 'SCMP_ACT_ALLOW' } }
  })
  const forced = await send('dora', 'PUT', '/api/v1/profiles/shop/own', { document })
  t.match(
    forced.json(),
    { code: 'FORBIDDEN', message: /may not approve/ },
    'the policy, not the page'
  )
  t.equal(forced.statusCode, 403)

  // Traces: who edits in the namespace of the pod starts them, who looks there watches.
  const trace = (who: keyof typeof cookies, container: string) =>
    send(who, 'POST', '/api/v1/traces', { container })
  t.equal((await trace('vera', 'shop/web-1')).statusCode, 403)
  t.match((await trace('dora', 'ops/db-0')).json(), { code: 'CONTAINER_NOT_FOUND' })
  const begun = await trace('dora', 'shop/web-1')
  t.equal(begun.statusCode, 200, begun.body)
  const address = `/api/v1/traces/${begun.json<{ id: string }>().id}`
  const headers = { ...json, cookie: cookies.vera }
  t.equal((await rig.app.inject({ url: address, headers })).statusCode, 200)
  t.equal((await send('vera', 'POST', `${address}/stop`, {})).statusCode, 403)
  t.equal((await send('dora', 'POST', `${address}/stop`, {})).statusCode, 200)
})
