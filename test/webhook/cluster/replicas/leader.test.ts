import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'tap'
import type { ApiCall } from '../../../../src/store/kubernetes-call.js'
import { Leader } from '../../../../webhook/cluster/replicas/leader.js'
import { collectLog } from '../../hub/rig.js'

test('listeners get the end of a lapse that a late renewal ends', async (t) => {
  const leaseMs = 600
  let lease: object = { metadata: { name: 'secco', namespace: 'a' }, spec: {} }
  let writes = 0
  const call: ApiCall = async (method, _path, { body } = {}) => {
    if (method === 'GET') return lease
    writes += 1
    // The renewal before it is too old by now, this one is not when it is done.
    if (writes === 2) await delay(leaseMs * 0.5)
    lease = body as object
    return lease
  }
  const leader = new Leader({
    ...{ call, namespace: 'a', name: 'secco', identity: 'hub', leaseMs, retryMs: 200 },
    logger: collectLog().logger
  })
  t.teardown(() => leader.close())
  const news: boolean[] = []
  await new Promise<void>((resolve) => {
    leader.onChange((leads) => {
      news.push(leads)
      if (leads && news.includes(false)) resolve()
    })
  })
  t.same(news.slice(0, 3), [true, false, true])
})
