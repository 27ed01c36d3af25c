import type { Ground } from './ground.js'

/** Paths as the node sees them: those of any other node. Another mount namespace makes them its own. */
export const inside = {
  kubelet: '/var/lib/kubelet',
  containerd: '/var/lib/containerd',
  socket: '/run/containerd/containerd.sock',
  cni: '/run/cni'
} as const

/** The image that holds a pod's namespaces. */
export const pauseImage = 'docker.io/library/secco-pause:1'

/** containerd's configuration (version 2, containerd 1.6 and 1.7). */
export function containerdConfig(): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"'
  const unused = ['snapshotter.v1.btrfs', 'snapshotter.v1.zfs', 'snapshotter.v1.aufs']
  const off = [
    ...unused,
    'snapshotter.v1.devmapper',
    'internal.v1.opt',
    'tracing.processor.v1.otlp'
  ]
  return `version = 2
root = "${inside.containerd}"
state = "/run/containerd"
disabled_plugins = [${off.map((name) => `"io.containerd.${name}"`).join(', ')}]
[grpc]
  address = "${inside.socket}"
[${cri}]
  sandbox_image = "${pauseImage}"
  # Without CAP_SYS_RESOURCE nobody's score goes below the own.
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_hugetlb_controller = true
  stream_server_address = "127.0.0.1"
[${cri}.cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "${inside.cni}"
[${cri}.containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "runc"
[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[${cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
`
}

/** Pods of all nodes of a cluster share its bridge: they, the host and the services reach each other. */
export function cniConfig(ground: Ground, node: number): string {
  const { from, to } = ground.podRange(node)
  return JSON.stringify({
    cniVersion: '0.4.0',
    name: 'secco',
    plugins: [
      {
        type: 'bridge',
        bridge: ground.bridge,
        isGateway: false,
        ipMasq: false,
        ipam: {
          type: 'host-local',
          dataDir: '/run/cni/addresses',
          ranges: [
            [{ subnet: ground.cidr, rangeStart: from, rangeEnd: to, gateway: ground.serverAddress }]
          ]
        }
      }
    ]
  })
}

interface KubeletSettings {
  address: string
  cgroupRoot: string
  clusterDns: string
  caPath: string
  cert: string
  key: string
  seccompDefault: boolean
  maxPods: number
}

/** The kubelet's configuration; JSON is YAML. */
export function kubeletConfig(settings: KubeletSettings): string {
  return JSON.stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: settings.address,
    port: 10_250,
    readOnlyPort: 0,
    healthzPort: 0,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: settings.caPath }
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: settings.cert,
    tlsPrivateKeyFile: settings.key,
    containerRuntimeEndpoint: `unix://${inside.socket}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: settings.cgroupRoot,
    cgroupsPerQOS: true,
    enforceNodeAllocatable: [],
    // Linux without CAP_SYS_RESOURCE: what cannot be set is logged and not fatal.
    oomScoreAdj: 0,
    featureGates: { KubeletInUserNamespace: true },
    failSwapOn: false,
    failCgroupV1: false,
    makeIPTablesUtilChains: false,
    localStorageCapacityIsolation: false,
    resolvConf: '',
    clusterDNS: [settings.clusterDns],
    clusterDomain: 'cluster.local',
    staticPodPath: `${inside.kubelet}/static`,
    volumePluginDir: `${inside.kubelet}/plugins-exec`,
    evictionHard: { 'memory.available': '16Mi', 'nodefs.available': '0.1%' },
    imageGCHighThresholdPercent: 100,
    syncFrequency: '2s',
    fileCheckFrequency: '1s',
    registerNode: true,
    seccompDefault: settings.seccompDefault,
    maxPods: settings.maxPods,
    shutdownGracePeriod: '0s'
  })
}
