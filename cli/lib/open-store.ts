import { existsSync } from 'node:fs'
import type { KubeConfig } from '@kubernetes/client-node'
import { SeccoError } from '../../src/lib/errors.js'
import { openDirectoryStore } from '../../src/store/directory.js'
import type { KubernetesStoreOptions } from '../../src/store/kubernetes.js'
import type { Store } from '../../src/store/store.js'

/** Value of --kubeconfig for a pod's own ServiceAccount. */
const inCluster = 'in-cluster'

const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * Loads the identity that `--kubeconfig` names.
 * @throws SeccoError NOT_FOUND, INVALID_DOCUMENT.
 */
export async function loadKubeconfig(kubeconfig: string): Promise<KubeConfig> {
  // Loaded on use: the client takes longer to load than most verbs take to run.
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  const where = kubeconfig === inCluster ? accountFolder : kubeconfig
  if (!existsSync(where)) {
    const hint = `give --kubeconfig a file, or ${inCluster} inside a pod`
    throw new SeccoError('NOT_FOUND', `--kubeconfig: ${where} does not exist`, { hint })
  }
  try {
    if (kubeconfig === inCluster) config.loadFromCluster()
    else config.loadFromFile(kubeconfig)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const hint = 'check it with `kubectl --kubeconfig FILE version`'
    throw new SeccoError('INVALID_DOCUMENT', `--kubeconfig: ${where}: ${why}`, { cause, hint })
  }
  if (config.getCurrentCluster() === null) {
    const hint = 'set current-context in it'
    throw new SeccoError('INVALID_DOCUMENT', `--kubeconfig: ${where} names no cluster`, { hint })
  }
  return config
}

/**
 * Opens the objects of a cluster when `kubeconfig` is given (a file, or `in-cluster`), otherwise the folder.
 * @throws SeccoError NOT_FOUND, INVALID_DOCUMENT for the kubeconfig; the errors of the stores.
 */
export async function openStore(
  folder: string,
  kubeconfig: string | undefined,
  options: Omit<KubernetesStoreOptions, 'config'> = {}
): Promise<Store> {
  if (kubeconfig === undefined) return openDirectoryStore(folder)
  const config = await loadKubeconfig(kubeconfig)
  const { openKubernetesStore } = await import('../../src/store/kubernetes.js')
  return openKubernetesStore({ config, ...options })
}
