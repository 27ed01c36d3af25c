import type { Command } from 'commander'
import { approvingStore } from '../../src/confinement/approving-store.js'
import type { Store } from '../../src/store/store.js'
import { loadKubeconfig } from '../lib/open-store.js'
import { kubeconfigOf, type VerbContext, withStore } from './context.js'

/**
 * Returns the user that is recorded with a change. In a cluster that is the user that its API server sees, because it
 * checks that approvals name their writer; otherwise it is the user of this machine. @throws SeccoError for the kubeconfig
 */
export async function whoActs(
  kubeconfig: string | undefined,
  context: Pick<VerbContext, 'user'>
): Promise<string> {
  if (kubeconfig === undefined) return context.user
  // Loaded on use: the client takes longer to load than most verbs take to run.
  const { createAccessReviewer } = await import('../../webhook/cluster/access/access-review.js')
  return createAccessReviewer(await loadKubeconfig(kubeconfig)).self()
}

/**
 * Runs a verb that changes objects, with the name of the user. In a cluster every change of what a profile allows
 * carries the approval of that user.
 */
export async function withChanges(
  command: Command,
  context: VerbContext,
  verb: (store: Store, by: string) => Promise<number>
): Promise<void> {
  const kubeconfig = kubeconfigOf(command)
  const by = await whoActs(kubeconfig, context)
  await withStore(command, context, (store) => {
    const writer = () => ({ by, at: context.now().toISOString() })
    return verb(kubeconfig === undefined ? store : approvingStore(store, writer), by)
  })
}
