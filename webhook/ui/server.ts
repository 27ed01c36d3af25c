import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { SeccoError } from '../../src/lib/errors.js'
import { idleMs } from '../../src/lib/idle-connections.js'
import type { Logger } from '../../src/lib/log.js'
import type { ForeignRoute } from './api/foreign.js'
import { createDocumentReader } from './documents/document-reader.js'
import type { Extension, Ui } from './model/context.js'
import type { UiSources } from './model/sources.js'
import { startWarming } from './model/warm.js'
import { workloadLines, type WorkloadLine } from './model/workloads.js'
import { uiPlugin } from './plugin.js'
import { OpenStreams } from '../access/open-streams.js'

/** The shortest interval between two computations of the lines, in ms. */
const freshMs = 500

function linesOf(sources: UiSources, now: () => number): Pick<Ui, 'lines' | 'wrote'> {
  let known: { at: number; lines: WorkloadLine[] } | undefined
  sources.onChange(() => {
    // Lines may be a moment old: a burst of changes costs one computation, not one each.
    if (known !== undefined && now() - known.at > freshMs) known = undefined
  })
  const lines = () => {
    // Denials change without a change of objects: lines are never older than this.
    if (known === undefined || now() - known.at > 2 * freshMs)
      known = { at: now(), lines: workloadLines(sources) }
    return known.lines
  }
  // After a write its author looks at the result: older lines must not be shown then.
  return { lines, wrote: () => (known = undefined) }
}

interface UiServerOptions
  extends Omit<Ui, 'documents' | 'lines' | 'wrote' | 'log' | 'offers' | 'streams'> {
  logger: Logger
  /** Endpoints of other parts of the hub, behind the same gate. */
  extensions?: readonly Extension[]
  /** Endpoints of other parts with rights, audit and description. They replace our own ones of the same address. */
  foreign?: readonly ForeignRoute[]
}

/** Answers a request whose address cannot be read. It reaches no route and no gate, so nothing of it is repeated. */
function answerUnreadable(
  error: { statusCode?: number },
  _request: FastifyRequest,
  reply: FastifyReply
): void {
  const { code, message, hint } = new SeccoError(
    'INVALID_ARGUMENT',
    'the address of the request cannot be read',
    { hint: 'go to /, or see /openapi.json' }
  )
  const headers = {
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff'
  }
  void reply
    .code(error.statusCode ?? 400)
    .headers(headers)
    .send({ code, message, hint })
}

/** Makes the server of pages and API. The caller listens and closes. */
export async function createUiServer(options: UiServerOptions): Promise<FastifyInstance> {
  const app = Fastify({
    logger: false,
    forceCloseConnections: true,
    bodyLimit: 65_536,
    requestTimeout: 10_000,
    // An API server passes requests on over connections that it keeps; it sends no change twice.
    keepAliveTimeout: idleMs,
    // By default Node looks for late requests every 30 s.
    http: { headersTimeout: 5000, connectionsCheckingInterval: 1000 },
    // Exactly what the schema describes is accepted: unknown members are an error, and strings are no numbers.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false } },
    routerOptions: { maxParamLength: 512 },
    frameworkErrors: answerUnreadable
  })
  const { logger, extensions = [], foreign = [], ...rest } = options
  const ui: Ui = {
    ...rest,
    documents: createDocumentReader(),
    streams: new OpenStreams(rest.sessions),
    log: logger,
    ...linesOf(rest.sources, rest.now),
    offers: (method: 'GET' | 'POST', url: string) => app.hasRoute({ method, url })
  }
  const stop = startWarming(ui)
  app.addHook('onClose', async () => {
    stop()
    ui.streams.close()
    await ui.documents.close()
  })
  await app.register(uiPlugin(ui, extensions, foreign))
  return app
}
