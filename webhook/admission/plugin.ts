import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { IncomingMessage } from 'node:http'
import { SeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import type { Admission } from './admit.js'
import { createReviewCache } from './review-cache.js'
import { addressOf, alwaysRead, goneCheck, limitBodies } from './body-budget.js'
import { type FairTurns, reviewCost } from './fair-turns.js'
import { answerWithNews, type SnapshotNews } from './await-news.js'
import { admitNode } from './admit-node.js'
import type { AdmissionMetrics } from './metrics.js'
import type { ClientGuard } from './client-guard.js'
import { bodyLimit } from './parse-body.js'
import { readBody } from './read-body.js'
import { createReviewReader } from './review-reader.js'
import { nodePath } from './webhook-configuration.js'

export interface AdmissionPluginOptions {
  getSnapshot: () => Snapshot
  /** With it, reviews wait for news that this replica may not have yet; without it, nobody waits. */
  news: SnapshotNews | undefined
  logger: Logger
  metrics: AdmissionMetrics
  /** Accepts or rejects callers; without it every caller gets answers. */
  guard: ClientGuard | undefined
  /** The turns that clients take; shared with all that the server answers. */
  turns: FairTurns
  /** Returns whether an active hub is known; without it new nodes stay as they are. */
  isServed: (() => boolean) | undefined
  /** Called after each decision was answered. @param isProven whether the caller is known to be the API server */
  onDecision?: ((admission: Admission, isProven: boolean) => void) | undefined
}

type Body = Buffer<ArrayBuffer> | undefined

/** Length of a text that needs no room, in characters: the 32 reviews that may wait for news have 32 MiB together. */
const longestReleased = 2 ** 20

/** For a server that follows nobody. */
const alone: SnapshotNews = { onSnapshot: () => () => undefined, isFollower: () => false }

/**
 * Registers `POST /mutate` and `POST /mutate-node`, which answer an AdmissionReview of a pod, or of a new node, with
 * another. The audit line of a pod is their only I/O.
 */
export function admissionPlugin(
  app: FastifyInstance,
  options: AdmissionPluginOptions,
  done: () => void
): void {
  const { getSnapshot, isServed, news = alone, logger, metrics, onDecision, guard, turns } = options
  const answers = createReviewCache(logger)
  const reader = createReviewReader()
  const current = answerWithNews(getSnapshot, news)
  app.addHook('onClose', () => reader.close())
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    (_request: FastifyRequest, payload: IncomingMessage) => readBody(payload)
  )
  if (guard !== undefined) {
    app.addHook('onRequest', (request, reply, next) => {
      guard.check(request.raw.socket, reply.raw)
      next()
    })
  }
  // With a guard, whoever comes this far has proved to be an API server.
  const isProven = guard !== undefined
  const take: FairTurns['take'] = (client, cost, isGone) =>
    turns.take(client, cost, isGone, isProven)
  const release = limitBodies(app, bodyLimit, 2 * bodyLimit, { take })
  // A large body waited for its turn before it was read.
  const turnOf = ({ raw, body }: FastifyRequest<{ Body: Body }>) => {
    const bytes = body?.length ?? 0
    if (bytes > alwaysRead) return undefined
    return take(addressOf(raw), reviewCost(bytes), goneCheck(raw))
  }
  app.post<{ Body: Body }>('/mutate', async (request, reply) => {
    const start = performance.now()
    const turn = turnOf(request)
    if (turn !== undefined) await turn
    if (request.body === undefined) {
      throw new SeccoError('INVALID_REVIEW', 'the body: must be an AdmissionReview object')
    }
    const text = reader.read(request.body)
    const read = text instanceof Promise ? await text : text
    // A review may wait for news now, and keeps its text.
    if (read.kept.length <= longestReleased) release(request.raw)
    const caller = isProven ? '' : addressOf(request.raw)
    const answered = current((snapshot) => answers.answer(snapshot, read, caller))
    const made = answered instanceof Promise ? await answered : answered
    const durationMs = performance.now() - start
    metrics.decided(made.admission.decision, durationMs / 1000, made.repeated)
    made.log(made.uid, durationMs, isProven)
    void reply.type('application/json').send(made.answer)
    onDecision?.(made.admission, isProven)
    return reply
  })
  app.post<{ Body: Body }>(nodePath, async (request, reply) => {
    await turnOf(request)
    const answer = admitNode(request.body ?? Buffer.alloc(0), isServed?.() === true)
    return reply.type('application/json').send(JSON.stringify(answer))
  })
  done()
}
