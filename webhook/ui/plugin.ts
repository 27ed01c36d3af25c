import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { SeccoError } from '../../src/lib/errors.js'
import { version } from '../../src/lib/version.js'
import { type ForeignRoute, routeOf } from './api/foreign.js'
import { routes } from './api/registry.js'
import { addTraceStream } from './api/trace-stream.js'
import { addWrites } from './api/writes.js'
import type { Route, Sees } from './model/route.js'
import { actionOf, detailOf, isDryRun, objectOf } from './parts/action-words.js'
import { actingStore } from './sessions/acting-store.js'
import { addAssets } from './parts/assets.js'
import { addChanges } from './changes.js'
import type { Call, Extension, Ui } from './model/context.js'
import { failureOf, retryOf } from './failures.js'
import { addGate, wantsPage } from './sessions/gate.js'
import { type Chrome, pageDocument } from './parts/layout.js'
import { addLogin } from './sessions/login.js'
import { seenHere } from './seen-here.js'
import { deniedPage, failureView } from './parts/messages.js'
import { needsOf } from './model/workloads.js'
import { pages } from './pages/registry.js'
import type { View } from './parts/page.js'
import type { Identity } from '../access/rights.js'
import { forbidden } from '../access/forbidden.js'
import { mustBeAllowed, placesOf, reachOf } from './sessions/permissions.js'
import { scopeOf } from './model/scope.js'

const contentPolicy = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'"],
    connectSrc: ["'self'"],
    formAction: ["'self'"],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"]
  }
}

/** Limit of writes of one session per minute; a person needs far fewer. */
const mostWrites = 120
/** Limit of questions with a body per minute: a pipeline checks its manifests one by one. */
const mostQuestions = 1200

function strings(value: unknown): Record<string, string> {
  const entries = Object.entries((value ?? {}) as Record<string, unknown>)
  return Object.fromEntries(
    entries.flatMap(([key, each]) => {
      const first: unknown = Array.isArray(each) ? each[0] : each
      return typeof first === 'string' ? [[key, first.slice(0, 16_384)] as const] : []
    })
  )
}

/**
 * Returns the request, limited to what the person may see.
 * @param named namespaces that the request is about; they may be empty
 * @throws SeccoError FORBIDDEN
 */
async function callOf(
  ui: Ui,
  request: FastifyRequest,
  identity: Identity,
  named: readonly string[] = []
): Promise<Call> {
  const { namespace } = strings(request.params)
  const about = namespace === undefined ? named : [...named, namespace]
  const scoped = await scopeOf(ui, identity, about)
  if (scoped === undefined) {
    throw forbidden(identity, { verb: 'list', resource: 'seccompprofiles' }, about[0])
  }
  const all = (request.query ?? {}) as Call['all']
  const { objects, user } = identity
  const store = objects === undefined ? ui.store : actingStore(objects, ui.store, user, ui.now)
  // A page and its menu ask for the denials: one list for both, so that what is computed of it is computed once.
  let list: ReturnType<Ui['sources']['denials']> | undefined
  const denials = () => (list ??= scoped.sources.denials())
  return {
    ui: { ...scoped, store, sources: { ...scoped.sources, denials } },
    identity,
    params: strings(request.params),
    query: strings(all),
    all
  }
}

function mustIdentify(request: FastifyRequest): Identity {
  if (request.identity === undefined) throw new SeccoError('UNAUTHENTICATED', 'no session')
  return request.identity
}

function paramsOf(url: string) {
  const names = [...url.matchAll(/:(\w+)/g)].map(([, name]) => name ?? '')
  const text = Type.String({ minLength: 1, maxLength: 253 })
  return names.length === 0
    ? {}
    : { params: Type.Object(Object.fromEntries(names.map((name) => [name, text]))) }
}

/** Checks what the route needs. Returns which namespaces its answer may be about. @throws SeccoError FORBIDDEN */
async function checkRights(
  { needs, also, wide, namespaced, others, checked }: Route,
  { identity, params, all }: Call,
  places: Parameters<typeof reachOf>[2]
): Promise<Sees> {
  const asked = namespaced === true ? places : []
  if (also !== undefined) await reachOf(identity, also, asked, others?.(all))
  if (wide === true) return reachOf(identity, needs, asked, others?.(all))
  if (checked !== true) await mustBeAllowed(identity, needs, params)
  return () => true
}

/** Rejects members that a route without a body would ignore: who sends one expects that it changes something. */
function mustBeEmpty(body: unknown): void {
  if (body === undefined || body === null) return
  const [field] = typeof body === 'object' ? Object.keys(body) : ['body']
  if (field === undefined) return
  throw new SeccoError('INVALID_ARGUMENT', `${field}: this request takes no body`, {
    field,
    hint: 'send it without one; nothing was changed'
  })
}

function addRoute(app: FastifyInstance, ui: Ui, route: Route): void {
  const { method, url, operationId, summary, query, body, response, needs } = route
  const isWrite = method !== 'GET'
  // A POST that only asks (what would be denied, what a pod would get) is no action.
  const changes = isWrite && !['list', 'get'].includes(needs.verb)
  app.route({
    method,
    url,
    ...(route.bodyLimit === undefined ? {} : { bodyLimit: route.bodyLimit }),
    config: {
      own: true,
      ...(isWrite && {
        rateLimit: {
          max: changes ? mostWrites : mostQuestions,
          timeWindow: 60_000,
          // Everybody comes from the loopback or from the API server: an address would be one counter for all people.
          keyGenerator: ({ identity, ip }: FastifyRequest) => identity?.user ?? ip
        }
      })
    },
    schema: {
      operationId,
      summary,
      description: `On the command line: ${route.cli}`,
      ...paramsOf(url),
      ...(query === undefined ? {} : { querystring: query }),
      ...(body === undefined ? {} : { body }),
      response: { 200: response }
    },
    handler: async (request, reply) => {
      const identity = mustIdentify(request)
      const { body } = request
      if (route.body === undefined) mustBeEmpty(body)
      const places = route.wide === true ? placesOf((request.query ?? {}) as Call['all'], body) : []
      const named = places.map(({ namespace }) => namespace)
      const call = await callOf(ui, request, identity, named)
      const sees = await checkRights(route, call, places)
      const answer = changes
        ? await seenHere(call, needs.resource, body, () => route.handle(call, body, sees))
        : await route.handle(call, body, sees)
      return reply.send(answer)
    },
    ...(changes
      ? {
          onResponse: (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
            ui.audit.note({
              at: new Date(ui.now()).toISOString(),
              user: request.identity?.user ?? 'nobody',
              action: actionOf(operationId, request.body),
              object: objectOf(strings(request.params), request.body),
              detail: detailOf(request.body),
              status: reply.statusCode,
              ...(isDryRun(operationId, request.body) && { dryRun: true })
            })
            done()
          }
        }
      : {})
  })
}

async function sendPage(
  ui: Ui,
  request: FastifyRequest,
  reply: FastifyReply,
  path: string,
  view: View
): Promise<FastifyReply> {
  const chrome: Chrome = {
    pages,
    path,
    needs: needsOf(ui.sources, ui.lines(), ui.now()),
    place: ui.place,
    missing: ui.sources.missing(),
    commandOptions: ui.commandOptions,
    user: mustIdentify(request).user
  }
  return reply
    .code(view.status ?? 200)
    .type('text/html; charset=utf-8')
    .send(pageDocument(chrome, view))
}

/** Returns a plugin with the pages and the API of one installation, behind its gate. */
export function uiPlugin(
  ui: Ui,
  extensions: readonly Extension[],
  foreign: readonly ForeignRoute[] = []
): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    await app.register(helmet, {
      contentSecurityPolicy: contentPolicy,
      // Loopback has no TLS: a browser that remembered this header could not load the pages again.
      strictTransportSecurity: false,
      referrerPolicy: { policy: 'no-referrer' },
      frameguard: { action: 'deny' }
    })
    await app.register(rateLimit, { global: false })
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: { title: 'Secco', version, description: 'What the pages and the command line use.' },
        components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
        security: [{ token: [] }]
      }
    })
    // Only JSON is accepted: a cross-site form cannot send it.
    app.removeContentTypeParser('text/plain')
    // Schemas describe answers; they do not filter them.
    app.setSerializerCompiler(() => (data) => JSON.stringify(data))
    app.setErrorHandler(async (thrown, request, reply) => {
      const { error, status } = failureOf(thrown)
      if (status >= 500) ui.log.error({ err: thrown, url: request.url }, 'request failed')
      if (wantsPage(request) && request.identity !== undefined) {
        const scoped = await scopeOf(ui, request.identity).catch(() => undefined)
        if (scoped === undefined) {
          const page = deniedPage(error)
          return reply.code(status).type('text/html; charset=utf-8').send(page)
        }
        return sendPage(scoped, request, reply, '', failureView(error, status))
      }
      const { code, message, hint } = error
      return reply.headers(retryOf(error)).code(status).send({ code, message, hint })
    })
    app.setNotFoundHandler(() => {
      throw new SeccoError('NOT_FOUND', 'there is no page or endpoint of this address', {
        hint: 'go to /, or see /openapi.json'
      })
    })
    addGate(app, ui)
    // Writes of extensions need at least the right to update profiles.
    app.addHook('preHandler', async (request) => {
      const { own = false, open = false } = request.routeOptions.config
      if (own || open || request.method === 'GET' || request.is404) return
      await mustBeAllowed(mustIdentify(request), { verb: 'update', resource: 'seccompprofiles' })
    })
    addAssets(app)
    addLogin(app, ui)
    addChanges(app, ui)
    addTraceStream(app, ui)
    addWrites(app, ui)
    app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())
    for (const extend of extensions) extend(app, ui)
    for (const route of [...foreign.map(routeOf), ...routes]) {
      if (!app.hasRoute({ method: route.method, url: route.url })) addRoute(app, ui, route)
    }
    for (const page of pages) {
      app.get(page.path, { schema: { hide: true } }, async (request, reply) => {
        const identity = mustIdentify(request)
        const call = await callOf(ui, request, identity)
        await mustBeAllowed(identity, page.needs, call.params)
        return sendPage(call.ui, request, reply, page.path, await page.render(call))
      })
    }
  }
}
