import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { KubeConfig } from '@kubernetes/client-node'
import { t, test } from 'tap'
import { parseAllDocuments } from 'yaml'
import { apiVersion } from '../../../../src/api/names.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { approvedDigest } from '../../../../src/seccomp/policy/approval.js'
import { kubernetesObjects } from '../../../../src/store/kubernetes-objects.js'
import { clusterRights } from '../../../../webhook/cluster/access/rights.js'
import { accountToken } from '../../../helpers/account-token.js'
import { findApiServer } from '../../../helpers/api-server-programs.js'
import { type Cluster, startCluster } from '../../../helpers/cluster.js'
import type { Json } from '../../../helpers/kube.js'
import { repositoryRoot } from '../../../helpers/repository.js'
import { until } from '../../../helpers/until.js'
import { startUiRig } from '../../ui/rig.js'

t.setTimeout(400_000)
const found = await findApiServer()
const rbac = '/apis/rbac.authorization.k8s.io/v1'
const ours = '/apis/secco.dev/v1alpha1/namespaces/shop'

const pathOf: Record<string, string> = {
  ClusterRole: `${rbac}/clusterroles`,
  ClusterRoleBinding: `${rbac}/clusterrolebindings`,
  CustomResourceDefinition: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
  ValidatingAdmissionPolicy: '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies',
  ValidatingAdmissionPolicyBinding:
    '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings'
}

/** What is installed, from the files that people apply. */
async function install({ kube }: Cluster, file: string): Promise<void> {
  const text = await readFile(join(repositoryRoot, 'manifests', file), 'utf8')
  for (const document of parseAllDocuments(text)) {
    const object = document.toJS() as Json & { kind: string }
    const path = pathOf[object.kind]
    if (path !== undefined) await kube.do('POST', path, object)
  }
}

function configOf({ url, caPem }: Cluster, token: string): KubeConfig {
  const config = new KubeConfig()
  const caData = Buffer.from(caPem).toString('base64')
  config.loadFromClusterAndUser(
    { name: 'test', server: url, skipTLSVerify: false, caData },
    { name: 'hub', token }
  )
  return config
}

async function account({ kube }: Cluster, namespace: string, name: string): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts`
  await kube.do('POST', path, { metadata: { name } })
  return accountToken(kube, namespace, name)
}

test('what a person does in the pages is written as that person, and the cluster decides', {
  skip: found.programs === undefined ? found.skip : false
}, async (t) => {
  if (found.programs === undefined) return
  const cluster = await startCluster(found.programs)
  t.teardown(() => cluster.stop())
  const { kube } = cluster
  for (const name of ['shop', 'secco-system'])
    await kube.do('POST', '/api/v1/namespaces', { metadata: { name } })
  await install(cluster, 'crds/seccompprofiles.yaml')
  await install(cluster, 'crds/seccomprules.yaml')
  await install(cluster, 'base/people-rights.yaml')
  await install(cluster, 'base/approval-policy.yaml')
  await install(cluster, 'overlays/ha/rights.yaml')
  const tokens = {
    hub: await account(cluster, 'secco-system', 'secco-hub'),
    olga: await account(cluster, 'shop', 'olga'),
    dora: await account(cluster, 'shop', 'dora'),
    vera: await account(cluster, 'shop', 'vera')
  }
  const give = (role: string, name: string) =>
    kube.do('POST', `${rbac}/namespaces/shop/rolebindings`, {
      metadata: { name: `${role}-${name}` },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ kind: 'ServiceAccount', name, namespace: 'shop' }]
    })
  for (const name of ['olga', 'dora', 'vera']) await give('secco-view', name)
  for (const name of ['olga', 'dora']) await give('secco-edit', name)
  await give('secco-approve', 'olga')

  const profile: SeccompProfile = {
    apiVersion,
    kind: 'SeccompProfile',
    metadata: { namespace: 'shop', name: 'web' },
    spec: { workload: { kind: 'Deployment', name: 'web', container: 'app' } }
  }
  const hub = configOf(cluster, tokens.hub)
  const store = kubernetesObjects(hub)
  await until('the resource to be served', async () =>
    (await kube.call('GET', `${ours}/seccompprofiles`)).status === 200 ? true : undefined
  )
  await store.apply('SeccompProfile', profile)
  const observed = { x86_64: ['accept4', 'mount', 'read'] }
  await store.update('SeccompProfile', { namespace: 'shop', name: 'web' }, (one) => ({
    ...one,
    status: { ...one.status, observed }
  }))
  // A policy takes its time from being written to being asked.
  await until('the policy to be in force', async () => {
    const change = { spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' } } }
    const path = `${ours}/seccompprofiles/web?dryRun=All`
    const asUser = 'system:serviceaccount:shop:dora'
    const contentType = 'application/merge-patch+json'
    const { body } = await kube.call('PATCH', path, change, { contentType, asUser })
    return String(body['message']).includes('may not approve') ? true : undefined
  })
  const current = async () =>
    (await kube.do('GET', `${ours}/seccompprofiles/web`)) as unknown as SeccompProfile
  const rig = await startUiRig({ objects: [profile], rights: clusterRights(hub), store })
  t.teardown(() => rig.app.close())

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
  const refused = await approve('dora')
  t.equal(refused.statusCode, 403, 'who edits')
  t.match(refused.json(), { message: /dora may not approve/ })
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
})
