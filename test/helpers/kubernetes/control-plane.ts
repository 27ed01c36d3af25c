import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { NodePrograms } from '../api-server-programs.js'
import { assertAlive, end, freePort, type Running } from '../child-program.js'
import { type Kube, kubeClient } from '../kube.js'
import { until } from '../until.js'
import type { Ground } from './ground.js'
import type { PairPaths, Pki } from './pki.js'

/** The servers of a cluster, up and answering. */
export interface ControlPlane {
  url: string
  kube: Kube
  token: string
  /** Writes a kubeconfig for a client certificate; gives its path. */
  kubeconfig(name: string, pair: PairPaths): Promise<string>
  /** Throws with a server's last words when one has ended. */
  assertAlive(): void
  /** The last lines of the API server that tell of a webhook which it could not ask: what was created is as it was. */
  failedOpen(): string[]
  /** Ends kube-apiserver, starts it again, and waits until it serves. */
  restartApiServer(): Promise<void>
}

const servers = { cgroup: 'servers' }

function etcdCommand(program: string, folder: string, client: string, peer: string): string[] {
  return [
    ...[program, '--data-dir', join(folder, 'etcd'), '--unsafe-no-fsync', '--log-level', 'error'],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ...['--initial-cluster', `default=${peer}`]
  ]
}

/** Starts etcd, kube-apiserver, kube-controller-manager and kube-scheduler, and waits until the API serves. */
export async function startControlPlane(
  programs: NodePrograms,
  ground: Ground,
  pki: Pki,
  extraFlags: readonly string[] = []
): Promise<ControlPlane> {
  const { folder, serverAddress } = ground
  const url = `https://${serverAddress}:443`
  const [client, peer] = (await Promise.all([freePort(), freePort()])).map(
    (port) => `http://127.0.0.1:${port}`
  )
  if (client === undefined || peer === undefined) throw new Error('no ports')
  const token = randomBytes(16).toString('hex')
  const tokens = join(folder, 'tokens.csv')
  await mkdir(join(folder, 'config'), { recursive: true })
  await writeFile(tokens, `${token},admin,admin,"system:masters"\n`, { mode: 0o600 })
  const toKubelet = await pki.issue('kubelet-client', {
    commonName: 'kube-apiserver-kubelet-client',
    organization: 'system:masters'
  })
  const apiServerCommand = [
    programs.apiServer,
    `--etcd-servers=${client}`,
    // The first service address is the bridge's own: `kubernetes.default` works without kube-proxy.
    `--bind-address=${serverAddress}`,
    `--advertise-address=${serverAddress}`,
    '--secure-port=443',
    `--service-cluster-ip-range=${ground.serviceCidr}`,
    // Webhooks are dialled at their pods' addresses: they need no service address.
    '--enable-aggregator-routing=true',
    `--tls-cert-file=${pki.serving.cert}`,
    `--tls-private-key-file=${pki.serving.key}`,
    `--client-ca-file=${pki.caPath}`,
    `--token-auth-file=${tokens}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${pki.serviceAccount.pub}`,
    `--service-account-signing-key-file=${pki.serviceAccount.key}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    `--kubelet-client-certificate=${toKubelet.cert}`,
    `--kubelet-client-key=${toKubelet.key}`,
    `--kubelet-certificate-authority=${pki.caPath}`,
    '--kubelet-preferred-address-types=InternalIP',
    // Beta and off by default in 1.34: `secco profile export --format map` writes such policies.
    '--feature-gates=MutatingAdmissionPolicy=true',
    '--runtime-config=admissionregistration.k8s.io/v1beta1=true',
    ...extraFlags
  ]
  const startApiServer = (): Running => ground.start('kube-apiserver', apiServerCommand, servers)
  const etcd = ground.start('etcd', etcdCommand(programs.etcd, folder, client, peer), servers)
  let apiServer = startApiServer()
  const running: Running[] = []
  const alive = (): void => {
    for (const one of [etcd, apiServer, ...running]) assertAlive(one)
  }
  const kube = kubeClient(url, pki.caPem, token)
  async function served(): Promise<void> {
    for (const path of ['/readyz', '/api/v1/namespaces/default']) {
      await until(
        `${path} of the API server`,
        async () => {
          alive()
          return (await kube.call('GET', path)).status === 200 ? true : undefined
        },
        { timeoutMs: 120_000, everyMs: 50 }
      )
    }
  }
  await served()
  async function kubeconfig(name: string, pair: PairPaths): Promise<string> {
    const path = join(folder, 'config', `${name}.kubeconfig`)
    // JSON is YAML.
    const text = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'secco', cluster: { server: url, 'certificate-authority': pki.caPath } }],
      users: [{ name: 'user', user: { 'client-certificate': pair.cert, 'client-key': pair.key } }],
      contexts: [{ name: 'secco', context: { cluster: 'secco', user: 'user' } }],
      'current-context': 'secco'
    })
    await writeFile(path, text, { mode: 0o600 })
    return path
  }
  const [managerConfig, schedulerConfig] = await Promise.all(
    ['kube-controller-manager', 'kube-scheduler'].map(async (name) =>
      kubeconfig(name, await pki.issue(name, { commonName: `system:${name}` }))
    )
  )
  const common = ['--bind-address=127.0.0.1', '--leader-elect=false', '--kube-api-qps=200']
  const [managerPort, schedulerPort] = await Promise.all([freePort(), freePort()])
  running.push(
    ground.start(
      'kube-controller-manager',
      [
        programs.controllerManager,
        `--kubeconfig=${managerConfig ?? ''}`,
        ...common,
        '--kube-api-burst=400',
        `--secure-port=${managerPort}`,
        `--root-ca-file=${pki.caPath}`,
        `--service-account-private-key-file=${pki.serviceAccount.key}`,
        '--use-service-account-credentials',
        `--flex-volume-plugin-dir=${join(folder, 'flex')}`,
        '--allocate-node-cidrs=false'
      ],
      servers
    ),
    ground.start(
      'kube-scheduler',
      [
        programs.scheduler,
        `--kubeconfig=${schedulerConfig ?? ''}`,
        ...common,
        '--kube-api-burst=400',
        `--secure-port=${schedulerPort}`
      ],
      servers
    )
  )
  const failedOpen = (): string[] =>
    apiServer
      .tail()
      .split('\n')
      .filter((line) => line.includes('failing open'))
  return {
    ...{ url, kube, token, kubeconfig, assertAlive: alive, failedOpen },
    restartApiServer: async () => {
      await end(apiServer)
      apiServer = startApiServer()
      await served()
    }
  }
}
