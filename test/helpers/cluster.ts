import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { ApiServerPrograms } from './api-server-programs.js'
import { assertAlive, end, freePort, type Running, start } from './child-program.js'
import { type Json, type Kube, kubeClient } from './kube.js'
import { until } from './until.js'

/** A running etcd and kube-apiserver. `stop()` ends both and removes their files. */
export interface Cluster {
  url: string
  caPem: string
  /** Bearer token of a member of system:masters. */
  token: string
  /** Path of a kubeconfig file for the same identity. */
  kubeconfig: string
  kube: Kube
  /** Every audit event (audit.k8s.io/v1, level Metadata, pods only) so far. */
  auditEvents(): Json[]
  /** The API server alone: kill -9, and start again on the same port and the same etcd. */
  killApiServer(): Promise<void>
  startApiServer(): Promise<void>
  stop(): Promise<void>
}

/** kube-apiserver's arguments: one process, RBAC, tokens from a file, pods' audit events to a file. */
function apiServerFlags(folder: string, port: number, etcdUrl: string, token: string): string[] {
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' }
  })
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content, { mode: 0o600 })
    return join(folder, name)
  }
  const auditPolicy = {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    rules: [
      {
        level: 'Metadata',
        verbs: ['create', 'update', 'patch'],
        resources: [{ resources: ['pods', 'pods/ephemeralcontainers'] }]
      },
      { level: 'None' }
    ]
  }
  return [
    `--etcd-servers=${etcdUrl}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${port}`,
    `--cert-dir=${join(folder, 'certs')}`,
    `--token-auth-file=${file('tokens.csv', `${token},admin,admin,"system:masters"\n`)}`,
    '--service-account-issuer=https://localhost',
    `--service-account-key-file=${file('sa.pub', publicKey)}`,
    `--service-account-signing-key-file=${file('sa.key', privateKey)}`,
    '--authorization-mode=RBAC',
    // Pods that a policy has to leave alone.
    '--allow-privileged=true',
    '--service-cluster-ip-range=10.0.0.0/24',
    '--endpoint-reconciler-type=none',
    // Beta and off by default in 1.34: `secco profile export --format map` writes such policies.
    '--feature-gates=MutatingAdmissionPolicy=true',
    '--runtime-config=admissionregistration.k8s.io/v1beta1=true',
    // No controller makes the default service accounts here.
    '--disable-admission-plugins=ServiceAccount',
    `--audit-policy-file=${file('audit-policy.json', JSON.stringify(auditPolicy))}`,
    `--audit-log-path=${join(folder, 'audit.log')}`
  ]
}

function etcdFlags(folder: string, client: string, peer: string): string[] {
  return [
    ...['--data-dir', join(folder, 'etcd'), '--unsafe-no-fsync', '--log-level', 'error'],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ...['--initial-cluster', `default=${peer}`]
  ]
}

/** A kubeconfig file of an identity; `user` is the member of users, or a token. */
export function kubeconfigOf(url: string, caPem: string, user: string | Json): string {
  // JSON is YAML.
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'test',
        cluster: {
          server: url,
          'certificate-authority-data': Buffer.from(caPem).toString('base64')
        }
      }
    ],
    users: [{ name: 'admin', user: typeof user === 'string' ? { token: user } : user }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test'
  })
}

/** Both start in less time when they collect memory rarely, and they live for a file only. */
const env = { ...process.env, GOGC: '400' }

async function startOnce(programs: ApiServerPrograms, more: readonly string[]): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'secco-cluster-'))
  mkdirSync(join(folder, 'certs'))
  const running: Running[] = []
  async function stop(): Promise<void> {
    // The API server first: it complains loudly about a vanished etcd.
    for (const one of running.splice(0).reverse()) await end(one)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const [clientPort, peerPort, port] = await Promise.all([freePort(), freePort(), freePort()])
    const etcdUrl = `http://127.0.0.1:${clientPort}`
    const etcd = start(
      'etcd',
      programs.etcd,
      etcdFlags(folder, etcdUrl, `http://127.0.0.1:${peerPort}`),
      { env }
    )
    running.push(etcd)
    const token = randomBytes(16).toString('hex')
    const flags = [...apiServerFlags(folder, port, etcdUrl, token), ...more]
    const server = start('kube-apiserver', programs.apiServer, flags, { env })
    running.push(server)
    const url = `https://127.0.0.1:${port}`
    const caPem = await until(
      'the API server to make its certificate',
      () => {
        for (const one of running) assertAlive(one)
        const path = join(folder, 'certs/apiserver.crt')
        const pem = existsSync(path) ? readFileSync(path, 'utf8') : ''
        return pem.includes('END CERTIFICATE') ? pem : undefined
      },
      { timeoutMs: 120_000, everyMs: 50 }
    )
    const kube = kubeClient(url, caPem, token)
    async function killApiServer(): Promise<void> {
      const last = running.pop()
      last?.child.kill('SIGKILL')
      await last?.exited
    }
    async function startApiServer(): Promise<void> {
      const again = start('kube-apiserver', programs.apiServer, flags, { env })
      running.push(again)
      await until(
        'the API server to be ready again',
        async () =>
          (await kube.call('GET', '/readyz')).status === 200
            ? true
            : (assertAlive(again), undefined),
        { timeoutMs: 120_000, everyMs: 50 }
      )
    }
    // /readyz can be true before the default namespace exists.
    for (const path of ['/readyz', '/api/v1/namespaces/default']) {
      await until(
        `${path} of the API server`,
        async () =>
          (await kube.call('GET', path)).status === 200 ? true : (assertAlive(server), undefined),
        { timeoutMs: 120_000, everyMs: 50 }
      )
    }
    const kubeconfig = join(folder, 'kubeconfig')
    writeFileSync(kubeconfig, kubeconfigOf(url, caPem, token), { mode: 0o600 })
    const auditEvents = (): Json[] =>
      readFileSync(join(folder, 'audit.log'), 'utf8')
        .split('\n')
        .filter((line) => line.endsWith('}'))
        .map((line) => JSON.parse(line) as Json)
    return { url, caPem, token, kubeconfig, kube, auditEvents, killApiServer, startApiServer, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/**
 * Starts etcd and kube-apiserver on free loopback ports and waits until they serve.
 * @param more further arguments of kube-apiserver
 */
export async function startCluster(
  programs: ApiServerPrograms,
  more: readonly string[] = []
): Promise<Cluster> {
  try {
    return await startOnce(programs, more)
  } catch {
    // A port that was free may have been taken meanwhile: once more, with others.
    return await startOnce(programs, more)
  }
}
