import { test } from 'tap'
import { getRules } from '../../../../cli/profiles/get.js'
import { openDirectoryStore } from '../../../../src/store/directory.js'
import { captureIo } from '../../../helpers/captured-io.js'
import { testRule } from '../../../helpers/rules.js'
import { profile, startUiRig } from '../rig.js'

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
