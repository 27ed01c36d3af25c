import { createHash } from 'node:crypto'
import { annotations, labels, rootNamespace } from '../../api/names.js'

/** Beta, off by default, in Kubernetes 1.34 and 1.35; `v1` from 1.36 on has the same shape. */
export const policyApi = 'admissionregistration.k8s.io/v1beta1'
/** On parameters: a hub keeps `localhostProfile` of `profile` at what the nodes have. */
export const parametersLabel = 'secco.dev/policy-parameters'
/** One policy serves every profile; bindings and parameters differ. */
const policyName = 'secco-seccomp-profile'

export interface PolicyArgs {
  /** The profile. */
  namespace: string
  name: string
  /** Path below the kubelet's seccomp folder. */
  localhostProfile: string
  /** Labels of the pods; default `secco.dev/profile: NAME`. */
  matchLabels?: Readonly<Record<string, string>>
  /** Default: all containers and init containers. */
  containers?: readonly string[]
}

const wanted =
  "params.data.localhostProfile != '' && (!('containers' in params.data) || params.data.containers == '' || c.name in params.data.containers.split(','))"
const filtered =
  '!(has(c.securityContext) && has(c.securityContext.privileged) && c.securityContext.privileged)'
const profile = 'c.securityContext.seccompProfile'
const localhost = `has(c.securityContext) && has(${profile}) && ${profile}.type == 'Localhost'`
/** What a container must be to get the profile. An author's own file stays: it may be stricter. */
const mine = [wanted, filtered, `!(${localhost})`].join(' && ')
/** What has it afterwards: the API server asks a second time, when it is there already. */
const has = [
  wanted,
  filtered,
  `(!(${localhost}) || ${profile}.localhostProfile == params.data.localhostProfile)`
].join(' && ')

const apply = (field: 'containers' | 'initContainers') => {
  const type = `Object.spec.${field}`
  const context = `${type}.securityContext`
  return `object.spec.${field}.filter(c, ${mine}).map(c, ${type}{name: c.name, securityContext: ${context}{seccompProfile: ${context}.seccompProfile{type: 'Localhost', localhostProfile: params.data.localhostProfile}}})`
}

/** `secco.dev/assigned` as the webhook writes it: without it the policy on paths takes them for made by hand. */
const assigned = [
  `'{' + (object.spec.containers.filter(c, ${has}).map(c, c.name)`,
  `(has(object.spec.initContainers) ? object.spec.initContainers.filter(c, ${has}).map(c, c.name) : []))`
]
  .join(' + ')
  .concat(
    `.map(n, '"' + n + '":{"profile":"' + params.data.localhostProfile.split('/')[1] + '/' + params.data.localhostProfile.split('/')[2]`,
    ` + '","revision":"sha256:' + params.data.localhostProfile.split('/')[3].replace('.json', '')`,
    ` + '","outcome":"assigned","reason":"admission-policy"}').join(',') + '}'`
  )

/** Sets the profile per container. Lists of containers are merged by name, so the rest of each stays. */
const expression = `Object{metadata: Object.metadata{annotations: {'${annotations.assigned}': ${assigned}}}, spec: Object.spec{containers: ${apply('containers')}, initContainers: has(object.spec.initContainers) ? ${apply('initContainers')} : []}}`

const policy = {
  apiVersion: policyApi,
  kind: 'MutatingAdmissionPolicy',
  metadata: { name: policyName },
  spec: {
    failurePolicy: 'Ignore',
    reinvocationPolicy: 'IfNeeded',
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    matchConstraints: {
      resourceRules: [
        { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }
      ]
    },
    matchConditions: [
      { name: 'linux', expression: "!has(object.spec.os) || object.spec.os.name != 'windows'" },
      {
        name: 'not-ignored',
        expression: `!has(object.metadata.labels) || !('${labels.ignore}' in object.metadata.labels) || object.metadata.labels['${labels.ignore}'] != 'true'`
      }
    ],
    mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }]
  }
} as const

/** A name of at most 63 characters that no other profile gets. */
function objectName(namespace: string, name: string): string {
  const plain = `secco.${namespace}.${name}`
  if (plain.length <= 63) return plain
  const hash = createHash('sha256').update(`${namespace}/${name}`).digest('hex').slice(0, 12)
  return `${plain.slice(0, 50).replace(/[^a-z0-9]+$/, '')}-${hash}`
}

/**
 * The webhook-free way to put a profile on pods: MutatingAdmissionPolicy, its binding and the
 * parameters, a ConfigMap in the root namespace, which the workload's people do not write. A policy
 * knows no readiness: in a cluster with a hub the hub keeps the ConfigMap at what every node has, elsewhere
 * whoever updates it must know. Without it, or while it names no file, pods stay as they are.
 */
export function exportAdmissionPolicy(args: PolicyArgs): Record<string, unknown>[] {
  const { namespace, name, localhostProfile } = args
  const own = objectName(namespace, name)
  const everywhere = namespace === rootNamespace
  const expressions = [
    {
      key: 'kubernetes.io/metadata.name',
      operator: 'NotIn',
      values: ['kube-system', 'kube-node-lease', rootNamespace]
    },
    ...(everywhere
      ? []
      : [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: [namespace] }])
  ]
  return [
    policy,
    {
      apiVersion: policyApi,
      kind: 'MutatingAdmissionPolicyBinding',
      metadata: { name: own },
      spec: {
        policyName,
        paramRef: { name: own, namespace: rootNamespace, parameterNotFoundAction: 'Allow' },
        matchResources: {
          namespaceSelector: { matchExpressions: expressions },
          objectSelector: { matchLabels: args.matchLabels ?? { [labels.profile]: name } }
        }
      }
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: own, namespace: rootNamespace, labels: { [parametersLabel]: 'true' } },
      data: {
        profile: `${namespace}/${name}`,
        localhostProfile,
        containers: (args.containers ?? []).join(',')
      }
    }
  ]
}
