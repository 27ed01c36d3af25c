import { test } from 'tap'
import { failureText } from '../../../../webhook/ui/browser/api.js'

test('what a page says of a failure are sentences', (t) => {
  Reflect.set(globalThis, 'document', { getElementById: () => null })
  t.teardown(() => Reflect.deleteProperty(globalThis, 'document'))
  // [hint, its sentence]
  const table: [string, string][] = [
    ['see whether it runs: secco doctor', 'See whether it runs: secco doctor'],
    ['secco denials shows them', 'secco denials shows them'],
    ['kubectl get nodes', 'kubectl get nodes'],
    ['`secco ps` lists them', '`secco ps` lists them'],
    ['', '']
  ]
  for (const [hint, sentence] of table)
    t.equal(
      failureText({ code: 'UNAVAILABLE', message: 'the hub does not answer', hint }),
      `the hub does not answer (UNAVAILABLE). ${sentence}`
    )
  t.end()
})
