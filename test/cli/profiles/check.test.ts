import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import {
  decidedByFiles,
  decidedByHub,
  decidedOnRunning,
  printResults,
  runCheck
} from '../../../cli/profiles/check.js'
import { checkObject, readObjects, withUnknown } from '../../../webhook/admission/check-pod.js'
import { hubOf, hubWith } from '../../helpers/hub-answers.js'
import { captureIo } from '../../helpers/captured-io.js'
import { snapshot } from '../../helpers/reviews.js'
import { matchLists } from '../../helpers/match-lists.js'

test('secco check', async (t) => {
  const dir = t.testdir()
  const check = async (text: string, output: 'table' | 'json' | 'yaml' = 'json') => {
    const file = join(dir, 'pod.yaml')
    await writeFile(file, text)
    const out: string[] = []
    const err: string[] = []
    const deps = {
      decide: decidedByFiles(snapshot),
      readFile: (name: string) => readFile(name, 'utf8'),
      stdout: (s: string) => void out.push(s),
      stderr: (s: string) => void err.push(s)
    }
    const code = await runCheck({ file, output }, deps)
    return { code, out: out.join(''), err: err.join('') }
  }
  const pod =
    'apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop, labels: {app: web}}\nspec: {containers: [{name: app}]}\n'
  const result = JSON.parse((await check(pod)).out) as Record<string, unknown>
  matchLists(t, result, {
    object: 'Pod/web',
    namespace: 'shop',
    decision: 'patched',
    matchedRules: ['secco-system/web'],
    warnings: [/enforce/]
  })
  t.match(result['patch'], [{ op: 'add', path: '/spec/securityContext' }])
  t.match(
    (await check(pod, 'table')).out,
    /Pod\/web in namespace shop: patched \(ready\)[\s\S]*app +assigned/
  )
  t.match((await check(pod, 'yaml')).out, /decision: patched/)
  const template = '{metadata: {labels: {app: web}}, spec: {containers: [{name: app}]}}'
  for (const kind of ['Deployment', 'StatefulSet', 'DaemonSet', 'Job']) {
    const text = `apiVersion: x/v1\nkind: ${kind}\nmetadata: {name: web, namespace: shop}\nspec: {template: ${template}}\n`
    t.match(
      JSON.parse((await check(text)).out),
      { object: `${kind}/web`, decision: 'patched' },
      kind
    )
  }
  const cron = [
    'apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: web, namespace: shop}',
    `spec: {jobTemplate: {spec: {template: ${template}}}}\n`
  ].join('\n')
  const both = await check(`${pod}---\n${cron}---\nkind: Service\n`)
  t.equal((JSON.parse(both.out) as unknown[]).length, 2)
  t.match(both.err, /Service: creates no pod/)
  t.equal((await check('kind: Service\n')).code, 1)
  for (const [text, field] of [
    ['kind: Pod\nspec: {containers: 5}\n', 'spec.containers'],
    ['kind: Deployment\nspec: {}\n', 'spec.template'],
    ['metadata: {}\n', 'kind'],
    ['kind: Pod\nspec: {containers: [{}]}\n', 'spec.containers[0].name']
  ] as const) {
    await t.rejects(check(text), {
      code: 'INVALID_DOCUMENT',
      message: new RegExp(field.replaceAll(/[[\].]/g, '\\$&'))
    })
  }
  await t.rejects(check('a: [\n'), { code: 'INVALID_DOCUMENT' })
})

test('the hub is asked for all pods of a file, some at a time', async (t) => {
  const hub = await hubWith(t, 'hub-a', {
    '/api/v1/rules/test': ({ document, namespace }: { document: string; namespace: string }) => ({
      items: readObjects(document, 'pod').map((one) => checkObject(snapshot, one, namespace))
    })
  })
  const names = Array.from({ length: 201 }, (_, nth) => `web-${nth}`)
  const pods = names.map((name) => ({
    ...{ kind: 'Pod', metadata: { name, labels: { app: 'web' } } },
    spec: { containers: [{ name: 'app' }] }
  }))
  const text = [...pods, { kind: 'Service' }].map((one) => JSON.stringify(one)).join('\n---\n')
  const { io, printed } = captureIo()
  const decide = decidedByHub(hubOf([hub]))
  const readFile = () => Promise.resolve(text)
  const args = { file: 'pods.yaml', output: 'json' as const, namespace: 'shop' }
  t.equal(await runCheck(args, { ...io, readFile, decide }), 0)
  t.equal(printed.stderr, 'Service: creates no pod, skipped\n')
  const results = JSON.parse(printed.stdout) as unknown[]
  t.same(results, await decidedByFiles(snapshot)(pods, 'shop'))
  t.equal(results.length, 201)
  t.equal(hub.asked.length, 3)

  // [namespaces of the pods, the namespace that the request names]
  const table: [(string | undefined)[], string][] = [
    [['shop', 'ops'], 'shop'],
    [['ops', undefined], 'default'],
    [['no namespace'], 'default']
  ]
  for (const [namespaces, expected] of table) {
    await decide(
      namespaces.map((namespace) => ({ ...pods[0], metadata: { name: 'web', namespace } })),
      'default'
    )
    t.match(hub.asked.at(-1)?.body, { namespace: expected }, namespaces.join(' '))
  }
})

test('a running pod is asked for by its name, and what is not known of it is printed', async (t) => {
  const known = checkObject(
    snapshot,
    { kind: 'Pod', metadata: { name: 'web-1' }, spec: { containers: [{ name: 'app' }] } },
    'shop'
  )
  if (known === undefined) throw new Error('a pod is decided about')
  const result = withUnknown(known, ['what the author of app stated is not known'])
  const hub = await hubWith(t, 'hub-a', { '/api/v1/rules/test': () => ({ items: [result] }) })
  const { io, printed } = captureIo()
  const ref = { namespace: 'shop', name: 'web-1' }
  printResults([await decidedOnRunning(hubOf([hub]), ref)], 'table', io)
  t.match(hub.asked.at(-1)?.body, { pod: 'web-1', namespace: 'shop' })
  t.match(printed.stdout, /^unknown: What a new pod gets is not certain: what the author of app/m)
  printResults([known], 'json', io)
  t.match(printed.stdout, /"coverage": "not-covered",\n +"summary": "No rule matches: the pod gets/)
})
