import type { Command } from 'commander'
import { approvingStore } from '../../src/confinement/approving-store.js'
import type { Store } from '../../src/store/store.js'
import { loadKubeconfig } from '../lib/open-store.js'
import { kubeconfigOf, type VerbContext, withStore } from './context.js'

/**
 * Who is recorded with what is changed: in a cluster who we are for its API server, which checks that approvals are
 * by who writes them; else the user of this machine. @throws SeccoError for the kubeconfig
 */
export async function whoActs(
  kubeconfig: string | undefined,
  context: Pick<VerbContext, 'user'>
): Promise<string> {
  if (kubeconfig === undefined) return context.user
  // Loaded on use: the client takes longer to load than most verbs to run.
  const { createAccessReviewer } = await import('../../webhook/cluster/access/access-review.js')
  return createAccessReviewer(await loadKubeconfig(kubeconfig)).self()
}

/**
 * Runs a verb that changes objects, with the name of who acts. In a cluster whatever it changes of what a profile allows
 * carries the approval of that person.
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
