import { test } from 'tap'
import { run } from '../../../../cli/main.js'
import { getRules } from '../../../../cli/profiles/get.js'
import { openDirectoryStore } from '../../../../src/store/directory.js'
import { captureIo } from '../../../helpers/captured-io.js'
import { testRule } from '../../../helpers/rules.js'
import { readPod } from '../../../../webhook/cluster/watch/read-objects.js'
import { profile, startUiRig } from '../rig.js'
import { runningItem } from '../running-item.js'

test('rules: page and verb say where the mode of the profile wins, and name the profile alike', async (t) => {
  const rule = testRule('web', { mode: 'audit', profile: { name: 'checkout.app' } }, 'shop')
  const promoted = { ...profile, spec: { ...profile.spec, ladder: { mode: 'enforce' as const } } }
  const { app, get } = await startUiRig({ objects: [promoted], rules: () => [rule] })
  t.teardown(() => app.close())
  const [row = ''] =
    /<tbody data-live="rules">[^]*?<\/tbody>/.exec((await get('/rules')).body) ?? []
  const text = row.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ')
  t.match(text, /shop\/checkout\.app audit its profile(&#39;|')s mode wins: enforce/)
  const store = await openDirectoryStore(t.testdir())
  t.teardown(() => store.close())
  await store.apply('SeccompProfile', promoted)
  await store.apply('SeccompRule', rule)
  const { io, printed } = captureIo()
  const args = { namespace: undefined, name: undefined, view: {}, now: 0 } as const
  await getRules(io, store, { ...args, output: 'table' } as Parameters<typeof getRules>[2])
  t.match(printed.stdout, /web +audit \(its profile's mode wins: enforce\) +shop\/checkout\.app /)
})

const textIn = (page: string): string =>
  page
    .replace(/^[^]*?<div data-key="answer">/, '')
    .replace(/<h3>Patch[^]*/, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')

test('a test of a running pod is of that pod, and ticks only where every container is covered', async (t) => {
  const containers = [{ name: 'app', image: 'web:1' }, { name: 'side' }]
  const stored = (name: string, labels: object) =>
    readPod({ metadata: { name, namespace: 'shop', labels }, spec: { containers } } as never)
  const pods = [
    stored('web-1', { app: 'web' }),
    stored('one-1', { app: 'one' }),
    stored('bare-1', { app: 'bare' })
  ]
  const rules = [
    testRule('web', { podSelector: { matchLabels: { app: 'web' } }, mode: 'learn' }, 'shop'),
    testRule(
      'one',
      { podSelector: { matchLabels: { app: 'one' } }, containers: ['app'], mode: 'learn' },
      'shop'
    )
  ]
  const { app, get, send } = await startUiRig({
    objects: [profile, ...rules],
    podNamed: (namespace, pod) => pods.find((one) => namespace === 'shop' && one.name === pod),
    inventory: () =>
      ['web-1', 'one-1', 'bare-1', 'gone-1'].map((pod) => runningItem('shop', pod, 'app'))
  })
  t.teardown(() => app.close())
  const tick = /<span class="tag ok">/
  const table: [pod: string, isTicked: boolean, words: RegExp][] = [
    ['web-1', true, / covered shop\/Pod\/web-1 patched, learning All 2 containers are covered/],
    ['one-1', false, / not covered shop\/Pod\/one-1 .*Not covered: 1 of 2 .* covers side/],
    ['bare-1', false, / not covered shop\/Pod\/bare-1 .*No rule matches: the pod gets what it/],
    ['gone-1', false, /its labels, its owner .* are not known here; save .* kubectl get pod gone-1/]
  ]
  for (const [pod, isTicked, words] of table) {
    const key = encodeURIComponent(runningItem('shop', pod, 'app').key)
    const { body } = await get(`/rules?pod=${key}`)
    const answer = /<div data-key="answer">[^]*?<h3>/.exec(body)?.[0] ?? ''
    t.match(textIn(answer), words, pod)
    t.equal(tick.test(answer), isTicked, `${pod}: a tick`)
    const asked = await send('POST', '/api/v1/rules/test', { pod, namespace: 'shop' })
    if (pod === 'gone-1') {
      t.match(asked.json(), { code: 'NOT_FOUND', hint: /kubectl get pod gone-1 -n shop -o yaml/ })
      continue
    }
    const [result] = asked.json<{ items: { coverage: string; summary: string }[] }>().items
    t.equal(result?.coverage === 'covered', isTicked, `${pod}: the API`)
    t.match(textIn(answer), `${String(result?.summary)}.`, `${pod}: page and API`)
    t.match(body.replace(/<[^>]*>/g, ''), `secco check --pod shop/${pod}`)
  }
  for (const body of [{}, { pod: 'web-1', document: 'kind: Pod' }])
    t.match((await send('POST', '/api/v1/rules/test', body)).json(), { code: 'INVALID_ARGUMENT' })
})

test('the form of a rule offers "its own" for learn alone, and says why', async (t) => {
  const { app, get } = await startUiRig({ objects: [profile] })
  t.teardown(() => app.close())
  const table: [what: string, query: string, required: boolean, placeholder: string][] = [
    ['a new rule learns', '', false, 'its own'],
    ['a filled one enforces', '?profile=web&mode=enforce', true, 'name of the profile'],
    ['a filled one audits', '?profile=web&mode=audit', true, 'name of the profile']
  ]
  for (const [what, query, required, placeholder] of table) {
    const { body } = await get(`/rules${query}`)
    const [field = ''] = /<input type="text" name="profile"[^>]*>/.exec(body) ?? []
    t.equal(/ required/.test(field), required, what)
    t.match(field, `placeholder="${placeholder}"`, what)
    t.match(body.replace(/<[^>]*>/g, ''), 'without one a rule learns each container', what)
  }
  for (const mode of ['audit', 'enforce']) {
    const { io, printed } = captureIo()
    const state = ['--state', t.testdir()]
    await run(['rule', 'create', 'web', '-n', 'shop', '--mode', mode, ...state], io)
    t.match(printed.stderr, `spec.profile: is required with mode ${mode}`)
    t.match(printed.stderr, /name a profile: .*without one a rule learns .*people promote/)
  }
})
