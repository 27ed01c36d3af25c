import { test } from 'tap'
import { SeccoError } from '../../../../src/lib/errors.js'
import type { ReviewToken } from '../../../../webhook/hub/stream/identity.js'
import { until } from '../../../helpers/until.js'
import { createRig } from '../rig.js'

test('a stream ends with its token, whether or not the API server can be asked', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  let isAway = false
  let expiresAtMs = Date.now() + 3_600_000
  const reviewToken: ReviewToken = () => {
    if (isAway) return Promise.reject(new SeccoError('UNAVAILABLE', 'no API server'))
    return Promise.resolve({ node: 'node-a', by: 'token', expiresAtMs })
  }
  const hub = await rig.hub({ reviewToken, timing: { heartbeatMs: 1000, reviewMs: 50 } })
  const uplink = await rig.uplink(hub.address.port, 'node-a', {
    ...{ tls: { ca: rig.serverTls.ca }, token: 'a.b.c' },
    timing: { heartbeatMs: 1000 }
  })
  const bound = { timeoutMs: 20_000 }
  const isConnected = () => hub.node('node-a')?.connected === true
  await until('the satellite', () => isConnected() || undefined, bound)
  const rejected = () => hub.rejected()['token-expired']
  isAway = true
  await new Promise((wake) => setTimeout(wake, 1000))
  t.ok(isConnected(), 'a lapse of the API server ends no stream')
  t.equal(rejected(), 0)
  isAway = false
  expiresAtMs = Date.now() + 300
  await until('the end of the token', () => rejected() > 0 || undefined, bound)
  t.match(await rig.log.seen(/the token has expired and no newer token came/), { level: 'warn' })
  expiresAtMs = Date.now() + 3_600_000
  uplink.setToken('d.e.f')
  await until('the stream with a newer token', () => isConnected() || undefined, bound)
})
