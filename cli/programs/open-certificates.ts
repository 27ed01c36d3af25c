import type { CertificateSource } from '../../certs/certificate-source.js'
import { SeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import { names } from '../install/names.js'
import { type KubeconfigOptions, loadKubeconfig } from '../lib/open-store.js'

interface CertificateArgs {
  /** NAMESPACE/NAME of a Secret: the authority of a cluster's installation. */
  secret: string | undefined
  /** A folder with tls.crt, tls.key and ca.crt that something else renews. */
  dir: string | undefined
  kubeconfig: KubeconfigOptions | undefined
  serverNames: readonly string[]
  /** Takes part in renewal; otherwise only reads renewed certificates. */
  renews: boolean
  /** For people who look at the Lease. */
  identity: string
  logger: Logger
}

/**
 * Opens the certificates that `--tls-secret` or `--tls-dir` name; undefined: an authority in the state folder.
 * @throws SeccoError INVALID_ARGUMENT, and the errors of the sources.
 */
export async function openCertificates(
  args: CertificateArgs
): Promise<CertificateSource | undefined> {
  const { secret, dir, kubeconfig, logger } = args
  if (secret !== undefined && dir !== undefined) {
    throw new SeccoError('INVALID_ARGUMENT', '--tls-secret and --tls-dir exclude each other')
  }
  if (dir !== undefined) {
    const { mountedCertificates } = await import('../../certs/certificate-source.js')
    return mountedCertificates(dir, logger)
  }
  if (secret === undefined) return undefined
  const [, namespace, name] = /^([a-z0-9-]+)\/([a-z0-9.-]+)$/.exec(secret) ?? []
  if (namespace === undefined || name === undefined) {
    throw new SeccoError('INVALID_ARGUMENT', `--tls-secret ${secret}: not NAMESPACE/NAME`)
  }
  if (kubeconfig === undefined) {
    throw new SeccoError('INVALID_ARGUMENT', '--tls-secret needs --kubeconfig', {
      hint: 'give --kubeconfig FILE, or in-cluster inside a pod'
    })
  }
  const [{ startClusterCertificates }, { Leader }, { createApiCall }] = await Promise.all([
    import('../../webhook/cluster/certificates/certificates.js'),
    import('../../webhook/cluster/replicas/leader.js'),
    import('../../src/store/kubernetes-call.js')
  ])
  const call = createApiCall(await loadKubeconfig(kubeconfig))
  const leader = args.renews
    ? new Leader({ call, namespace, name: names.lease, identity: args.identity, logger })
    : undefined
  return startClusterCertificates({
    ...{ call, namespace, logger },
    secret: name,
    names: args.serverNames,
    configuration: names.configuration,
    configMap: names.authority,
    apiService: names.apiService,
    ...(leader === undefined ? {} : { leader })
  })
}
