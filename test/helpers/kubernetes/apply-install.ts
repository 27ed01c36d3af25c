import { namespace } from '../../../cli/install/names.js'
import type { Kube } from '../kube.js'
import type { Kubectl } from '../kubectl.js'
import { runSecco } from '../secco-command.js'
import { until } from '../until.js'
import { ownProfilesArguments } from './measuring.js'

/** `secco install … | kubectl apply -f -`. Rejects with what either of the two said. */
export async function applyInstall(kubectl: Kubectl, args: readonly string[]): Promise<void> {
  const printed = await runSecco(['install', ...args, ...ownProfilesArguments])
  if (printed.code !== 0) throw new Error(printed.stderr)
  const applied = await kubectl(['apply', '-f', '-'], printed.stdout)
  if (applied.code !== 0) throw new Error(applied.stderr)
}

interface Workload {
  status?: { readyReplicas?: number; numberReady?: number }
}

/** Waits until the programs of a small installation are ready, the satellite on one node. Rejects with what they say. */
export async function untilInstalled(kube: Kube, kubectl: Kubectl): Promise<void> {
  const get = async (path: string) => {
    const { status } = (await kube.do(
      'GET',
      `/apis/apps/v1/namespaces/${namespace}/${path}`
    )) as Workload
    return status
  }
  const patience = { timeoutMs: 180_000, everyMs: 500 }
  try {
    await until(
      'the central service to be ready',
      async () => ((await get('deployments/secco'))?.readyReplicas === 2 ? true : undefined),
      patience
    )
    await until(
      'the satellite to be ready',
      async () => ((await get('daemonsets/secco-satellite'))?.numberReady === 1 ? true : undefined),
      patience
    )
  } catch (error) {
    throw new Error(await saidByInstallation(kubectl), { cause: error })
  }
}

/** Pods, logs and events of an installation, for a test that fails. */
export async function saidByInstallation(kubectl: Kubectl): Promise<string> {
  const select = ['-l', 'app.kubernetes.io/name=secco']
  const all = await Promise.all([
    kubectl(['-n', namespace, 'get', 'pods', '-o', 'wide']),
    kubectl(['-n', namespace, 'logs', ...select, '--tail=40', '--prefix']),
    kubectl(['-n', namespace, 'get', 'events'])
  ])
  return all.map(({ stdout, stderr }) => stdout + stderr).join('\n')
}
