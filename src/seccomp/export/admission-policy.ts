import { createHash } from 'node:crypto'
import { annotations, rootNamespace } from '../../api/names.js'
import { optedOut } from '../../api/opt-out.js'
import type { LabelSelector, Mode } from '../../api/seccomp-rule.js'

/** Beta, off by default, in Kubernetes 1.34 and 1.35; `v1` from 1.36 on has the same shape. */
const policyApi = 'admissionregistration.k8s.io/v1beta1'
/** On parameters: a hub keeps `localhostProfile` of `profile` at what the nodes have. */
export const parametersLabel = 'secco.dev/policy-parameters'
/** One policy serves every profile; bindings and parameters differ. */
const policyName = 'secco-seccomp-profile'

type LabelRequirement = NonNullable<LabelSelector['matchExpressions']>[number]

export interface PolicyArgs {
  /** Name of binding and parameters: that of the profile, or of the rule that is exported. */
  namespace: string
  name: string
  /** `namespace/name`; none where pods get RuntimeDefault and nothing else. */
  profile?: string
  /** Path below the kubelet's seccomp folder; empty while it is not on every node. */
  localhostProfile: string
  /** Which pods. */
  podSelector: LabelSelector
  /** Which namespaces, of those that are not left out in any case; default: the own one, of the root all. */
  namespaceSelector?: LabelSelector
  /** Exact names; default: all containers and init containers. */
  containers?: readonly string[]
  /** For the hub, which fills the path in; in learn there is none. Default enforce. */
  mode?: Mode
  /** The same; default Previous. While there is no path pods get RuntimeDefault, whichever it is. */
  whenNotReady?: 'RuntimeDefault' | 'Previous'
  /** `namespace/name` of the rule, noted on the pods. */
  rule?: string
}

const path = 'params.data.localhostProfile'
const isReady = `${path} != ''`
/** Exports of an earlier version have no such member: without a path they left pods as they were. */
const isGuarded = "'whenNotReady' in params.data"
const named =
  "(!('containers' in params.data) || params.data.containers == '' || c.name in params.data.containers.split(','))"
const filtered =
  '!(has(c.securityContext) && has(c.securityContext.privileged) && c.securityContext.privileged)'
const profile = 'c.securityContext.seccompProfile'
const localhost = `has(c.securityContext) && has(${profile}) && ${profile}.type == 'Localhost'`
const podContext = 'object.spec.securityContext'
const podProfile = `${podContext}.seccompProfile`
/** The file that the author chose for all containers: it may be stricter than RuntimeDefault. */
const podLocalhost = `has(${podContext}) && has(${podProfile}) && ${podProfile}.type == 'Localhost'`
const guard = `(${isGuarded} && !(${localhost}) && !(${podLocalhost}))`
/** Condition for a container to get a profile. A file that the author chose stays: it may be stricter. */
const mine = `!variables.optedOut && ${named} && ${filtered} && (${isReady} ? !(${localhost}) : ${guard})`
/** What has it afterwards: the API server asks a second time, when it is there already. */
const isOurs = `(!(${localhost}) || ${profile}.localhostProfile == ${path})`
const has = `!variables.optedOut && ${named} && ${filtered} && (${isReady} ? ${isOurs} : ${guard})`

const apply = (field: 'containers' | 'initContainers') => {
  const type = `Object.spec.${field}`
  const context = `${type}.securityContext`
  const own = `${context}.seccompProfile`
  const value = `${isReady} ? ${own}{type: 'Localhost', localhostProfile: ${path}} : ${own}{type: 'RuntimeDefault'}`
  return `object.spec.${field}.filter(c, ${mine}).map(c, ${type}{name: c.name, securityContext: ${context}{seccompProfile: ${value}}})`
}

/** Of an entry in `secco.dev/assigned`. */
const member = (key: string, value: string) => `'"${key}":"' + ${value} + '"'`
const rule = `('rule' in params.data ? ${member('rule', 'params.data.rule')} + ',' : '')`
const part = (at: number) => `${path}.split('/')[${at}]`
const given = [
  member('profile', `${part(1)} + '/' + ${part(2)}`),
  `','`,
  member('revision', `'sha256:' + ${part(3)}.replace('.json', '')`),
  `',"outcome":"assigned","reason":"admission-policy"'`
].join(' + ')
const isLearning = "'mode' in params.data && params.data.mode == 'learn'"
const notGiven = [
  member('profile', 'params.data.profile'),
  `(${isLearning} ? ',"outcome":"learn","reason":"learning"' : ',"outcome":"runtime-default","reason":"not-ready"')`
].join(' + ')
const entry = `(${isReady} ? ${given} : ${notGiven})`

/** `secco.dev/assigned` as the webhook writes it: without it the policy on paths takes them for made by hand. */
const assigned = [
  `'{' + (object.spec.containers.filter(c, ${has}).map(c, c.name)`,
  `(has(object.spec.initContainers) ? object.spec.initContainers.filter(c, ${has}).map(c, c.name) : []))`
]
  .join(' + ')
  .concat(`.map(n, '"' + n + '":{' + ${rule} + ${entry} + '}').join(',') + '}'`)

/** Sets the profile per container. Lists of containers are merged by name, so the rest of each stays. */
const initContainers = `has(object.spec.initContainers) ? ${apply('initContainers')} : []`
const spec = `Object.spec{containers: ${apply('containers')}, initContainers: ${initContainers}}`
const metadata = `Object.metadata{annotations: {'${annotations.assigned}': ${assigned}}}`
const expression = `Object{metadata: ${metadata}, spec: ${spec}}`

const policy = {
  apiVersion: policyApi,
  kind: 'MutatingAdmissionPolicy',
  metadata: { name: policyName },
  spec: {
    // Evaluated in the API server: nobody is away whom pods would wait for, but one can be too large to evaluate.
    failurePolicy: 'Fail',
    reinvocationPolicy: 'IfNeeded',
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    matchConstraints: {
      resourceRules: [
        { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }
      ]
    },
    matchConditions: [
      { name: 'linux', expression: "!has(object.spec.os) || object.spec.os.name != 'windows'" }
    ],
    variables: [optedOut(false)],
    mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }]
  }
} as const

/** A name of at most 63 characters that no other profile or rule gets. */
function objectName({ namespace, name, rule: ofRule }: PolicyArgs): string {
  const plain = `${ofRule === undefined ? 'secco' : 'secco-rule'}.${namespace}.${name}`
  if (plain.length <= 63) return plain
  const hashed = ofRule === undefined ? `${namespace}/${name}` : plain
  const hash = createHash('sha256').update(hashed).digest('hex').slice(0, 12)
  return `${plain.slice(0, 50).replace(/[^a-z0-9]+$/, '')}-${hash}`
}

const ownNamespace = 'kubernetes.io/metadata.name'

/** Those of the cluster and our own are never touched; outside the root namespace it is for the own one. */
function namespacesOf(args: PolicyArgs): LabelSelector {
  const never: LabelRequirement = {
    key: ownNamespace,
    operator: 'NotIn',
    values: ['kube-system', 'kube-node-lease', rootNamespace]
  }
  if (args.namespace !== rootNamespace) {
    const own: LabelRequirement = { key: ownNamespace, operator: 'In', values: [args.namespace] }
    return { matchExpressions: [never, own] }
  }
  const { matchLabels, matchExpressions = [] } = args.namespaceSelector ?? {}
  return {
    ...(matchLabels === undefined ? {} : { matchLabels }),
    matchExpressions: [never, ...matchExpressions]
  }
}

/**
 * The webhook-free way to put a profile on pods: MutatingAdmissionPolicy, its binding and the
 * parameters, a ConfigMap in the root namespace, which the workload's people do not write. A policy
 * knows no readiness: in a cluster with a hub the hub keeps the ConfigMap at what every node has, elsewhere
 * whoever updates it must know. Without it pods stay as they are; while it names no file they get RuntimeDefault.
 */
export function exportAdmissionPolicy(args: PolicyArgs): Record<string, unknown>[] {
  const { localhostProfile, containers = [], mode = 'enforce', whenNotReady = 'Previous' } = args
  const own = objectName(args)
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
          namespaceSelector: namespacesOf(args),
          objectSelector: args.podSelector
        }
      }
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: own, namespace: rootNamespace, labels: { [parametersLabel]: 'true' } },
      data: {
        ...{ profile: args.profile ?? '', localhostProfile, containers: containers.join(',') },
        ...{ mode, whenNotReady },
        ...(args.rule === undefined ? {} : { rule: args.rule })
      }
    }
  ]
}
