import { hardened } from './hardened.js'
import { names, named, namespace, ports, roleLabels, tokenAudience } from './names.js'
import type { InstallOptions, Manifest } from './options.js'
import { type OwnProfileParts, ownProfileParts, ownProfilesVolume } from './own-profile.js'

/**
 * Capabilities of the satellite. They were found by running `secco doctor --node` with fewer and fewer of them
 * (setpriv --bounding-set); test/e2e/workloads-on-node.test.ts learns with exactly these on a real node:
 * - BPF, PERFMON: load the recorder and attach it to sys_exit;
 * - SYS_PTRACE: /proc/PID/{exe,ns,task/TID/syscall} of processes of other users;
 * - DAC_READ_SEARCH: task/TID/syscall and auxv can be read by the process's own user only (proc(5), mode 0400).
 */
export const satelliteCapabilities: readonly string[] = [
  'BPF',
  'PERFMON',
  'SYS_PTRACE',
  'DAC_READ_SEARCH'
]

interface HostPath {
  name: string
  hostPath: string
  type: string
  readOnly: boolean
  mountPropagation?: 'HostToContainer'
}

const readFolder = { type: 'DirectoryOrCreate', readOnly: true } as const

/** What the satellite mounts of containerd. */
const containerdPaths = {
  // The folder, not the socket: a runtime that restarts creates a new socket.
  on: [{ name: 'containerd', hostPath: '/run/containerd', ...readFolder }],
  // The states of runc and the bundles that they name. The sockets of containerd and of its shims are beside them.
  off: [
    { name: 'runc', hostPath: '/run/containerd/runc', ...readFolder },
    { name: 'bundles', hostPath: '/run/containerd/io.containerd.runtime.v2.task', ...readFolder }
  ]
}

/**
 * Returns everything that the satellite mounts from its node. /sys/kernel/btf is not needed: the pod's own sysfs has it,
 * and pods with such a mount would not start where the kernel has no BTF.
 */
export const hostPathsOf = ({
  containerd
}: Pick<InstallOptions, 'containerd'>): readonly HostPath[] => [
  {
    name: 'bpf',
    hostPath: '/sys/fs/bpf',
    type: 'DirectoryOrCreate',
    readOnly: false,
    mountPropagation: 'HostToContainer'
  },
  { name: 'cgroup', hostPath: '/sys/fs/cgroup', type: 'Directory', readOnly: true },
  {
    name: 'seccomp',
    hostPath: '/var/lib/kubelet/seccomp',
    type: 'DirectoryOrCreate',
    readOnly: false
  },
  ...containerdPaths[containerd ? 'on' : 'off'],
  // Observations that the hub has not acknowledged outlive the pod here.
  { name: 'state', hostPath: '/var/lib/secco', type: 'DirectoryOrCreate', readOnly: false }
]

const probe = (path: string, failureThreshold: number, periodSeconds = 10) => ({
  httpGet: { path, port: 'health' },
  periodSeconds,
  timeoutSeconds: 2,
  failureThreshold
})

const programArgs = (options: InstallOptions): string[] => [
  'satellite',
  ...(options.floor === undefined ? [] : ['--floor', options.floor]),
  '--state',
  '/var/lib/secco',
  '--hub',
  `${names.hub}.${namespace}.svc:9444`,
  '--hub-ca',
  '/run/secco/authority/ca.crt',
  '--token-file',
  '/run/secco/token/token',
  '--node',
  '$(NODE_NAME)',
  '--record',
  options.record,
  '--slots',
  String(options.slots),
  ...(options.btf === undefined ? [] : ['--btf', options.btf]),
  ...(options.containerd ? [] : ['--containerd-socket', 'off']),
  '--health-listen',
  `0.0.0.0:${ports.satellite}`
]

function satelliteContainer(options: InstallOptions, own: OwnProfileParts): Manifest {
  const add = [...satelliteCapabilities, ...(options.readFilters ? ['SYS_ADMIN'] : [])]
  return {
    name: 'satellite',
    image: options.image,
    imagePullPolicy: 'IfNotPresent',
    args: programArgs(options),
    env: [{ name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
    ports: [{ name: 'health', containerPort: ports.satellite }],
    startupProbe: probe('/livez', 120, 1),
    livenessProbe: probe('/livez', 6),
    readinessProbe: probe('/readyz', 1),
    resources: { requests: { cpu: '50m', memory: '160Mi' }, limits: { memory: '512Mi' } },
    securityContext: {
      ...hardened,
      capabilities: { drop: ['ALL'], add },
      ...own.securityContext
    },
    volumeMounts: [
      ...hostPathsOf(options).map(({ name, hostPath, readOnly, mountPropagation }) => ({
        name,
        mountPath: hostPath,
        ...(readOnly ? { readOnly } : {}),
        ...(mountPropagation === undefined ? {} : { mountPropagation })
      })),
      { name: 'token', mountPath: '/run/secco/token', readOnly: true },
      { name: 'authority', mountPath: '/run/secco/authority', readOnly: true },
      { name: 'tmp', mountPath: '/tmp' }
    ]
  }
}

function satelliteVolumes(options: InstallOptions, own: OwnProfileParts): Manifest[] {
  const serviceAccountToken = { audience: tokenAudience, expirationSeconds: 600, path: 'token' }
  return [
    ...hostPathsOf(options).map(({ name, hostPath, type }) => ({
      name,
      hostPath: { path: hostPath, type }
    })),
    { name: 'token', projected: { defaultMode: 0o400, sources: [{ serviceAccountToken }] } },
    // The webhook (or cert-manager) creates it, and the pod waits until it exists.
    options.tls === 'cert-manager'
      ? {
          name: 'authority',
          // Only the authority of the pair: satellites must not have the key.
          secret: { secretName: names.certificates, items: [{ key: 'ca.crt', path: 'ca.crt' }] }
        }
      : { name: 'authority', configMap: { name: names.authority } },
    { name: 'tmp', emptyDir: { sizeLimit: '16Mi' } },
    ...own.volumes
  ]
}

/** Returns the DaemonSet of the node agents. */
export function satellite(options: InstallOptions): Manifest {
  const { labels } = named(names.satellite, 'satellite')
  const matchLabels = { 'app.kubernetes.io/instance': names.satellite }
  // A process that reads another one's filter must not have a filter itself (ptrace(2), PTRACE_SECCOMP_GET_FILTER).
  const ownProfiles = options.ownProfiles && !options.readFilters
  const own = ownProfileParts({ ...options, ownProfiles }, 'satellite')
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: named(names.satellite, 'satellite'),
    spec: {
      revisionHistoryLimit: 3,
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '10%' } },
      selector: { matchLabels },
      template: {
        metadata: { labels: { ...labels, ...matchLabels, [roleLabels.satellite]: 'true' } },
        spec: {
          serviceAccountName: names.satellite,
          automountServiceAccountToken: false,
          priorityClassName: 'system-node-critical',
          // Processes are identified by their process ids in the node's namespace.
          hostPID: true,
          terminationGracePeriodSeconds: 20,
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          // Every node, also a new or a tainted one: pods there need their files.
          tolerations: [{ operator: 'Exists' }],
          securityContext: {
            runAsUser: 0,
            runAsGroup: 0,
            seccompProfile: options.readFilters
              ? { type: 'Unconfined' }
              : { type: 'RuntimeDefault' }
          },
          ...(own.initContainers.length > 0 ? { initContainers: own.initContainers } : {}),
          containers: [satelliteContainer(options, own)],
          volumes: satelliteVolumes(options, own)
        }
      }
    }
  }
}

/** Name of the DaemonSet that `uninstall` makes, and removes when it is done. */
export const cleanerName = `${names.satellite}-clean`

/** Returns a DaemonSet that detaches what the satellites of the given DaemonSet left pinned on each node. */
export function cleaner(of: Manifest): Manifest {
  const { spec } = of as {
    spec: {
      template: { spec: { containers: Record<string, unknown>[]; volumes: { name: string }[] } }
    }
  }
  const pod = spec.template.spec
  const [container] = pod.containers
  const name = cleanerName
  const matchLabels = { 'app.kubernetes.io/instance': name }
  // It has the profile of the satellite, and the same init container writes it.
  const needed = ['bpf', 'tmp', ownProfilesVolume]
  const volumes = pod.volumes.filter((volume) => needed.includes(volume.name))
  const kept = new Set(volumes.map((volume) => volume.name))
  const mounts = container?.['volumeMounts'] as { name: string }[]
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: named(name, 'satellite'),
    spec: {
      selector: { matchLabels },
      template: {
        metadata: { labels: { ...named(name, 'satellite').labels, ...matchLabels } },
        spec: {
          ...pod,
          terminationGracePeriodSeconds: 0,
          containers: [
            {
              name: 'clean',
              image: container?.['image'],
              imagePullPolicy: container?.['imagePullPolicy'],
              securityContext: container?.['securityContext'],
              args: ['satellite', '--clean'],
              volumeMounts: mounts.filter((mount) => kept.has(mount.name))
            }
          ],
          volumes
        }
      }
    }
  }
}
