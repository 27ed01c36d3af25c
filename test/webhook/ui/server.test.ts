import { test } from 'tap'
import { startUiRig } from './rig.js'

test('a request whose header or body does not arrive is cut in seconds', async (t) => {
  const { app } = await startUiRig()
  t.teardown(() => app.close())
  // What is too late is looked for in this interval, which by default is 30 s (documentation of http.createServer).
  const limits = { headersTimeout: 5000, requestTimeout: 10_000, connectionsCheckingInterval: 1000 }
  t.match(app.server, limits)
})
