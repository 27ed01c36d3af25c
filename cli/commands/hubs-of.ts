import type { Command } from 'commander'
import type { HubAccess } from '../hubs/hub-api.js'
import type { Hubs } from '../hubs/hubs.js'
import { readAddresses } from '../lib/state.js'
import { kubeconfigOf, pathsOf, type VerbContext } from './context.js'

/**
 * Returns the hubs that a verb asks in the name of the user: every hub of the cluster with --kubeconfig, otherwise
 * the hub that runs on the state folder.
 */
export async function hubsOf(command: Command, context: VerbContext): Promise<Hubs> {
  const { user, io } = context
  const kubeconfig = kubeconfigOf(command)
  if (kubeconfig !== undefined) {
    const { openClusterHubs } = await import('../hubs/cluster-hub.js')
    return openClusterHubs(kubeconfig, io.env['SECCO_TOKEN'])
  }
  const { ui, token } = await readAddresses(pathsOf(command, context))
  const here: HubAccess = { ui, token, user }
  return { all: [here], missing: [] }
}
