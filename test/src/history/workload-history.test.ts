import { test } from 'tap'
import { workloadText } from '../../../src/history/workload-history.js'

test('the name of a workload, with its container where it has several', (t) => {
  const deployment = { namespace: 'shop', kind: 'Deployment', name: 'web', container: 'app' }
  t.equal(workloadText(deployment), 'shop/Deployment/web/app')
  const plain = { namespace: 'default', kind: 'Container', name: 'my-web', container: '' }
  t.equal(workloadText(plain), 'default/Container/my-web')
  t.end()
})
