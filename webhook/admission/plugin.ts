import type { FastifyInstance, FastifyRequest } from 'fastify'
import { TLSSocket } from 'node:tls'
import { SeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import type { Admission } from './admit.js'
import { createReviewCache } from './review-cache.js'
import { limitBodies } from './body-budget.js'
import type { AdmissionMetrics } from './metrics.js'
import { bodyLimit, bodyText } from './parse-body.js'

export interface AdmissionPluginOptions {
  getSnapshot: () => Snapshot
  logger: Logger
  metrics: AdmissionMetrics
  /** Answer only callers whose client certificate the listener could verify. */
  requireClientCertificate: boolean
  /** Called after each decision was answered. */
  onDecision?: ((admission: Admission) => void) | undefined
}

function checkClient(request: FastifyRequest): void {
  const { socket } = request.raw
  if (!(socket instanceof TLSSocket) || !socket.authorized) {
    throw new SeccoError('UNAUTHENTICATED', 'reviews need a client certificate', {
      hint: "give the API server one with --admission-control-config-file, signed by the webhook's client authority"
    })
  }
}

/** Registers `POST /mutate`, which answers an AdmissionReview with another. The audit line is its only I/O. */
export function admissionPlugin(
  app: FastifyInstance,
  options: AdmissionPluginOptions,
  done: () => void
): void {
  const { getSnapshot, logger, metrics, onDecision } = options
  const answers = createReviewCache(logger)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>(
    'application/json',
    { parseAs: 'buffer', bodyLimit },
    (_request, body, parsed) => parsed(null, body)
  )
  if (options.requireClientCertificate) {
    app.addHook('onRequest', (request, _reply, next) => {
      checkClient(request)
      next()
    })
  }
  limitBodies(app, bodyLimit, 2 * bodyLimit)
  app.post<{ Body: Buffer | undefined }>('/mutate', (request, reply) => {
    const start = performance.now()
    if (request.body === undefined) {
      throw new SeccoError('INVALID_REVIEW', 'the body: must be an AdmissionReview object')
    }
    const made = answers.answer(getSnapshot(), bodyText(request.body))
    const durationMs = performance.now() - start
    metrics.decided(made.admission.decision, durationMs / 1000, made.repeated)
    made.log(made.uid, durationMs)
    reply.type('application/json').send(made.answer)
    onDecision?.(made.admission)
  })
  done()
}
