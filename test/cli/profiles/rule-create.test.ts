import { test } from 'tap'
import { createRule } from '../../../cli/profiles/rule-create.js'
import { openDirectoryStore } from '../../../src/store/directory.js'
import { captureIo } from '../../helpers/captured-io.js'

type Args = Parameters<typeof createRule>[2]

const args = (change: Partial<Args> = {}): Args => ({
  ...{ name: 'web', namespace: 'shop', profile: 'web.app', mode: 'enforce', labels: 'app=web' },
  ...{ containers: undefined, whenNotReady: undefined, dryRun: false, output: 'table' },
  ...change
})

test('a rule is made from options', async (t) => {
  const store = await openDirectoryStore(t.testdir({}))
  t.teardown(() => store.close())
  const matchLabels = { app: 'web', tier: 'front' }
  for (const [name, change, spec] of [
    ['one', {}, { podSelector: { matchLabels: { app: 'web' } }, profile: { name: 'web.app' } }],
    ['labels', { labels: 'app=web, tier=front' }, { podSelector: { matchLabels } }],
    ['learn', { labels: undefined, profile: undefined, mode: 'learn' }, { mode: 'learn' }],
    [
      'root',
      { namespace: 'secco-system', profile: 'shop/web.app', containers: 'app,web-*' },
      { profile: { namespace: 'shop', name: 'web.app' }, containers: ['app', 'web-*'] }
    ],
    ['deny', { whenNotReady: 'Deny' }, { whenNotReady: 'Deny' }]
  ] as const) {
    const { io, printed } = captureIo()
    t.equal(await createRule(io, store, args({ name, ...change })), 0)
    const { namespace = 'shop' } = change as Partial<Args>
    const rule = await store.get('SeccompRule', { namespace, name })
    t.match(rule?.spec, spec, name)
    t.equal(printed.stdout, `seccomprule.secco.dev/${name} created in ${namespace}\n`)
  }
})

test('a rule that is wrong, exists or is only tried changes nothing', async (t) => {
  const store = await openDirectoryStore(t.testdir({}))
  t.teardown(() => store.close())
  const { io, printed } = captureIo()
  await createRule(io, store, args({ dryRun: true }))
  t.same(await store.list('SeccompRule'), [])
  t.equal(printed.stdout, 'seccomprule.secco.dev/web would be created in shop (dry run)\n')
  await createRule(io, store, args())
  for (const [change, code, message] of [
    [{}, 'CONFLICT', /rule shop\/web exists already/],
    [{ name: 'b', labels: 'app' }, 'INVALID_ARGUMENT', /--labels app: "app" is no label KEY=VALUE/],
    [{ name: 'b', labels: 'app=a b' }, 'INVALID_ARGUMENT', /"app=a b" is no label/],
    [{ name: 'b', profile: undefined }, 'INVALID_DOCUMENT', /spec.profile: is required/],
    [{ name: 'B' }, 'INVALID_NAME', /metadata.name/],
    [{ name: 'b', profile: '../x' }, 'INVALID_NAME', /spec.profile/]
  ] as const)
    await t.rejects(createRule(io, store, args(change)), { code, message })
  t.equal((await store.list('SeccompRule')).length, 1)
})
