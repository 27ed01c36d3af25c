import type { FastifyInstance, FastifyRequest } from 'fastify'
import { TLSSocket } from 'node:tls'
import { SeccoError } from '../../src/errors.js'
import type { Logger } from '../../src/log.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import { type Admission, admit } from './admit.js'
import { createTurns } from './turns.js'
import { decisionLine } from './decision-log.js'
import type { AdmissionMetrics } from './metrics.js'
import { bodyLimit, parseBody } from './parse-body.js'

export interface AdmissionPluginOptions {
  getSnapshot: () => Snapshot
  logger: Logger
  metrics: AdmissionMetrics
  /** Answer only callers whose client certificate the listener could verify. */
  requireClientCertificate: boolean
  /** To be told of every decision, after it was answered. */
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

/** Fastify plugin: `POST /mutate`, an AdmissionReview in and one out. No I/O but the audit line. */
export function admissionPlugin(
  app: FastifyInstance,
  options: AdmissionPluginOptions,
  done: () => void
): void {
  const { getSnapshot, logger, metrics, onDecision } = options
  const turns = createTurns()
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
  app.post<{ Body: Buffer | undefined }>('/mutate', (request, reply) => {
    const start = performance.now()
    if (request.body === undefined) {
      throw new SeccoError('INVALID_REVIEW', 'the body: must be an AdmissionReview object')
    }
    const admission = admit(getSnapshot(), parseBody(request.body), turns)
    const answer = JSON.stringify(admission.response)
    const durationMs = performance.now() - start
    metrics.decided(admission.decision, durationMs / 1000)
    logger.info(decisionLine(admission, durationMs), 'admission decision')
    reply.type('application/json').send(answer)
    onDecision?.(admission)
  })
  done()
}
