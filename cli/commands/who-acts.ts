import type { Command } from 'commander'
import type { KubeconfigOptions } from '../lib/open-store.js'
import type { Store } from '../../src/store/store.js'
import { kubeconfigOf, type VerbContext, withStore } from './context.js'

/**
 * Returns the user that is recorded with a change. In a cluster that is the user that its API server sees, because it
 * checks that approvals name their writer; otherwise it is the user of this machine. @throws SeccoError for the kubeconfig
 */
export async function whoActs(
  kubeconfig: KubeconfigOptions | undefined,
  context: Pick<VerbContext, 'user'>
): Promise<string> {
  if (kubeconfig === undefined) return context.user
  // Loaded on use: the client takes longer to load than most verbs take to run.
  const { ReviewCalls } = await import('../../webhook/cluster/access/review-calls.js')
  const { loadKubeconfig } = await import('../lib/open-store.js')
  return new ReviewCalls(await loadKubeconfig(kubeconfig)).self()
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
  await withStore(command, context, async (store) => {
    if (kubeconfig === undefined) return verb(store, by)
    const { approvingStore } = await import('../../src/confinement/approving-store.js')
    const writer = () => ({ by, at: context.now().toISOString() })
    return verb(approvingStore(store, writer), by)
  })
}
