import { quoted } from '../lib/shell-word.js'
import { hubGroup, hubResource, hubSubresource } from './hub-path.js'
import { apiGroup } from './names.js'

/** RoleRule is a PolicyRule of a ClusterRole (rbac.authorization.k8s.io/v1). */
export interface RoleRule {
  apiGroups: string[]
  resources: string[]
  verbs: string[]
}

interface PeopleRole {
  name: string
  rules: RoleRule[]
  /** The built-in roles that it can be part of. */
  into: ('view' | 'edit' | 'admin')[]
}

const rule = (resources: string[], verbs: string[]): RoleRule => ({
  apiGroups: [apiGroup],
  resources,
  verbs
})

const profiles = 'seccompprofiles'
const containers = `${profiles}/containers`
const writing = ['create', 'delete', 'patch', 'update']

/** What is no object of its own is a subresource of profiles, which roles can name; the hub asks for it. */
const seeing = [
  // The way to the hub through the API server. It opens nothing by itself: the hub asks for each right.
  {
    ...{ apiGroups: [hubGroup], resources: [`${hubResource}/${hubSubresource}`] },
    verbs: ['create', 'get']
  },
  rule([profiles, 'seccomprules'], ['get', 'list', 'watch']),
  rule([containers], ['get', 'list']),
  rule([`${profiles}/denials`], ['list']),
  // Nodes belong to no namespace: the right counts where the role is bound in the whole cluster.
  rule([`${profiles}/nodes`], ['list'])
]
const developing = [
  rule([profiles, 'seccomprules'], writing),
  // Counting syscalls changes nothing in the container, but it costs its node: not for everybody who reads.
  rule([containers], ['trace'])
]
const approving = rule([profiles], ['approve', 'patch', 'update'])

/** The roles for people, those with the fewest rights first. Approving has its own verb and is part of no built-in role. */
export const peopleRoles: readonly PeopleRole[] = [
  { name: 'secco-viewer', rules: seeing, into: ['view', 'edit', 'admin'] },
  { name: 'secco-developer', rules: [...seeing, ...developing], into: ['edit', 'admin'] },
  { name: 'secco-approver', rules: [...seeing, approving], into: [] },
  { name: 'secco-operator', rules: [...seeing, ...developing, approving], into: [] }
]

/** MissingRight is what an authorizer denied. */
export interface MissingRight {
  verb: string
  /** With its subresource: `seccompprofiles/containers`. */
  resource: string
  group: string
  /** undefined: in the whole cluster. */
  namespace: string | undefined
  user: string
}

/** Returns the first of the roles that has a right. */
function roleWith({ verb, resource, group }: MissingRight): string | undefined {
  const has = ({ apiGroups, resources, verbs }: RoleRule) =>
    apiGroups.includes(group) && resources.includes(resource) && verbs.includes(verb)
  return peopleRoles.find(({ rules }) => rules.some(has))?.name
}

/** Returns the command that gives a role to a user. */
function bindingCommand(role: string, { namespace, user }: MissingRight): string {
  const [, home, account] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user) ?? []
  const subject =
    home === undefined || account === undefined
      ? `--user=${quoted(user)}`
      : `--serviceaccount=${home}:${account}`
  const binding = `${role}-${(account ?? user).toLowerCase().replace(/[^a-z0-9]+/g, '-')}`
  const name = binding.slice(0, 200).replace(/-+$/, '')
  const [kind, where] =
    namespace === undefined ? ['clusterrolebinding', ''] : ['rolebinding', ` -n ${namespace}`]
  return `kubectl create ${kind} ${name}${where} --clusterrole=${role} ${subject}`
}

/** Returns the next step of a person who lacks a right: which right it is, and the command that gives it. */
export function missingRightHint(right: MissingRight): string {
  const { verb, resource, group, namespace } = right
  const [plural = '', ...subresource] = resource.split('/')
  const what = [group === '' ? plural : `${plural}.${group}`, ...subresource].join('/')
  const where = namespace === undefined ? 'in the whole cluster' : `in namespace ${namespace}`
  const via = group === hubGroup ? ' (the way to the hub)' : ''
  const needs = `needs "${verb}" on ${what}${via} ${where}`
  const role = roleWith(right)
  if (role === undefined) return `${needs}; ask an administrator of the cluster`
  const isList = (verb === 'list' && subresource[0] !== 'nodes') || group === hubGroup
  const isNarrowable = namespace === undefined && isList
  // Most people have rights in some namespaces only, and cannot use the command for all of them.
  const narrower = isNarrowable ? 'name one namespace with -n; all of them: ' : ''
  return `${narrower}${needs}; ask for the role ${role}, for example ${bindingCommand(role, right)}`
}
