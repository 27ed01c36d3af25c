import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { namespace } from '../../../cli/install/names.js'
import { version } from '../../../src/lib/version.js'
import type { NodePrograms } from '../api-server-programs.js'
import { kubectlOf } from '../kubectl.js'
import { makePatient } from '../patient-webhook.js'
import { GivenUp, until } from '../until.js'
import { administratorToken } from './administrator-token.js'
import { applyInstall, saidByInstallation } from './apply-install.js'
import type { RealCluster } from './real-cluster.js'
import { listOf, type SeccoAtWork, type SeenDenial, type SeenNode } from './secco-on-host.js'

/** The image that `secco install` names by default. */
export const seccoImageName = `docker.io/library/secco:${version}`

interface Workload {
  status?: { readyReplicas?: number; numberReady?: number }
}

/** `kubectl port-forward` to the pages of the webhook's pod; gives their address. */
async function forwardUi(
  programs: NodePrograms,
  cluster: RealCluster
): Promise<{ url: string; child: ChildProcessWithoutNullStreams }> {
  const target = ['-n', namespace, 'deploy/secco', ':9445']
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
    if (child.exitCode !== null) throw new GivenUp(said)
    const port = /127\.0\.0\.1:(\d+)/.exec(said)?.[1]
    return port === undefined ? undefined : `http://127.0.0.1:${port}`
  })
  return { url, child }
}

/**
 * Installs Secco as a person does, `secco install --mode enforce | kubectl apply -f -`, and waits until it is
 * ready. The nodes need its image (`seccoImageName`). Pages and API are those of `kubectl port-forward`.
 */
export async function runSeccoInCluster(
  cluster: RealCluster,
  programs: NodePrograms
): Promise<SeccoAtWork> {
  const { kube } = cluster
  const state = await mkdtemp(join(tmpdir(), 'secco-state-'))
  const kubectl = kubectlOf(programs.kubectl, cluster.kubeconfig)
  await applyInstall(kubectl, ['--small', '--mode', 'enforce', '--image', seccoImageName])
  const ready = async (what: string, path: string, count: number): Promise<void> => {
    const whole = `/apis/apps/v1/namespaces/${namespace}/${path}`
    try {
      await until(
        `${what} to be ready`,
        async () => {
          const { status } = (await kube.do('GET', whole)) as Workload
          return (status?.readyReplicas ?? status?.numberReady) === count ? true : undefined
        },
        { timeoutMs: 180_000, everyMs: 250 }
      )
    } catch (error) {
      throw new Error(`${String(error)}\n${await saidByInstallation(kubectl)}`, { cause: error })
    }
  }
  await makePatient(kube)
  await ready('the central service', 'deployments/secco', 1)
  await ready('every satellite', 'daemonsets/secco-satellite', cluster.nodes.length)
  const token = await administratorToken(cluster)
  const { url, child } = await forwardUi(programs, cluster)
  const nodes = (): Promise<SeenNode[]> => listOf<SeenNode>(url, token, 'nodes')
  await until('every satellite to be connected', async () =>
    (await nodes()).length === cluster.nodes.length ? true : undefined
  )
  return {
    state,
    ui: url,
    token,
    denials: () => listOf<SeenDenial>(url, token, 'denials'),
    nodes,
    logs: () => `see kubectl logs -n ${namespace}`,
    async stop() {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
      await rm(state, { recursive: true, force: true })
    }
  }
}
