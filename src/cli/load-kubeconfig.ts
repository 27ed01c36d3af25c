import { existsSync } from 'node:fs'
import type { KubeConfig } from '@kubernetes/client-node'
import { SeccoError } from '../errors.js'

/** Value of --kubeconfig for a pod's own ServiceAccount. */
export const inCluster = 'in-cluster'

const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * Reads a kubeconfig file, or with `in-cluster` the pod's own ServiceAccount.
 * @throws SeccoError NOT_FOUND, INVALID_DOCUMENT.
 */
export async function loadKubeConfig(kubeconfig: string): Promise<KubeConfig> {
  // Loaded on use: the client takes longer to load than most verbs to run.
  const client = await import('@kubernetes/client-node')
  const config = new client.KubeConfig()
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
