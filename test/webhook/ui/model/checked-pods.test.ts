import { test } from 'tap'
import type { Identity, Rights } from '../../../../webhook/access/rights.js'
import { startUiRig } from '../rig.js'

test('pods are checked in namespaces that a person may see', async (t) => {
  const rights: Rights = {
    kind: 'cluster',
    ofToken: (user) =>
      Promise.resolve<Identity>({
        user,
        can: (verb, resource, namespace) =>
          Promise.resolve(verb === 'list' && resource === 'seccompprofiles' && namespace === 'shop')
      })
  }
  const { app } = await startUiRig({ rights })
  t.teardown(() => app.close())
  const ask = (method: 'GET' | 'POST', url: string, payload: object = {}) =>
    app.inject({
      ...{ method, url, headers: { host: 'localhost', authorization: 'Bearer dora' } },
      ...(method === 'GET' ? {} : { payload })
    })
  const podOf = (metadata: string) =>
    `kind: Pod\nmetadata: {${metadata}}\nspec: {containers: [{name: c}]}\n`
  const check = (metadata: string, namespace?: string) =>
    ask('POST', '/api/v1/rules/test', {
      document: podOf(metadata),
      ...(namespace && { namespace })
    })
  const forbidden = /dora may not list seccompprofiles in namespace (bank|default)/
  for (const [what, metadata, namespace, status] of [
    ['its own', 'namespace: shop', undefined, 200],
    ['another one', 'namespace: bank', undefined, 403],
    ['another one for the document', 'name: p', 'bank', 403],
    ['none', 'name: p', undefined, 403],
    ['its own for the document', 'name: p', 'shop', 200]
  ] as const) {
    const answer = await check(metadata, namespace)
    t.equal(answer.statusCode, status, `${what}: ${answer.body}`)
    if (status === 403) t.match(answer.json(), { code: 'FORBIDDEN', message: forbidden }, what)
    const page = `/rules?document=${encodeURIComponent(podOf(metadata))}`
    if (namespace !== undefined) continue
    const { body } = await ask('GET', page)
    t.equal(forbidden.test(body), status === 403, `${what}: on the page`)
  }
})
