import type { Command } from 'commander'
import { toSeccoError } from '../../src/lib/errors.js'
import { namespace } from '../install/names.js'
import type { KubeconfigOptions } from '../lib/open-store.js'
import { readAddresses } from '../lib/state.js'
import { kubeconfigOf, pathsOf, type VerbContext } from './context.js'

async function noteWithoutClusterHub(
  kubeconfig: KubeconfigOptions,
  { io, now }: VerbContext,
  so: string
): Promise<boolean> {
  const [{ hubAbsence }, { loadKubeconfig }, { createApiCall }] = await Promise.all([
    import('../hubs/hub-lease.js'),
    import('../lib/open-store.js'),
    import('../../src/store/kubernetes-call.js')
  ])
  const absence = await hubAbsence(createApiCall(await loadKubeconfig(kubeconfig)), now().getTime())
  if (absence === undefined) return false
  const next = `kubectl -n ${namespace} get pods`
  io.stderr(`note: ${absence}: ${so}\n  next: ${next}\n`)
  return true
}

/**
 * Prints a note when no hub runs on the store: the statuses in its objects are those that the last one wrote, and nothing is
 * rendered. Returns whether none runs.
 * @param so what that means for the answer
 */
export async function noteWithoutHub(
  command: Command,
  context: VerbContext,
  so: string
): Promise<boolean> {
  const kubeconfig = kubeconfigOf(command)
  if (kubeconfig !== undefined) return noteWithoutClusterHub(kubeconfig, context, so)
  try {
    await readAddresses(pathsOf(command, context))
    return false
  } catch (error) {
    const { message, hint } = toSeccoError(error)
    context.io.stderr(`note: ${message}: ${so}\n  next: ${hint}\n`)
    return true
  }
}
