import { test } from 'tap'
import { SeccoError } from '../../../src/lib/errors.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'
import { spreadTrust } from '../../../webhook/cluster/certificates/trust.js'

const bundle = 'PEM'
const encoded = Buffer.from(bundle).toString('base64')
const apiServices = '/apis/apiregistration.k8s.io/v1/apiservices/v1.hub'

/** An API server that has the bundle everywhere but in the APIService, or answers for that with an error. */
function apiServer(apiService: object | 'NOT_FOUND' | 'FORBIDDEN') {
  const patched: [string, unknown][] = []
  const call: ApiCall = (method, path, { body } = {}) => {
    if (method === 'PATCH') patched.push([path, body])
    if (path === apiServices && typeof apiService === 'string') {
      return Promise.reject(new SeccoError(apiService, path))
    }
    if (path === apiServices) return Promise.resolve(apiService)
    if (path.includes('configmaps')) return Promise.resolve({ data: { 'ca.crt': bundle } })
    return Promise.reject(new SeccoError('NOT_FOUND', path))
  }
  return { call, patched }
}

test('the APIService of the hub gets the bundle, where there is one', async (t) => {
  // [what, the APIService, its name, whether it is written]
  const table: [string, Parameters<typeof apiServer>[0], string | undefined, boolean][] = [
    ['without a bundle', { spec: {} }, 'v1.hub', true],
    ['with an older bundle', { spec: { caBundle: 'b2xk' } }, 'v1.hub', true],
    ['with the bundle', { spec: { caBundle: encoded } }, 'v1.hub', false],
    ['there is none', 'NOT_FOUND', 'v1.hub', false],
    ['an installation without --hub-api', 'FORBIDDEN', 'v1.hub', false],
    ['outside an installation', { spec: {} }, undefined, false]
  ]
  for (const [what, found, name, isWritten] of table) {
    const { call, patched } = apiServer(found)
    const options = { call, namespace: 'secco-system', configuration: 'secco', configMap: 'a' }
    const apiService = name === undefined ? {} : { apiService: name }
    t.ok(await spreadTrust({ ...options, ...apiService }, bundle), what)
    t.equal(patched.length, isWritten ? 1 : 0, what)
    if (isWritten) t.match(patched[0], [apiServices, { spec: { caBundle: encoded } }], what)
  }
})
