import { revisionPath } from '../../src/api/names.js'
/**
 * A server to measure, in a process of its own: `floor` is a bare Node https server that drains the
 * body and answers a constant, the others are the webhook with so many rules. Told by IPC.
 */
import { createServer } from 'node:https'
import { openSync } from 'node:fs'
import { pino } from 'pino'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import { createLogger } from '../../src/lib/log.js'
import { buildSnapshot } from '../../src/rules/snapshot.js'
import { createAdmissionServer } from '../../webhook/server.js'

interface Start {
  rules: number
  cert: string
  key: string
  answer: string
}

function rule(name: string, matchLabels: Record<string, string>): SeccompRule {
  return {
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompRule',
    metadata: { namespace: 'secco-system', name },
    spec: {
      podSelector: { matchLabels },
      profile: { name: 'checkout.app', namespace: 'shop' },
      mode: 'enforce'
    }
  }
}

function snapshotWith(count: number) {
  const digest = `sha256:${'ab'.repeat(32)}`
  const rules = [rule('web', { app: 'web' })]
  for (let i = 1; i < count; i++) {
    // As in a cluster of many teams: most rules name their application, all share team and stage.
    rules.push(rule(`other-${i}`, { app: `app-${i}`, team: `team-${i % 200}`, env: 'prod' }))
  }
  return buildSnapshot({
    rules,
    profiles: [
      {
        namespace: 'shop',
        name: 'checkout.app',
        approved: true,
        enforce: { digest, path: revisionPath('shop', 'checkout.app', digest), ready: true }
      }
    ]
  })
}

async function serveWebhook({ rules, cert, key }: Start): Promise<number> {
  const snapshot = snapshotWith(rules)
  // The audit lines are really written, one write per decision, as they are in production.
  const logger = createLogger(
    'webhook',
    pino.destination({ fd: openSync('/dev/null', 'w'), sync: true })
  )
  const server = createAdmissionServer({ tls: { cert, key }, getSnapshot: () => snapshot, logger })
  return (await server.listen({ host: '127.0.0.1', port: 0 })).port
}

async function serveFloor({ cert, key, answer }: Start): Promise<number> {
  const server = createServer({ cert, key, minVersion: 'TLSv1.2' }, (request, response) => {
    request.resume()
    request.on('end', () => {
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(answer)
      })
      response.end(answer)
    })
  })
  server.keepAliveTimeout = 95_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

process.on('message', (message: Start | 'usage') => {
  if (message === 'usage') {
    process.send?.({ cpu: process.cpuUsage() })
    return
  }
  void (message.rules === 0 ? serveFloor(message) : serveWebhook(message)).then((port) =>
    process.send?.({ port })
  )
})
process.on('disconnect', () => process.exit(0))
