import { SeccoError } from '../../../src/lib/errors.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'

/** TrustOptions names the clients: the API server reads the webhook configuration, satellites read a ConfigMap. */
interface TrustOptions {
  call: ApiCall
  namespace: string
  /** Name of the MutatingWebhookConfiguration. */
  configuration: string
  /** Name of the ConfigMap. */
  configMap: string
  /** Name of the APIService, where an installation has one. */
  apiService?: string
}

const fieldManager = 'secco-certificates'
const query = { fieldManager, force: true }
const contentType = 'application/apply-patch+yaml'

interface Configuration {
  webhooks?: { name: string; clientConfig: { caBundle?: string } }[]
}

async function orUndefined<T>(
  asked: Promise<unknown>,
  absent: readonly string[] = ['NOT_FOUND']
): Promise<T | undefined> {
  try {
    return (await asked) as T
  } catch (error) {
    if (error instanceof SeccoError && absent.includes(error.code)) return undefined
    throw error
  }
}

/** Publishes the bundle in the APIService, if the installation has one and gives the right to it. */
async function spreadToApiService({ call, apiService }: TrustOptions, bundle: string) {
  if (apiService === undefined) return
  const path = `/apis/apiregistration.k8s.io/v1/apiservices/${apiService}`
  const absent = ['NOT_FOUND', 'FORBIDDEN']
  const found = await orUndefined<{ spec: { caBundle?: string } }>(call('GET', path), absent)
  const caBundle = Buffer.from(bundle).toString('base64')
  if (found === undefined || found.spec.caBundle === caBundle) return
  const body = {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: apiService },
    spec: { caBundle }
  }
  await call('PATCH', path, { body, query, contentType })
}

/**
 * Publishes the bundle by server-side apply with its own field manager, which owns only the bundle. Does nothing if
 * the bundle is there already.
 * @returns whether the API server has the bundle; true without a webhook configuration.
 */
export async function spreadTrust(options: TrustOptions, bundle: string): Promise<boolean> {
  const { call, namespace, configuration, configMap } = options
  const maps = `/api/v1/namespaces/${namespace}/configmaps`
  const map = await orUndefined<{ data?: Record<string, string> }>(
    call('GET', `${maps}/${configMap}`)
  )
  if (map?.data?.['ca.crt'] !== bundle) {
    const metadata = { name: configMap, namespace, labels: { 'app.kubernetes.io/name': 'secco' } }
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'ca.crt': bundle } }
    await call('PATCH', `${maps}/${configMap}`, { body, query, contentType })
  }
  await spreadToApiService(options, bundle)
  const path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${configuration}`
  const found = await orUndefined<Configuration>(call('GET', path))
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
