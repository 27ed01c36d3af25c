import { loadKubeconfig } from '../lib/open-store.js'
import type { VerbContext } from './context.js'

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
