import { namespace, roleLabels } from '../../../cli/install/names.js'
import { saidByInstallation } from './apply-install.js'
import { listPods } from './pods.js'
import type { RealCluster } from './real-cluster.js'
import { untilReady } from './secco-in-cluster.js'

/** Programs whose end people must not notice. */
export type NodeVictim = 'hub' | 'satellite' | 'API server'

/**
 * Ends these programs, and resolves when others of them are ready.
 * @throws Error with pods, logs and events when they do not become ready
 */
export async function restartPrograms(
  cluster: RealCluster,
  victims: readonly NodeVictim[]
): Promise<void> {
  const roles = victims.flatMap((one) => {
    if (one === 'API server') return []
    return one === 'hub' ? roleLabels.hub : roleLabels.satellite
  })
  const pods = await Promise.all(roles.map((role) => listPods(cluster, namespace, `${role}=true`)))
  const ending = pods.flat().map(({ metadata }) => metadata.name)
  if (ending.length > 0) await cluster.kubectl('delete', 'pod', '-n', namespace, '--now', ...ending)
  if (victims.includes('API server')) await cluster.restartApiServer()
  const run = async (args: readonly string[]) => ({
    ...{ code: 0, stderr: '' },
    stdout: await cluster.kubectl(...args).catch(String)
  })
  try {
    await untilReady(cluster)
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error)
    throw new Error(`${what}\n${await saidByInstallation(run)}`, { cause: error })
  }
}
