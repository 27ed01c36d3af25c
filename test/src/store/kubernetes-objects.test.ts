import { KubeConfig } from '@kubernetes/client-node'
import { test } from 'tap'
import { kubernetesObjects } from '../../../src/store/kubernetes-objects.js'

test('a namespace that is no path segment is not sent to the API server', async (t) => {
  const config = new KubeConfig()
  // Nobody listens there: a request would be UNAVAILABLE.
  config.loadFromClusterAndUser(
    { name: 'none', server: 'http://127.0.0.1:1', skipTLSVerify: true },
    { name: 'ann' }
  )
  const { listRaw } = kubernetesObjects(config)
  for (const namespace of ['..', 'shop/secrets', 'shop?limit=1', '']) {
    await t.rejects(listRaw('SeccompProfile', namespace), { code: 'INVALID_NAME' }, namespace)
  }
  await t.rejects(listRaw('SeccompProfile', 'shop'), { code: 'UNAVAILABLE' })
})
