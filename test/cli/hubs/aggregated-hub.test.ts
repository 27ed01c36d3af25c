import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { KubeConfig } from '@kubernetes/client-node'
import { type Test, test } from 'tap'
import { openAggregatedHub } from '../../../cli/hubs/aggregated-hub.js'

/** A kubeconfig of a server that answers everything with this status; 0: nothing listens there any more. */
async function answering(t: Test, status: number): Promise<KubeConfig> {
  const server = createServer((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(status === 200 ? '{}' : '{"kind":"Status","message":"said by the server"}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = () => new Promise((resolve) => server.close(resolve))
  if (status === 0) await close()
  else t.teardown(close)
  const config = new KubeConfig()
  config.loadFromClusterAndUser(
    { name: 'c', server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
    { name: 'u' }
  )
  return config
}

test('an outage is no missing right: what the API server answers decides how the hub is opened', async (t) => {
  const readyz = 'see whether the API server answers: kubectl get --raw /readyz'
  const apiservice = /^see why: kubectl get apiservice \S+\.secco\.dev$/
  // [status of the API server, result with a token, result without one]
  type Result = 'opened' | undefined | { code: string; hint?: string | RegExp }
  const table: [number, Result, Result][] = [
    [200, 'opened', 'opened'],
    [404, undefined, undefined],
    [403, undefined, undefined],
    [503, undefined, { code: 'UNAVAILABLE', hint: apiservice }],
    [401, { code: 'UNAUTHENTICATED' }, { code: 'UNAUTHENTICATED' }],
    [0, { code: 'UNAVAILABLE', hint: readyz }, { code: 'UNAVAILABLE', hint: readyz }]
  ]
  for (const [status, withToken, without] of table) {
    const config = await answering(t, status)
    for (const [token, expected] of [
      ['token', withToken],
      [undefined, without]
    ] as const) {
      const what = `${status}, ${token ?? 'no token'}`
      const opened = openAggregatedHub(config, token)
      if (typeof expected === 'object') await t.rejects(opened, expected, what)
      else t.equal((await opened) === undefined ? undefined : 'opened', expected, what)
    }
  }
})
