import { spawn } from 'node:child_process'
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
import { whyNeverReady } from './never-ready.js'
import { listPods } from './pods.js'
import type { RealCluster } from './real-cluster.js'
import { Interrupted } from './steps.js'
import { listOf, type SeccoAtWork, type SeenDenial, type SeenNode } from './secco-on-host.js'

/** The image that `secco install` names by default. */
export const seccoImageName = `docker.io/library/secco:${version}`

interface Workload {
  status?: { readyReplicas?: number; numberReady?: number }
}

interface InClusterOptions {
  /** Options of `secco install` beside the image; default: `--mode enforce`. */
  install?: readonly string[]
  /** Ends every wait with the signal's reason. */
  signal?: AbortSignal
  /** Called with the name of what is waited for. */
  waitFor?: (what: string) => void
}

export interface Forwarded {
  url: string
  stop(): Promise<void>
}

/** Starts `kubectl port-forward` to the pages of the webhook's pod; gives their address. */
export async function forwardUi(
  programs: NodePrograms,
  cluster: RealCluster,
  signal?: AbortSignal
): Promise<Forwarded> {
  const target = ['-n', namespace, 'deploy/secco', ':9445']
  const child = spawn(
    programs.kubectl,
    ['--kubeconfig', cluster.kubeconfig, 'port-forward', ...target],
    { env: { PATH: process.env['PATH'], HOME: cluster.ground.folder } }
  )
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'close')
  }
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
  }
  try {
    const probe = (): string | undefined => {
      if (child.exitCode !== null) throw new GivenUp(said)
      const port = /127\.0\.0\.1:(\d+)/.exec(said)?.[1]
      return port === undefined ? undefined : `http://127.0.0.1:${port}`
    }
    return { url: await until('the forwarded port', probe, { signal }), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** @throws Error when a node's containerd does not have Secco's image: no pod of Secco could start there. */
async function assertImported(cluster: RealCluster): Promise<void> {
  for (const node of cluster.nodes) {
    const images = (await node.ctr('images', 'list', '--quiet')).split('\n')
    if (images.includes(seccoImageName)) continue
    throw new Error(`${node.name}: containerd does not have the image ${seccoImageName}`)
  }
}

/** Waits until Secco's Deployment and DaemonSet are ready; gives up at once when they never can be. */
export async function untilReady(
  cluster: RealCluster,
  { signal, waitFor = () => undefined }: InClusterOptions = {}
): Promise<void> {
  const workloads = [
    ['the central service', 'deployments/secco', 2],
    ['every satellite', 'daemonsets/secco-satellite', cluster.nodes.length]
  ] as const
  for (const [what, path, count] of workloads) {
    waitFor(`${what} to be ready`)
    await until(
      `${what} to be ready`,
      async () => {
        const why = whyNeverReady(
          await listPods(cluster, namespace, 'app.kubernetes.io/name=secco')
        )
        if (why !== undefined) throw new GivenUp(why)
        const whole = `/apis/apps/v1/namespaces/${namespace}/${path}`
        const { status } = (await cluster.kube.do('GET', whole)) as Workload
        return (status?.readyReplicas ?? status?.numberReady) === count ? true : undefined
      },
      { timeoutMs: 180_000, everyMs: 250, signal }
    )
  }
}

/**
 * Installs Secco as a person does, `secco install … | kubectl apply -f -`, and waits until it is
 * ready. The nodes need its image (`seccoImageName`). Pages and API are those of `kubectl port-forward`.
 * @throws Error with pods, logs and events when Secco does not become ready; nothing of it runs on this machine.
 */
export async function runSeccoInCluster(
  cluster: RealCluster,
  programs: NodePrograms,
  options: InClusterOptions = {}
): Promise<SeccoAtWork> {
  const { signal, waitFor = () => undefined, install = ['--mode', 'enforce'] } = options
  await assertImported(cluster)
  const state = await mkdtemp(join(tmpdir(), 'secco-state-'))
  const kubectl = kubectlOf(programs.kubectl, cluster.kubeconfig)
  let forwarded: Forwarded | undefined
  async function stop(): Promise<void> {
    await forwarded?.stop()
    await rm(state, { recursive: true, force: true })
  }
  try {
    waitFor('the API server to take the installation')
    await applyInstall(kubectl, ['--small', ...install, '--image', seccoImageName])
    await makePatient(cluster.kube)
    await untilReady(cluster, options)
    waitFor('the pages')
    const token = await administratorToken(cluster)
    const { url } = (forwarded = await forwardUi(programs, cluster, signal))
    const nodes = (): Promise<SeenNode[]> => listOf<SeenNode>(url, token, 'nodes')
    waitFor('every satellite to be connected')
    await until(
      'every satellite to be connected',
      async () => ((await nodes()).length === cluster.nodes.length ? true : undefined),
      { signal }
    )
    return {
      state,
      ui: url,
      token,
      denials: () => listOf<SeenDenial>(url, token, 'denials'),
      nodes,
      logs: () => `see kubectl logs -n ${namespace}`,
      stop
    }
  } catch (error) {
    await stop()
    if (signal?.reason instanceof Interrupted) throw signal.reason
    const what = error instanceof Error ? error.message : String(error)
    const said = await saidByInstallation(kubectl)
    throw new Error(`${what}\n${said}`, { cause: error })
  }
}
