import { t, test } from 'tap'
import { apiVersion } from '../../../../src/api/names.js'
import type { SeccompRule } from '../../../../src/api/seccomp-rule.js'
import { ruleLines } from '../../../../webhook/ui/model/rules.js'
import { startUiRig } from '../rig.js'
import { runningItem } from '../running-item.js'

// Other tests may have the machine at the same time.
t.setTimeout(150_000)

test('rules in their order; what can never win is marked', (t) => {
  const rule = (
    name: string,
    spec: Partial<SeccompRule['spec']>,
    namespace = 'secco-system'
  ): SeccompRule => ({
    ...{ apiVersion, kind: 'SeccompRule', metadata: { namespace, name } },
    spec: { mode: 'learn', ...spec }
  })
  const web = { matchLabels: { app: 'web' } }
  const lines = ruleLines([
    rule('late', { podSelector: web, priority: 0, containers: ['a'] }),
    rule('first', { podSelector: web, priority: 5 }),
    rule('other', { podSelector: { matchLabels: { app: 'db' } } }),
    rule('home', { podSelector: web }, 'shop')
  ])
  t.same(
    lines.map(({ key, shadowedBy }) => [key, shadowedBy]),
    [
      ['secco-system/first', undefined],
      ['secco-system/late', 'first'],
      ['secco-system/other', undefined],
      ['shop/home', undefined]
    ]
  )
  t.end()
})

test('only a pod can be picked for a test: no rule decides about a container outside of pods', async (t) => {
  const plain = { ...runningItem('default', '', 'runc-box'), learned: 'default/runc-box' }
  const pod = runningItem('shop', 'web-1', 'app')
  for (const [items, picker] of [
    [[plain], false],
    [[plain, pod], true]
  ] as const) {
    const { app, get } = await startUiRig({ inventory: () => items })
    t.teardown(() => app.close())
    const { body } = await get('/rules')
    t.equal(body.includes('Pod that runs'), picker)
    t.notMatch(body, /runc-box/)
  }
})
