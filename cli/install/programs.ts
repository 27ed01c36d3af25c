import { hardened } from './hardened.js'
import { names, namespace, named, ports, roleLabels, serverNames } from './names.js'
import type { InstallOptions, Manifest } from './options.js'
import { ownProfileParts } from './own-profile.js'

const probe = (path: string, failureThreshold: number, periodSeconds = 5) => ({
  httpGet: { path, port: 'webhook', scheme: 'HTTPS' },
  periodSeconds,
  timeoutSeconds: 2,
  failureThreshold
})

type Role = 'admission' | 'hub' | 'ui'

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
    // Reached by kubectl port-forward alone, which dials the pod's own loopback.
    '--ui-listen',
    `127.0.0.1:${ports.pages}`,
    '--mode',
    options.mode,
    ...(options.tls === 'cert-manager'
      ? ['--tls-dir', '/run/secco/tls']
      : ['--tls-secret', `${namespace}/${names.certificates}`]),
    ...serverNames.flatMap((name) => ['--server-name', name]),
    ...(options.allowIgnore ? ['--allow-ignore', 'on'] : []),
    // Endpoints learn that a pod goes at the same time as the pod, and the proxies of nodes a moment later.
    ...(roles.includes('admission') ? ['--leave-after', '5s'] : []),
    ...(options.startupTaint ? ['--join-taint', 'on'] : [])
  ]
}

function deployment(
  options: InstallOptions,
  name: string,
  roles: readonly Role[],
  replicas: number,
  resources: object
): Manifest {
  const labels = {
    ...named(name, name === names.hub ? 'hub' : 'webhook').labels,
    'app.kubernetes.io/instance': name,
    [roleLabels.central]: 'true',
    ...(roles.includes('admission') ? { [roleLabels.admission]: 'true' } : {}),
    ...(roles.includes('hub') ? { [roleLabels.hub]: 'true' } : {})
  }
  const matchLabels = { 'app.kubernetes.io/instance': name }
  const spread = (topologyKey: string) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels }
  })
  const certManager = options.tls === 'cert-manager'
  const own = ownProfileParts(options, 'webhook')
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: named(name, name === names.hub ? 'hub' : 'webhook'),
    spec: {
      replicas,
      revisionHistoryLimit: 3,
      // A new one is ready before an old one goes: no review is without an answer.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      selector: { matchLabels },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: name,
          priorityClassName: 'system-cluster-critical',
          terminationGracePeriodSeconds: 30,
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          ...(replicas > 1
            ? {
                topologySpreadConstraints: [
                  spread('kubernetes.io/hostname'),
                  spread('topology.kubernetes.io/zone')
                ]
              }
            : {}),
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 65534,
            runAsGroup: 65534,
            fsGroup: 65534,
            seccompProfile: { type: 'RuntimeDefault' }
          },
          ...(own.initContainers.length > 0 ? { initContainers: own.initContainers } : {}),
          containers: [
            {
              name: 'secco',
              image: options.image,
              imagePullPolicy: 'IfNotPresent',
              args: args(options, roles),
              ports: [
                { name: 'webhook', containerPort: ports.webhook },
                ...(roles.includes('hub') ? [{ name: 'hub', containerPort: ports.hub }] : []),
                ...(roles.includes('ui') ? [{ name: 'pages', containerPort: ports.pages }] : [])
              ],
              // Every second: what listens has read everything, and pods are undecided until it counts as ready.
              startupProbe: probe('/livez', 120, 1),
              livenessProbe: probe('/livez', 6),
              // Where there is no other one, an answer that is late must not leave all pods unpatched.
              readinessProbe: probe('/readyz', replicas > 1 ? 1 : 3),
              resources,
              securityContext: { ...hardened, ...own.securityContext },
              volumeMounts: [
                { name: 'state', mountPath: '/var/lib/secco' },
                ...(certManager
                  ? [{ name: 'tls', mountPath: '/run/secco/tls', readOnly: true }]
                  : [])
              ]
            }
          ],
          volumes: [
            // Nothing that has to last: objects are in the API, certificates in a Secret.
            { name: 'state', emptyDir: { sizeLimit: '256Mi' } },
            ...(certManager
              ? [{ name: 'tls', secret: { secretName: names.certificates, defaultMode: 0o440 } }]
              : []),
            ...own.volumes
          ]
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

/** The central service: one process, or webhook and hub apart with two replicas each. */
export function programs(options: InstallOptions): Manifest[] {
  if (options.layout === 'small') {
    return [
      deployment(
        options,
        names.both,
        ['admission', 'hub', 'ui'],
        1,
        resources('50m', '160Mi', '512Mi')
      )
    ]
  }
  return [
    deployment(options, names.webhook, ['admission'], 2, resources('50m', '128Mi', '384Mi')),
    deployment(options, names.hub, ['hub', 'ui'], 2, resources('50m', '160Mi', '1Gi')),
    budget(names.webhook),
    budget(names.hub)
  ]
}
