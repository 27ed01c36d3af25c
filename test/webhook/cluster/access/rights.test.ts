import { KubeConfig } from '@kubernetes/client-node'
import { t, test } from 'tap'
import { clusterRights } from '../../../../webhook/cluster/access/rights.js'
import { accountToken } from '../../../helpers/account-token.js'
import { findApiServer } from '../../../helpers/api-server-programs.js'
import { type Cluster, startCluster } from '../../../helpers/cluster.js'
import type { Kube } from '../../../helpers/kube.js'
import { until } from '../../../helpers/until.js'

t.setTimeout(400_000)
const found = await findApiServer()

function configOf({ url, caPem, token }: Cluster): KubeConfig {
  const config = new KubeConfig()
  config.loadFromClusterAndUser(
    {
      name: 'test',
      server: url,
      skipTLSVerify: false,
      caData: Buffer.from(caPem).toString('base64')
    },
    { name: 'hub', token }
  )
  return config
}

const rbac = '/apis/rbac.authorization.k8s.io/v1'
const roles = [
  {
    name: 'look',
    rules: [
      {
        apiGroups: ['secco.dev'],
        resources: ['seccompprofiles', 'seccomprules', 'seccompprofiles/denials'],
        verbs: ['get', 'list']
      }
    ]
  },
  {
    name: 'approve',
    rules: [
      {
        apiGroups: ['secco.dev'],
        resources: ['seccompprofiles'],
        verbs: ['get', 'list', 'update', 'approve']
      }
    ]
  }
]

/**
 * Waits until the API server itself gives this answer: its authorizer watches roles and bindings, so it follows a change some
 * milliseconds later.
 */
async function untilAnswer(
  kube: Kube,
  name: string,
  verb: string,
  allowed: boolean
): Promise<void> {
  const resourceAttributes = { group: 'secco.dev', resource: 'seccompprofiles', namespace: 'shop' }
  const user = `system:serviceaccount:shop:${name}`
  await until(`${user} to be ${allowed ? 'allowed' : 'denied'} ${verb}`, async () => {
    const review = { spec: { user, resourceAttributes: { ...resourceAttributes, verb } } }
    const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews'
    const { status } = (await kube.do('POST', path, review)) as { status: { allowed: boolean } }
    return status.allowed === allowed ? true : undefined
  })
}

test('people sign in with their own tokens and may do what the cluster allows', {
  skip: found.programs === undefined ? found.skip : false
}, async (t) => {
  if (found.programs === undefined) return
  const cluster = await startCluster(found.programs)
  t.teardown(() => cluster.stop())
  const { kube } = cluster
  await kube.do('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
  const tokenOf = (name: string): Promise<string> => accountToken(kube, 'shop', name)
  for (const { name, rules } of roles) {
    await kube.do('POST', '/api/v1/namespaces/shop/serviceaccounts', { metadata: { name } })
    await kube.do('POST', `${rbac}/namespaces/shop/roles`, { metadata: { name }, rules })
    await kube.do('POST', `${rbac}/namespaces/shop/rolebindings`, {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace: 'shop' }]
    })
  }
  for (const { name } of roles) await untilAnswer(kube, name, 'list', true)
  let now = 0
  const rights = clusterRights(configOf(cluster), () => now)
  t.equal(rights.kind, 'cluster')
  t.equal(
    await rights.ofToken('nonsense', 'admin'),
    undefined,
    'a token that the cluster does not know'
  )

  const looker = await rights.ofToken(await tokenOf('look'), 'admin')
  t.equal(looker?.user, 'system:serviceaccount:shop:look', 'whatever the caller says it is called')
  await t.resolves(async () => looker?.mustBeValid?.())
  t.ok(await looker?.can('list', 'seccompprofiles', 'shop'))
  t.ok(await looker?.can('list', 'denials', 'shop'))
  t.notOk(await looker?.can('approve', 'seccompprofiles', 'shop', 'web'))
  t.notOk(await looker?.can('list', 'seccompprofiles', 'other'), 'another namespace')
  t.notOk(await looker?.can('list', 'seccompprofiles'), 'all namespaces')

  const token = await tokenOf('approve')
  const approver = await rights.ofToken(token, undefined)
  t.ok(await approver?.can('approve', 'seccompprofiles', 'shop', 'web'))
  t.notOk(await approver?.can('delete', 'seccompprofiles', 'shop', 'web'))

  await kube.do('DELETE', `${rbac}/namespaces/shop/rolebindings/approve`)
  await untilAnswer(kube, 'approve', 'approve', false)
  now += 11_000
  t.notOk(
    await approver?.can('approve', 'seccompprofiles', 'shop', 'web'),
    'a right that was taken away'
  )
  await kube.do('DELETE', '/api/v1/namespaces/shop/serviceaccounts/look')
  // The API server itself believes a token for some seconds more.
  await until('somebody who is gone to be rejected', async () => {
    now += 61_000
    return (await looker?.can('list', 'seccompprofiles', 'shop')) === false ? true : undefined
  })
  await t.rejects(async () => looker?.mustBeValid?.(), { code: 'UNAUTHENTICATED' })
})
