import { KubeConfig } from '@kubernetes/client-node'
import { t, test } from 'tap'
import { peopleRoles } from '../../../../src/api/people-roles.js'
import { type Resource, resourceNames, type Verb } from '../../../../webhook/access/rights.js'
import { clusterRights } from '../../../../webhook/cluster/access/rights.js'
import { findApiServer } from '../../../helpers/api-server-programs.js'
import { readDocument, tableRows } from '../../../helpers/documents.js'
import { account, startPeopleCluster } from '../../../helpers/people-cluster.js'
import { until } from '../../../helpers/until.js'

t.setTimeout(400_000)
const found = await findApiServer()

const titles = ['viewer', 'developer', 'approver', 'operator']
const verbs = [
  ...['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'],
  ...['approve', 'promote', 'trace', '*']
]
const resources = [
  ...['seccompprofiles', 'seccomprules', 'seccompprofiles/status', 'seccomprules/status'],
  ...['containers', 'denials', 'nodes', 'links'].map((one) => `seccompprofiles/${one}`),
  'hubs/proxy',
  'hubs'
]

/** The table of docs/how-to/roles.md, as `role verb resource`. */
function documented(): Set<string> {
  return new Set(
    tableRows(readDocument('docs/how-to/roles.md')).flatMap(({ cells }) => {
      const [resource = '', named = '', ...answers] = cells
      if (!/^`(seccomp|hubs)[a-z/]+`$/.test(resource)) return []
      return named
        .split(', ')
        .flatMap((verb) =>
          titles.flatMap((title, at) =>
            answers[at] === 'yes' ? [`${title} ${verb} ${resource.replaceAll('`', '')}`] : []
          )
        )
    })
  )
}

test('the page lists what the roles have', (t) => {
  const given = peopleRoles.flatMap(({ name, rules }) =>
    rules.flatMap((rule) =>
      rule.resources.flatMap((resource) =>
        rule.verbs.map((verb) => `${name.replace('secco-', '')} ${verb} ${resource}`)
      )
    )
  )
  t.same([...documented()].sort(), [...new Set(given)].sort())
  t.end()
})

test('each role may do what its page says, in its namespace, and nothing else', {
  skip: found.programs === undefined ? found.skip : false
}, async (t) => {
  if (found.programs === undefined) return
  const { cluster, tokens } = await startPeopleCluster(found.programs)
  t.teardown(() => cluster.stop())
  const { kube, url, caPem } = cluster
  const config = new KubeConfig()
  const caData = Buffer.from(caPem).toString('base64')
  config.loadFromClusterAndUser(
    { name: 'test', server: url, skipTLSVerify: false, caData },
    { name: 'hub', token: tokens.hub }
  )
  const hub = clusterRights(config)
  const table = documented()

  async function allows(user: string, verb: string, named: string, namespace?: string) {
    const [resource, subresource] = named.split('/')
    const place = namespace === undefined ? {} : { namespace }
    const group = resource === 'hubs' ? 'hub.secco.dev' : 'secco.dev'
    const attributes = { group, resource, subresource, verb, ...place }
    const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews'
    const { status } = await kube.do('POST', path, {
      spec: { user, resourceAttributes: attributes }
    })
    return (status as { allowed: boolean }).allowed
  }

  for (const title of titles) {
    const name = `person-${title}`
    const token = await account(cluster, 'shop', name)
    await kube.do('POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings', {
      metadata: { name },
      roleRef: {
        ...{ apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole' },
        name: `secco-${title}`
      },
      subjects: [{ kind: 'ServiceAccount', name, namespace: 'shop' }]
    })
    const user = `system:serviceaccount:shop:${name}`
    await until('the binding to count', async () =>
      (await allows(user, 'get', 'seccompprofiles', 'shop')) ? true : undefined
    )
    const has: string[] = []
    const elsewhere: string[] = []
    for (const resource of resources) {
      for (const verb of verbs) {
        if (await allows(user, verb, resource, 'shop')) has.push(`${title} ${verb} ${resource}`)
        if (await allows(user, verb, resource)) elsewhere.push(`${verb} ${resource}`)
      }
      if (await allows(user, 'get', resource, 'secco-system')) elsewhere.push(resource)
    }
    const own = [...table].filter((one) => one.startsWith(`${title} `))
    t.same(has.sort(), own.sort(), `${title} in shop`)
    t.same(elsewhere, [], `${title} elsewhere`)

    const person = await hub.ofToken(token, undefined)
    const asked: Verb[] = ['get', 'list', 'create', 'update', 'delete', 'approve', 'trace']
    for (const [resource, role] of Object.entries(resourceNames)) {
      for (const verb of asked) {
        const may = await person?.can(verb, resource as Resource, 'shop')
        t.equal(may, table.has(`${title} ${verb} ${role}`), `hub: ${title} ${verb} ${resource}`)
      }
    }
  }
})
