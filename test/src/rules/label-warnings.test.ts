import { test } from 'tap'
import { decide } from '../../../src/rules/decide.js'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { container, pod } from '../../helpers/decisions.js'

test('a label of Secco without an effect is named in a warning', (t) => {
  const table: [labels: Record<string, string>, warnings: RegExp[]][] = [
    [{ app: 'web', 'example.com/secco.dev': 'x' }, []],
    [{ 'secco.dev/learn': 'false', 'secco.dev/ignore': 'false' }, []],
    [{ 'secco.dev/learn': 'yes' }, [/label secco.dev\/learn has no effect: .*"true" or "false"/]],
    [{ 'secco.dev/ignore': '1' }, [/label secco.dev\/ignore has no effect/]],
    [{ 'secco.dev/profil': 'web' }, [/label secco.dev\/profil has no effect: pods can have /]],
    [
      { 'secco.dev/profile.db': 'web' },
      [/label secco.dev\/profile.db has no effect: the pod has no container db/]
    ],
    [
      Object.fromEntries(Array.from({ length: 40 }, (_, nth) => [`secco.dev/x${nth}`, ''])),
      Array.from({ length: 5 }, () => /has no effect/)
    ]
  ]
  for (const [labels, expected] of table) {
    const snapshot = buildSnapshot({ rules: [], profiles: [] })
    const { warnings } = decide(snapshot, pod({ labels, containers: [container()] }))
    const found = warnings.filter((one) => one.includes('has no effect'))
    t.equal(found.length, expected.length, JSON.stringify(labels).slice(0, 80))
    for (const [at, one] of expected.entries()) t.match(found[at], one)
  }
  t.end()
})
