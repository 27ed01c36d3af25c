import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { KubeConfig } from '@kubernetes/client-node'

/** What an API server is asked: a TokenReview, a SubjectAccessReview or a SelfSubjectReview. */
export interface AskedReview {
  kind: string
  spec?: {
    token?: string
    audiences?: string[]
    user?: string
    groups?: string[]
    resourceAttributes?: Record<string, string>
  }
}

/** Starts an API server that answers reviews alone, with what `statusOf` returns; returns how it is reached. */
export async function reviewServer(
  teardown: (work: () => Promise<void>) => void,
  statusOf: (review: AskedReview) => object | Promise<object>
): Promise<KubeConfig> {
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => {
      void Promise.resolve(statusOf(JSON.parse(text) as AskedReview)).then((status) => {
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify({ status }))
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  teardown(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  )
  const config = new KubeConfig()
  const { port } = server.address() as AddressInfo
  config.loadFromClusterAndUser(
    { name: 'c', server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
    { name: 'u' }
  )
  return config
}
