import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { NodePrograms } from '../api-server-programs.js'
import type { Json } from '../kube.js'
import { repositoryRoot } from '../repository.js'
import { until } from '../until.js'
import { isReady, listPods } from './pods.js'
import type { RealCluster } from './real-cluster.js'
import type { SeccoAtWork, SeenDenial, SeenNode } from './secco-on-host.js'
import { seccoImageArchive } from './test-images.js'

const namespace = 'secco-system'
export const seccoImageName = 'docker.io/library/secco:e2e'

const container = (name: string, args: readonly string[], more: Json): Json => ({
  name,
  image: seccoImageName,
  imagePullPolicy: 'Never',
  args: ['--state', '/var/lib/secco', ...args],
  ...more
})

/** One folder of the node for both programs: the hub's authority signs the satellite's certificate there. */
const state = { name: 'state', hostPath: { path: '/var/lib/secco', type: 'DirectoryOrCreate' } }
const stateMount = { name: 'state', mountPath: '/var/lib/secco' }

function workload(kind: string, name: string, spec: Json): Json {
  const labels = { app: name }
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { serviceAccountName: 'secco', terminationGracePeriodSeconds: 5, ...spec }
      }
    }
  }
}

function service(name: string, port: number, targetPort: number): Json {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { selector: { app: 'secco-webhook' }, ports: [{ port, targetPort }] }
  }
}

function objects(): Json[] {
  const asRoot = { runAsUser: 0, runAsGroup: 0 }
  const hostFolders = ['/run/containerd', '/var/lib/kubelet/seccomp', '/sys/fs/bpf']
  const nameOf = (path: string): string => path.slice(1).replaceAll('/', '-')
  const names = [`secco-webhook.${namespace}.svc`, `secco-hub.${namespace}.svc.cluster.local`]
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'secco', namespace } },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'secco' },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'ClusterRole',
        name: 'cluster-admin'
      },
      subjects: [{ kind: 'ServiceAccount', name: 'secco', namespace }]
    },
    service('secco-webhook', 443, 9443),
    service('secco-hub', 9444, 9444),
    workload('Deployment', 'secco-webhook', {
      containers: [
        container(
          'webhook',
          [
            ...['--kubeconfig', 'in-cluster', 'webhook', '--listen', '0.0.0.0:9443'],
            ...['--hub-listen', '0.0.0.0:9444'],
            ...names.flatMap((name) => ['--server-name', name])
          ],
          {
            securityContext: asRoot,
            volumeMounts: [stateMount],
            readinessProbe: {
              httpGet: { path: '/readyz', port: 9443, scheme: 'HTTPS' },
              periodSeconds: 1
            }
          }
        )
      ],
      volumes: [state]
    }),
    workload('DaemonSet', 'secco-satellite', {
      hostPID: true,
      containers: [
        container(
          'satellite',
          ['satellite', '--hub', `${names[1] ?? ''}:9444`, '--node', '$(NODE)'],
          {
            env: [{ name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
            securityContext: { ...asRoot, privileged: true },
            volumeMounts: [
              stateMount,
              ...hostFolders.map((path) => ({ name: nameOf(path), mountPath: path }))
            ]
          }
        )
      ],
      volumes: [
        state,
        ...hostFolders.map((path) => ({
          name: nameOf(path),
          hostPath: { path, type: 'DirectoryOrCreate' }
        }))
      ]
    })
  ]
}

/** `kubectl port-forward` to the pages of the webhook's pod; gives their address. */
async function forwardUi(
  programs: NodePrograms,
  cluster: RealCluster
): Promise<{ url: string; child: ChildProcessWithoutNullStreams }> {
  const target = ['-n', namespace, 'deploy/secco-webhook', ':9445']
  const child = spawn(
    programs.kubectl,
    ['--kubeconfig', cluster.kubeconfig, 'port-forward', ...target],
    { env: { PATH: process.env['PATH'], HOME: cluster.ground.folder } }
  )
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
  }
  const url = await until('the forwarded port', () => {
    if (child.exitCode !== null) throw new Error(said)
    const port = /127\.0\.0\.1:(\d+)/.exec(said)?.[1]
    return port === undefined ? undefined : `http://127.0.0.1:${port}`
  })
  return { url, child }
}

/**
 * Runs Secco from its own image inside the cluster: a Deployment behind the Service that the webhook
 * configuration of manifests/base names, and a DaemonSet. For one node: both share its /var/lib/secco.
 */
export async function runSeccoInCluster(
  cluster: RealCluster,
  programs: NodePrograms
): Promise<SeccoAtWork> {
  const archive = await seccoImageArchive(cluster.ground.folder, seccoImageName)
  await Promise.all(cluster.nodes.map((node) => node.importImage(archive)))
  await cluster.kubectl('apply', '-k', join(repositoryRoot, 'manifests/base'))
  for (const object of objects()) {
    const { apiVersion, kind } = object as { apiVersion: string; kind: string }
    const base = apiVersion === 'v1' ? '/api/v1' : `/apis/${apiVersion}`
    const place = kind === 'ClusterRoleBinding' ? '' : `/namespaces/${namespace}`
    await cluster.kube.do('POST', `${base}${place}/${kind.toLowerCase()}s`, object)
  }
  const said = async (): Promise<string> => {
    const all = await listPods(cluster, namespace, 'app')
    const logs = all.map(({ metadata }) => cluster.kubectl('logs', '-n', namespace, metadata.name))
    return (await Promise.allSettled(logs)).map((one) => JSON.stringify(one)).join('\n')
  }
  try {
    for (const app of ['secco-webhook', 'secco-satellite']) {
      await until(`${app} to be ready`, async () => {
        const pods = await listPods(cluster, namespace, `app=${app}`)
        return pods.length > 0 && pods.every(isReady) ? true : undefined
      })
    }
  } catch (error) {
    throw new Error(`${String(error)}\n${await said()}`, { cause: error })
  }
  const folder = join(cluster.node().kubeletRoot, '../secco')
  const text = await until('the addresses of the webhook', () =>
    readFile(join(folder, 'addresses.json'), 'utf8')
  )
  const { caBundle } = JSON.parse(text) as { caBundle: string }
  await cluster.kube.do(
    'PATCH',
    '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/secco',
    [{ op: 'add', path: '/webhooks/0/clientConfig/caBundle', value: caBundle }],
    { contentType: 'application/json-patch+json' }
  )
  const { url, child } = await forwardUi(programs, cluster)
  const list = async <Item>(what: string): Promise<Item[]> =>
    ((await (await fetch(`${url}/api/v1/${what}`)).json()) as { items: Item[] }).items
  await until('every satellite to be connected', async () =>
    (await list<SeenNode>('nodes')).length === cluster.nodes.length ? true : undefined
  )
  return {
    state: folder,
    ui: url,
    denials: () => list<SeenDenial>('denials'),
    nodes: () => list<SeenNode>('nodes'),
    logs: () => 'see kubectl logs -n secco-system',
    stop: () => {
      child.kill('SIGKILL')
      return Promise.resolve()
    }
  }
}
