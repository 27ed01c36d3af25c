import Fastify, { type FastifyInstance } from 'fastify'
import type { Logger } from '../../src/lib/log.js'
import type { ForeignRoute } from './api/foreign.js'
import type { Ui, UiSources } from './model/context.js'
import { startWarming } from './model/warm.js'
import { workloadLines, type WorkloadLine } from './model/workloads.js'
import { uiPlugin } from './plugin.js'

/** Lines are worked out once per change, and at most this often. */
const freshMs = 500

function linesOf(sources: UiSources, now: () => number): Pick<Ui, 'lines' | 'wrote'> {
  let known: { at: number; lines: WorkloadLine[] } | undefined
  sources.onChange(() => {
    // What is a moment old may still be shown: a burst of changes costs one sorting, not one each.
    if (known !== undefined && now() - known.at > freshMs) known = undefined
  })
  const lines = () => {
    // Denials come without a change of the objects: nothing is older than this.
    if (known === undefined || now() - known.at > 2 * freshMs)
      known = { at: now(), lines: workloadLines(sources) }
    return known.lines
  }
  // Who did something looks at it next: nothing of before may be shown then.
  return { lines, wrote: () => (known = undefined) }
}

export interface UiServerOptions extends Omit<Ui, 'lines' | 'wrote' | 'log' | 'offers'> {
  logger: Logger
  /** Endpoints that other parts of the hub bring; they are behind the same gate. */
  extensions?: readonly ((app: FastifyInstance) => void)[]
  /** The same with rights, audit and description: one that is given here takes the place of our own of its address. */
  foreign?: readonly ForeignRoute[]
}

/** The server of pages and API; the caller lets it listen, and closes it. */
export async function createUiServer(options: UiServerOptions): Promise<FastifyInstance> {
  const app = Fastify({
    logger: false,
    forceCloseConnections: true,
    bodyLimit: 65_536,
    requestTimeout: 10_000,
    // Unknown members are an error, numbers are numbers: what is accepted is what the schema says.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false } },
    routerOptions: { maxParamLength: 512 }
  })
  const { logger, extensions = [], foreign = [], ...rest } = options
  const ui: Ui = {
    ...rest,
    log: logger,
    ...linesOf(rest.sources, rest.now),
    offers: (method: 'GET' | 'POST', url: string) => app.hasRoute({ method, url })
  }
  const stop = startWarming(ui)
  app.addHook('onClose', async () => {
    stop()
    await Promise.resolve()
  })
  await app.register(uiPlugin(ui, extensions, foreign))
  return app
}
