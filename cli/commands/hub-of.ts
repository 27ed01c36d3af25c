import type { Command } from 'commander'
import { Hub } from '../hubs/hub.js'
import { readAddresses } from '../lib/state.js'
import { kubeconfigOf, pathsOf, type VerbContext } from './context.js'

/**
 * Returns the hub that a verb asks in the name of the user: that of the cluster with --kubeconfig, otherwise the one
 * that runs on the state folder.
 */
export async function hubOf(command: Command, context: VerbContext): Promise<Hub> {
  const { user, io } = context
  const kubeconfig = kubeconfigOf(command)
  const report = (text: string): void => io.stderr(`${text}\n`)
  if (kubeconfig !== undefined) {
    const { openClusterHub } = await import('../hubs/cluster-hub.js')
    return openClusterHub(kubeconfig, io.env['SECCO_TOKEN'], report)
  }
  const { ui, token } = await readAddresses(pathsOf(command, context))
  return new Hub([{ ui, token, user }], { report })
}
