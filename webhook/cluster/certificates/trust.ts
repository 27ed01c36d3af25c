import { SeccoError } from '../../../src/lib/errors.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'

/** Who is to trust the authority: the API server by the webhook configuration, satellites by a ConfigMap. */
export interface TrustOptions {
  call: ApiCall
  namespace: string
  /** Name of the MutatingWebhookConfiguration. */
  configuration: string
  /** Name of the ConfigMap. */
  configMap: string
}

const fieldManager = 'secco-certificates'
const query = { fieldManager, force: true }
const contentType = 'application/apply-patch+yaml'

interface Configuration {
  webhooks?: { name: string; clientConfig: { caBundle?: string } }[]
}

async function orNothing<T>(asked: Promise<unknown>): Promise<T | undefined> {
  try {
    return (await asked) as T
  } catch (error) {
    if (error instanceof SeccoError && error.code === 'NOT_FOUND') return undefined
    throw error
  }
}

/**
 * Puts the bundle where it is read, by server-side apply with a field manager of its own: nothing else
 * of these objects is ours. Does nothing where it is so already.
 * @returns whether the API server has the bundle (without a configuration there is nobody to tell).
 */
export async function spreadTrust(options: TrustOptions, bundle: string): Promise<boolean> {
  const { call, namespace, configuration, configMap } = options
  const maps = `/api/v1/namespaces/${namespace}/configmaps`
  const map = await orNothing<{ data?: Record<string, string> }>(
    call('GET', `${maps}/${configMap}`)
  )
  if (map?.data?.['ca.crt'] !== bundle) {
    const metadata = { name: configMap, namespace, labels: { 'app.kubernetes.io/name': 'secco' } }
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'ca.crt': bundle } }
    await call('PATCH', `${maps}/${configMap}`, { body, query, contentType })
  }
  const path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${configuration}`
  const found = await orNothing<Configuration>(call('GET', path))
  if (found === undefined) return true
  const caBundle = Buffer.from(bundle).toString('base64')
  const hooks = found.webhooks ?? []
  if (hooks.every(({ clientConfig }) => clientConfig.caBundle === caBundle)) return true
  const body = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: configuration },
    webhooks: hooks.map(({ name }) => ({ name, clientConfig: { caBundle } }))
  }
  await call('PATCH', path, { body, query, contentType })
  return true
}
