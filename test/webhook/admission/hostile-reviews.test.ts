import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { test, type Test } from 'tap'
import { ensureServerLeaf } from '../../../certs/files.js'
import { createLogger } from '../../../src/lib/log.js'
import { createAdmissionServer } from '../../../webhook/server.js'
import {
  create,
  excessiveReviews,
  goJson,
  hostileReviews,
  ordinaryReview
} from '../../helpers/hostile-reviews.js'
import { HostileRig } from '../../helpers/hostile-rig.js'
import { snapshot } from '../../helpers/reviews.js'

/** What the webhook configuration gives the webhook (timeoutSeconds); after it the API server goes on without an answer. */
const timeoutMs = 2000

/** Returns an answer and the fewest milliseconds until it came, of three tries at most: other work may delay one. */
async function timed<T>(ask: () => Promise<T>): Promise<T & { ms: number }> {
  let fewest = Infinity
  for (let tries = 1; ; tries += 1) {
    const began = performance.now()
    const answer = await ask()
    fewest = Math.min(fewest, performance.now() - began)
    if (fewest < timeoutMs || tries === 3) return { ...answer, ms: fewest }
  }
}

async function start(t: Test) {
  const pair = await ensureServerLeaf(join(t.testdir(), 'certs'), ['localhost', '127.0.0.1'])
  const logger = createLogger('webhook', { write: () => undefined })
  const server = createAdmissionServer({ tls: pair, getSnapshot: () => snapshot, logger })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  const agent = new Agent({ keepAlive: true, maxSockets: 50 })
  t.teardown(async () => {
    agent.destroy()
    await server.shutdown()
  })
  return (body: string | Buffer): Promise<{ status: number; patch: unknown; text: string }> =>
    new Promise((resolve, reject) => {
      const bytes = Buffer.from(body)
      const outgoing = request(
        {
          host: '127.0.0.1',
          port,
          ca: pair.ca,
          agent,
          method: 'POST',
          path: '/mutate',
          headers: { 'content-type': 'application/json', 'content-length': bytes.length }
        },
        (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => (text += chunk))
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, patch: patchIn(text), text })
          )
        }
      )
      outgoing.on('error', reject)
      outgoing.end(bytes)
    })
}

function patchIn(text: string): unknown {
  const { response } = JSON.parse(text) as { response?: { patch?: string } }
  const patch = response?.patch
  return patch === undefined ? text : JSON.parse(Buffer.from(patch, 'base64').toString())
}

test('a review gets an answer, whatever its pod contains', async (t) => {
  const send = await start(t)
  const plain = await send(goJson(create({})))
  const annotated = await send(goJson(create({ annotations: { a: 'b' } })))
  const second = await send(goJson(create({}, { initContainers: [{ name: 'b', image: 'c' }] })))
  for (const one of [plain, annotated, second]) t.ok(Array.isArray(one.patch))
  for (const [what, body] of hostileReviews) {
    const { status, patch, ms } = await timed(() => send(body))
    const like = body.includes('"initContainers"')
      ? second
      : body.includes('"annotations"')
        ? annotated
        : plain
    t.equal(status, 200, what)
    t.strictSame(patch, like.patch, `${what}: the patch of an ordinary pod`)
    t.ok(ms < timeoutMs, `${what}: ${(body.length / 2 ** 20).toFixed(1)} MiB in ${ms.toFixed()} ms`)
  }
  for (const [what, body] of excessiveReviews) {
    const { status, text, ms } = await timed(() => send(body))
    t.equal(status, 200, what)
    t.match(JSON.parse(text), { response: { allowed: false, status: { code: 403 } } }, what)
    t.ok(ms < timeoutMs, `${what}: ${ms.toFixed()} ms`)
  }
})

test('no review keeps the event loop from other work', { timeout: 300_000 }, async (t) => {
  const rig = new HostileRig()
  t.teardown(() => rig.stop())
  await rig.start()
  const longest = Math.max(...hostileReviews.map(([, body]) => body.length))
  const ordinary = Math.min(
    await rig.block(ordinaryReview(longest)),
    await rig.block(ordinaryReview(longest))
  )
  for (const [what, body] of [...hostileReviews, ...excessiveReviews]) {
    const block = Math.min(await rig.block(body), await rig.block(body))
    const share = `${block.toFixed(1)} ms at once, ${ordinary.toFixed(1)} ms for an ordinary review`
    t.ok(block < Math.max(20, 3 * ordinary), `${what}: ${share}`)
  }
})
