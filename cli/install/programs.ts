import { startupTaint } from '../../src/api/names.js'
import { idleMs } from '../../src/lib/idle-connections.js'
import { hardened } from './hardened.js'
import { names, namespace, named, ports, roleLabels, serverNames } from './names.js'
import type { InstallOptions, Manifest } from './options.js'
import { type OwnProfileParts, ownProfileParts } from './own-profile.js'

const probe = (path: string, failureThreshold: number, periodSeconds = 5) => ({
  httpGet: { path, port: 'webhook', scheme: 'HTTPS' },
  periodSeconds,
  timeoutSeconds: 2,
  failureThreshold
})

type Role = 'admission' | 'hub' | 'ui'

/** How long an ending webhook answers while no endpoint leads to it any more. */
const leaveSeconds = 5
/** After that it waits for callers, cuts what is left, and closes the rest. */
const graceSeconds = (roles: readonly Role[]): number =>
  roles.includes('admission') ? leaveSeconds + idleMs / 1000 + 20 : 30

const clientsPath = '/run/secco/clients'
const isGuarded = ({ clientCa }: InstallOptions, roles: readonly Role[]): boolean =>
  clientCa !== undefined && roles.includes('admission')
const clientNames = ({ clientNames = [] }: InstallOptions): string[] =>
  clientNames.flatMap((name) => ['--client-name', name])

/** Returns the ConfigMap with the authority of callers, if there is one. */
function clientAuthority({ clientCa }: InstallOptions): Manifest[] {
  if (clientCa === undefined) return []
  const metadata = named(names.clients, 'certificates')
  return [{ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'ca.crt': clientCa } }]
}

function args(options: InstallOptions, roles: readonly Role[]): string[] {
  return [
    'webhook',
    '--state',
    '/var/lib/secco',
    '--kubeconfig',
    'in-cluster',
    '--roles',
    roles.join(','),
    '--listen',
    `0.0.0.0:${ports.webhook}`,
    '--hub-listen',
    `0.0.0.0:${ports.hub}`,
    // Only kubectl port-forward reaches the pages: it connects to the loopback of the pod.
    '--ui-listen',
    `127.0.0.1:${ports.pages}`,
    ...(options.hubApi && roles.includes('ui') ? ['--api-listen', `0.0.0.0:${ports.api}`] : []),
    '--mode',
    options.mode,
    ...(options.tls === 'cert-manager'
      ? ['--tls-dir', '/run/secco/tls']
      : ['--tls-secret', `${namespace}/${names.certificates}`]),
    ...serverNames.flatMap((name) => ['--server-name', name]),
    ...(isGuarded(options, roles)
      ? ['--client-ca', `${clientsPath}/ca.crt`, ...clientNames(options)]
      : []),
    ...(options.allowIgnore ? ['--allow-ignore', 'on'] : []),
    // A hub on standby sends satellites, and requests for pages, to the address of the active one.
    ...(roles.includes('hub') ? ['--advertise', '$(POD_IP)'] : []),
    // Endpoints are updated at the same time as the pod gets SIGTERM, and the proxies of nodes a moment later.
    ...(roles.includes('admission') ? ['--leave-after', `${leaveSeconds}s`] : []),
    ...(options.startupTaint ? ['--join-taint', 'on'] : [])
  ]
}

const podIp = { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }

interface Program {
  name: string
  roles: readonly Role[]
  replicas: number
  resources: object
}

function programContainer(
  options: InstallOptions,
  program: Program,
  own: OwnProfileParts
): Manifest {
  const { roles, resources } = program
  return {
    name: 'secco',
    image: options.image,
    imagePullPolicy: 'IfNotPresent',
    args: args(options, roles),
    ...(roles.includes('hub') ? { env: [podIp] } : {}),
    ports: [
      { name: 'webhook', containerPort: ports.webhook },
      ...(roles.includes('hub') ? [{ name: 'hub', containerPort: ports.hub }] : []),
      ...(roles.includes('ui') ? [{ name: 'pages', containerPort: ports.pages }] : []),
      ...(options.hubApi && roles.includes('ui') ? [{ name: 'api', containerPort: ports.api }] : [])
    ],
    // Every second: the program listens once it has read everything, and pods get no decision until it is ready.
    startupProbe: probe('/livez', 120, 1),
    livenessProbe: probe('/livez', 6),
    // One late answer of a busy node must not leave pods unpatched while it is the only replica, or the other one restarts.
    readinessProbe: probe('/readyz', 3, 2),
    resources,
    securityContext: { ...hardened, ...own.securityContext },
    volumeMounts: [
      { name: 'state', mountPath: '/var/lib/secco' },
      ...(options.tls === 'cert-manager'
        ? [{ name: 'tls', mountPath: '/run/secco/tls', readOnly: true }]
        : []),
      ...(isGuarded(options, roles)
        ? [{ name: 'clients', mountPath: clientsPath, readOnly: true }]
        : [])
    ]
  }
}

const programVolumes = (
  options: InstallOptions,
  roles: readonly Role[],
  own: OwnProfileParts
): Manifest[] => [
  // Nothing here has to last: objects are in the API, certificates in a Secret.
  { name: 'state', emptyDir: { sizeLimit: '256Mi' } },
  ...(isGuarded(options, roles) ? [{ name: 'clients', configMap: { name: names.clients } }] : []),
  ...(options.tls === 'cert-manager'
    ? [{ name: 'tls', secret: { secretName: names.certificates, defaultMode: 0o440 } }]
    : []),
  ...own.volumes
]

/** Several replicas run on different nodes and in different zones where they can. */
function spread(matchLabels: object, replicas: number): object {
  const over = (topologyKey: string) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels }
  })
  return replicas > 1
    ? {
        topologySpreadConstraints: [
          over('kubernetes.io/hostname'),
          over('topology.kubernetes.io/zone')
        ]
      }
    : {}
}

function deployment(options: InstallOptions, program: Program): Manifest {
  const { name, roles, replicas } = program
  const metadata = named(name, name === names.hub ? 'hub' : 'webhook')
  const matchLabels = { 'app.kubernetes.io/instance': name }
  const labels = {
    ...metadata.labels,
    ...matchLabels,
    [roleLabels.central]: 'true',
    ...(roles.includes('admission') ? { [roleLabels.admission]: 'true' } : {}),
    ...(roles.includes('hub') ? { [roleLabels.hub]: 'true' } : {})
  }
  const own = ownProfileParts(options, 'webhook')
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    spec: {
      replicas,
      revisionHistoryLimit: 3,
      // A new pod is ready before an old one ends, so every review is answered.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      selector: { matchLabels },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: name,
          priorityClassName: 'system-cluster-critical',
          terminationGracePeriodSeconds: graceSeconds(roles),
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          // The hub removes the taint: when every node is new it has to start on one that has it.
          tolerations: [{ key: startupTaint, operator: 'Exists' }],
          ...spread(matchLabels, replicas),
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 65534,
            runAsGroup: 65534,
            fsGroup: 65534,
            seccompProfile: { type: 'RuntimeDefault' }
          },
          ...(own.initContainers.length > 0 ? { initContainers: own.initContainers } : {}),
          containers: [programContainer(options, program, own)],
          volumes: programVolumes(options, roles, own)
        }
      }
    }
  }
}

const budget = (name: string): Manifest => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: named(name, name === names.hub ? 'hub' : 'webhook'),
  spec: {
    maxUnavailable: 1,
    unhealthyPodEvictionPolicy: 'AlwaysAllow',
    selector: { matchLabels: { 'app.kubernetes.io/instance': name } }
  }
})

const resources = (cpu: string, memory: string, limit: string) => ({
  requests: { cpu, memory },
  limits: { memory: limit }
})

/**
 * Returns the central programs with two replicas each: one program for everything, or webhook and hub apart. With a
 * single replica, pods that are created while it is deleted or moved would get no profile.
 */
export function programs(options: InstallOptions): Manifest[] {
  if (options.layout === 'small') {
    return [
      ...clientAuthority(options),
      deployment(options, {
        ...{ name: names.both, roles: ['admission', 'hub', 'ui'], replicas: 2 },
        resources: resources('50m', '160Mi', '512Mi')
      }),
      budget(names.both)
    ]
  }
  return [
    ...clientAuthority(options),
    deployment(options, {
      ...{ name: names.webhook, roles: ['admission'], replicas: 2 },
      resources: resources('50m', '128Mi', '384Mi')
    }),
    deployment(options, {
      ...{ name: names.hub, roles: ['hub', 'ui'], replicas: 2 },
      resources: resources('50m', '160Mi', '1Gi')
    }),
    budget(names.webhook),
    budget(names.hub)
  ]
}
