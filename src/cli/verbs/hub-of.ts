import type { Command } from 'commander'
import type { HubAccess } from '../hub-api.js'
import { readAddresses } from '../state.js'
import { kubeconfigOf, pathsOf, type VerbContext } from './context.js'

/**
 * The hub that a verb asks, in the name of whoever called: that of the cluster with --kubeconfig, else the
 * one that runs on the state folder.
 */
export async function hubOf(command: Command, context: VerbContext): Promise<HubAccess> {
  const { user, io } = context
  const kubeconfig = kubeconfigOf(command)
  if (kubeconfig !== undefined) {
    const { openClusterHub } = await import('../cluster-hub.js')
    return { ...(await openClusterHub(kubeconfig, io.env['SECCO_TOKEN'])), user }
  }
  const { ui, token } = await readAddresses(pathsOf(command, context))
  return { ui, token, user }
}

/** All of them: each knows what its own satellites see. @throws as hubOf */
export async function hubsOf(command: Command, context: VerbContext): Promise<HubAccess[]> {
  const kubeconfig = kubeconfigOf(command)
  if (kubeconfig === undefined) return [await hubOf(command, context)]
  const { openClusterHubs } = await import('../cluster-hub.js')
  const { user, io } = context
  const hubs = await openClusterHubs(kubeconfig, io.env['SECCO_TOKEN'])
  return hubs.map((hub) => ({ ...hub, user }))
}
