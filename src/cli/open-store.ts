import { openDirectoryStore } from '../store/directory.js'
import type { KubernetesStoreOptions } from '../store/kubernetes.js'
import type { Store } from '../store/store.js'
import { loadKubeConfig } from './load-kubeconfig.js'

export { inCluster } from './load-kubeconfig.js'

/**
 * Opens the objects of a cluster when `kubeconfig` is given (a file, or `in-cluster`), else the folder.
 * @throws SeccoError NOT_FOUND, INVALID_DOCUMENT for the kubeconfig; what the stores throw.
 */
export async function openStore(
  folder: string,
  kubeconfig: string | undefined,
  options: Omit<KubernetesStoreOptions, 'config'> = {}
): Promise<Store> {
  if (kubeconfig === undefined) return openDirectoryStore(folder)
  const config = await loadKubeConfig(kubeconfig)
  const { openKubernetesStore } = await import('../store/kubernetes.js')
  return openKubernetesStore({ config, ...options })
}
