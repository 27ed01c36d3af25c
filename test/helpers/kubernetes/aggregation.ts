import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { names } from '../../../cli/install/names.js'
import { hubApiObjects } from '../../../cli/install/network.js'
import { defaultOptions } from '../../../cli/install/options.js'
import type { Kube } from '../kube.js'
import { until } from '../until.js'
import { makePki, type Pki } from './pki.js'

/** The authorities of an API server that has aggregated APIs: one for people, one for its own front proxy. */
export interface Aggregation {
  people: Pki
  frontProxy: Pki
  /** Further arguments of kube-apiserver. */
  flags: string[]
  /** Those of them that are about its front proxy, for an API server that has an authority of people. */
  frontProxyFlags: string[]
}

/** Common name that the API server's ConfigMap allows. */
export const frontProxyName = 'front-proxy-client'

export async function makeAggregation(folder: string): Promise<Aggregation> {
  const folders = { people: join(folder, 'people'), frontProxy: join(folder, 'front-proxy') }
  for (const one of Object.values(folders)) await mkdir(one, { recursive: true })
  const people = await makePki(folders.people, [])
  const frontProxy = await makePki(folders.frontProxy, [])
  const { cert, key } = await frontProxy.issue('own', { commonName: frontProxyName })
  const frontProxyFlags = [
    `--requestheader-client-ca-file=${frontProxy.caPath}`,
    `--requestheader-allowed-names=${frontProxyName}`,
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    ...[`--proxy-client-cert-file=${cert}`, `--proxy-client-key-file=${key}`]
  ]
  const flags = [`--client-ca-file=${people.caPath}`, ...frontProxyFlags]
  return { people, frontProxy, flags, frontProxyFlags }
}

/** Gives the account of the hub, of the layout ha, the right to know how the API server proves itself. */
export async function allowFrontProxyRules(kube: Kube): Promise<void> {
  const path = '/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/rolebindings'
  const options = { ...defaultOptions, layout: 'ha', image: '', hubApi: true } as const
  const binding = hubApiObjects(options).find(({ kind }) => kind === 'RoleBinding')
  await kube.do('POST', path, binding ?? {})
}

/** Registers the API of a hub that runs on this machine, and waits until the API server passes requests on. */
export async function registerHubApi(kube: Kube, addresses: string): Promise<void> {
  const { api, caBundle } = JSON.parse(await readFile(addresses, 'utf8')) as Record<string, string>
  const port = Number((api ?? '').split(':').at(-1))
  const options = { ...defaultOptions, layout: 'ha', image: '', hubApi: true } as const
  const service = hubApiObjects(options).find(({ kind }) => kind === 'APIService')
  const { spec } = service as { spec: { service: object } }
  await kube.do('POST', '/api/v1/namespaces/secco-system/services', {
    metadata: { name: names.hub },
    spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] }
  })
  await kube.do('POST', '/apis/apiregistration.k8s.io/v1/apiservices', {
    ...service,
    spec: { ...spec, caBundle, service: { ...spec.service, port } }
  })
  await until(
    'the API of the hub',
    async () =>
      (await kube.call('GET', '/apis/hub.secco.dev/v1alpha1')).status === 200 ? true : undefined,
    { timeoutMs: 120_000 }
  )
}
