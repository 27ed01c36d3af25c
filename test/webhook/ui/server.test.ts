import { test } from 'tap'
import { startUiRig } from './rig.js'

test('a request whose header or body does not arrive is cut in seconds', async (t) => {
  const { app } = await startUiRig()
  t.teardown(() => app.close())
  // What is too late is looked for in this interval, which by default is 30 s (documentation of http.createServer).
  const limits = { headersTimeout: 5000, requestTimeout: 10_000, connectionsCheckingInterval: 1000 }
  t.match(app.server, limits)
})

test('an idle connection of an API server is closed by the API server', async (t) => {
  const { app } = await startUiRig()
  t.teardown(() => app.close())
  // A Go client keeps one for 90 s, and does not repeat a change that crosses a close (net/http: Transport.IdleConnTimeout).
  t.ok(app.server.keepAliveTimeout > 90_000, String(app.server.keepAliveTimeout))
})
