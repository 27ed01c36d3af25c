import { apiGroup } from '../../src/api/names.js'
import { peopleRoles, type RoleRule } from '../../src/api/people-roles.js'
import { clusterNamed, named, names, namespace } from './names.js'
import type { InstallOptions, Manifest } from './options.js'

interface PolicyRule extends RoleRule {
  resourceNames?: string[]
}

const read = ['get', 'list', 'watch']
const rule = (
  group: string,
  resources: string[],
  verbs: string[],
  resourceNames?: string[]
): PolicyRule => ({
  apiGroups: [group],
  resources,
  verbs,
  ...(resourceNames === undefined ? {} : { resourceNames })
})

/** Admission reads documents, and the labels of namespaces and nodes. */
const admissionRules: PolicyRule[] = [
  rule(apiGroup, ['seccompprofiles', 'seccomprules'], read),
  rule('', ['namespaces', 'nodes'], read)
]
/** Admission reads the summary of nodes that the active hub writes, and writes which revisions it serves itself. */
const summaryRules: PolicyRule[] = [
  rule('', ['configmaps'], read, [names.summary]),
  rule('', ['configmaps'], ['patch'], [names.replicas])
]

/** For the authority in its Secret, the bundle for satellites, and the caBundle of one configuration by name. */
const certificateRules = ({
  hubApi
}: InstallOptions): { cluster: PolicyRule[]; own: PolicyRule[] } => ({
  cluster: [
    ...(hubApi
      ? [rule('apiregistration.k8s.io', ['apiservices'], ['get', 'patch'], [names.apiService])]
      : []),
    rule(
      'admissionregistration.k8s.io',
      ['mutatingwebhookconfigurations'],
      ['get', 'patch'],
      [names.configuration]
    )
  ],
  own: [
    // RBAC cannot restrict `create` by resource name.
    rule('', ['secrets', 'configmaps'], ['create']),
    rule('', ['secrets'], [...read, 'update'], [names.certificates]),
    rule('', ['configmaps'], ['get', 'patch'], [names.authority]),
    rule('coordination.k8s.io', ['leases'], ['create']),
    rule('coordination.k8s.io', ['leases'], ['get', 'update'], [names.lease])
  ]
})

function hubRules(options: InstallOptions): { cluster: PolicyRule[]; own: PolicyRule[] } {
  return {
    cluster: [
      // `promote`: the hub approves profiles for which a user with the verb `approve` set spec.promote, and no others.
      rule(apiGroup, ['seccompprofiles'], [...read, 'promote', 'create', 'patch', 'update']),
      rule(apiGroup, ['seccomprules'], read),
      rule(apiGroup, ['seccompprofiles/status', 'seccomprules/status'], ['patch', 'update']),
      rule('', ['namespaces', 'nodes', 'pods'], read),
      rule('authentication.k8s.io', ['tokenreviews'], ['create']),
      rule('authorization.k8s.io', ['subjectaccessreviews'], ['create']),
      rule('events.k8s.io', ['events'], ['create', 'patch']),
      ...(options.startupTaint ? [rule('', ['nodes'], ['patch'])] : [])
    ],
    own: [
      rule('', ['secrets'], read, [names.certificates]),
      rule('', ['secrets'], ['get', 'update'], [names.sessions]),
      // The active hub writes what nodes hold, the histories of workloads, and the parameters of exported policies,
      // whose names people choose.
      rule('', ['configmaps'], [...read, 'create', 'patch', 'update', 'delete']),
      // RBAC cannot restrict `create` by resource name.
      rule('coordination.k8s.io', ['leases'], ['create']),
      rule('coordination.k8s.io', ['leases'], ['get', 'update'], [names.hub])
    ]
  }
}

function account(name: string, automount: boolean): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: named(name, name.replace(/^secco-?/, '') || 'webhook'),
    automountServiceAccountToken: automount
  }
}

const rbac = 'rbac.authorization.k8s.io'

function bound(name: string, cluster: PolicyRule[], own: PolicyRule[]): Manifest[] {
  const subjects = [{ kind: 'ServiceAccount', name, namespace }]
  const ref = (kind: string) => ({ apiGroup: rbac, kind, name })
  return [
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRole',
      metadata: clusterNamed(name, 'rights'),
      rules: cluster
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: clusterNamed(name, 'rights'),
      roleRef: ref('ClusterRole'),
      subjects
    },
    { apiVersion: `${rbac}/v1`, kind: 'Role', metadata: named(name, 'rights'), rules: own },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'RoleBinding',
      metadata: named(name, 'rights'),
      roleRef: ref('Role'),
      subjects
    }
  ]
}

/** The Secret in which the active hub keeps the sessions of browsers. It has no data here: an upgrade leaves what is there. */
const sessions: Manifest = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: named(names.sessions, 'hub'),
  type: 'Opaque'
}

/**
 * Returns ServiceAccounts, roles and bindings of Secco's programs, with as few permissions as each needs. The satellite
 * has no permission at the API server at all: its token is only for the hub. The Secret for sessions comes with them.
 */
export function programRights(options: InstallOptions): Manifest[] {
  const hub = hubRules(options)
  const certificates = certificateRules(options)
  const satellite = account(names.satellite, false)
  if (options.layout === 'small') {
    return [
      account(names.both, true),
      satellite,
      sessions,
      ...bound(
        names.both,
        [...certificates.cluster, ...hub.cluster],
        [...certificates.own, ...hub.own]
      )
    ]
  }
  return [
    account(names.webhook, true),
    account(names.hub, true),
    satellite,
    sessions,
    ...bound(
      names.webhook,
      [...admissionRules, ...certificates.cluster],
      [...certificates.own, ...summaryRules]
    ),
    ...bound(names.hub, hub.cluster, hub.own)
  ]
}

/**
 * Returns the roles for people (docs/how-to/roles.md).
 * @param aggregate makes those that fit part of the built-in roles view, edit and admin
 */
export function peopleRights(aggregate: boolean): Manifest[] {
  return peopleRoles.map(({ name, rules, into }) => {
    const metadata = clusterNamed(name, 'rights')
    const aggregated = aggregate ? into.map((to) => [`${rbac}/aggregate-to-${to}`, 'true']) : []
    return {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRole',
      metadata: {
        ...metadata,
        labels: { ...metadata.labels, ...(Object.fromEntries(aggregated) as object) }
      },
      rules
    }
  })
}
