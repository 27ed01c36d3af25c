import { test } from 'tap'
import type { Identity, Rights } from '../../../../webhook/access/rights.js'
import { buildSnapshot } from '../../../../src/rules/snapshot.js'
import { testRule } from '../../../helpers/rules.js'
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

test('a pod is checked by the rules that are stored, also by one that was just written', async (t) => {
  const known = testRule('web', { podSelector: { matchLabels: { app: 'web' } }, mode: 'learn' })
  const changed = {
    ...known,
    spec: { ...known.spec, podSelector: { matchLabels: { app: 'api' } } }
  }
  const document =
    'kind: Pod\nmetadata: {name: p, labels: {app: web}}\nspec: {containers: [{name: c}]}\n'
  // [what, the rules that the process knows, those that are stored, the rules that match]
  const table = [
    ['nothing is new', [known], [known], ['secco-system/web']],
    ['it was just made', [], [known], ['secco-system/web']],
    ['it was just changed', [known], [changed], []],
    ['it was just deleted', [known], [], []]
  ] as const
  for (const [what, rules, objects, matchedRules] of table) {
    const rig = await startUiRig({
      objects: [...objects],
      rules: () => [...rules],
      snapshot: () => buildSnapshot({ rules: [...rules] })
    })
    const answer = await rig.send('POST', '/api/v1/rules/test', { document })
    t.match(answer.json(), { items: [{ matchedRules }] }, what)
    await rig.app.close()
  }
})
