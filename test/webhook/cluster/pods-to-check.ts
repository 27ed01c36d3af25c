import type { Json } from '../../helpers/kube.js'

/** PodToCheck is a pod, or what creates it, whose decision is compared. */
interface PodToCheck {
  what: string
  /** What somebody has in a file, without its metadata's name and namespace. */
  kind?: string
  labels?: Json
  spec?: Json
  container?: Json
  namespace?: string
  /** What its controller adds to the pod. */
  metadata?: Json
  tolerations?: Json[]
}

const app = (more: Json = {}): Json => ({ name: 'app', image: 'web:1', ...more })
export const web = { app: 'web' }
const seccomp = (seccompProfile: Json): Json => ({ securityContext: { seccompProfile } })
const tolerated = (effect: string, ...names: string[]): Json[] =>
  names.map((name) => ({ key: `node.kubernetes.io/${name}`, operator: 'Exists', effect }))
const ownedBy = (kind: string, name: string): Json => ({
  ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid: 'u', controller: true }]
})

export const podsToCheck: readonly PodToCheck[] = [
  { what: 'plain' },
  { what: 'matched by a rule', labels: web },
  { what: 'labelled', labels: { 'secco.dev/profile': 'web.app' } },
  { what: 'labelled with a profile that does not exist', labels: { 'secco.dev/profile': 'no.no' } },
  { what: 'learn', labels: { app: 'new' } },
  { what: 'rejected until it is ready', labels: { app: 'strict' } },
  { what: 'opted out', labels: { ...web, 'secco.dev/ignore': 'true' } },
  {
    what: 'opted out where pods may',
    ...{ labels: { ...web, 'secco.dev/ignore': 'true' }, namespace: 'open' }
  },
  {
    what: 'init container and native sidecar',
    labels: web,
    spec: {
      initContainers: [app({ name: 'init' }), app({ name: 'mesh', restartPolicy: 'Always' })]
    }
  },
  {
    what: 'two containers, one label',
    ...{ labels: { 'secco.dev/profile': 'web.app' }, spec: { shareProcessNamespace: true } },
    container: { name: 'other' }
  },
  { what: 'privileged', labels: web, container: { securityContext: { privileged: true } } },
  { what: 'unconfined by its author', labels: web, container: seccomp({ type: 'Unconfined' }) },
  {
    what: "its author's file",
    ...{ labels: web, container: seccomp({ type: 'Localhost', localhostProfile: 'mine.json' }) }
  },
  { what: 'for a node', labels: web, spec: { nodeName: 'late' } },
  { what: 'for nodes to come', labels: web, spec: { nodeSelector: { pool: 'gpu' } } },
  { what: 'tolerates everything', labels: web, spec: { tolerations: [{ operator: 'Exists' }] } },
  {
    what: 'of a Deployment',
    ...{ kind: 'Deployment', labels: web },
    metadata: { ...ownedBy('ReplicaSet', 'web-5d4b'), generateName: 'web-5d4b-' }
  },
  {
    what: 'of a DaemonSet',
    ...{ kind: 'DaemonSet', labels: web, metadata: ownedBy('DaemonSet', 'web') },
    tolerations: [
      ...tolerated('NoExecute', 'not-ready', 'unreachable'),
      ...tolerated('NoSchedule', 'disk-pressure', 'memory-pressure', 'pid-pressure'),
      ...tolerated('NoSchedule', 'unschedulable')
    ]
  }
]

/** Returns the pod as its controller creates it, and the document that somebody has. */
export function objectsOf({
  kind = 'Pod',
  labels = {},
  spec = {},
  container = {},
  ...row
}: PodToCheck) {
  const { namespace = 'shop', metadata = {}, tolerations } = row
  const template = { metadata: { labels }, spec: { ...spec, containers: [app(container)] } }
  const named = { name: 'web', namespace }
  const pod: Json = {
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: { ...named, labels, ...metadata },
    spec: { ...template.spec, ...(tolerations && { tolerations }) }
  }
  const document =
    kind === 'Pod' ? pod : { apiVersion: 'apps/v1', kind, metadata: named, spec: { template } }
  return { namespace, pod, document }
}
