import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { SeccoError } from '../../../src/lib/errors.js'
import type { Ui } from '../model/context.js'
import { loginPage } from '../parts/messages.js'
import type { Identity } from '../../access/rights.js'

declare module 'fastify' {
  interface FastifyRequest {
    identity: Identity | undefined
    /** The session that the identity is of; undefined for a token. */
    sessionId: string | undefined
  }
  interface FastifyContextConfig {
    /** The route needs no session, as assets and the log-in. */
    open?: boolean
    /** The route checks its rights itself. */
    own?: boolean
  }
}

/** Whether a Host header names this machine. Any other name is a DNS rebinding attempt. */
export function isLoopbackHost(host: string | undefined): boolean {
  return host !== undefined && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host)
}

/** Returns the name of the cookie. It has the port, because browsers share cookies between the ports of a host. */
export function cookieName(request: FastifyRequest): string {
  const port = request.socket.localPort ?? 0
  return request.protocol === 'https' ? `__Host-secco-${port}` : `secco-${port}`
}

/** Returns the value of a cookie, or undefined without it. */
export function cookieOf(request: FastifyRequest, name: string): string | undefined {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [key, value] = pair.trim().split('=', 2)
    if (key === name) return value
  }
  return undefined
}

/** Sets the session's cookie: never sent across sites, never readable by scripts; `Secure` where there is TLS. */
export function setCookie(request: FastifyRequest, reply: FastifyReply, id: string): void {
  const end = id === '' ? '; Max-Age=0' : ''
  const secure = request.protocol === 'https' ? '; Secure' : ''
  void reply.header(
    'set-cookie',
    `${cookieName(request)}=${id}; Path=/; HttpOnly; SameSite=Strict${secure}${end}`
  )
}

const isWrite = (request: FastifyRequest) => !['GET', 'HEAD'].includes(request.method)

/** Returns why a write is rejected before its sender is identified. */
function crossSite(request: FastifyRequest, byCookie: boolean): string | undefined {
  const { origin, host } = request.headers
  const site = request.headers['sec-fetch-site']
  if (origin !== undefined && origin !== `${request.protocol}://${host ?? ''}`) {
    return 'the request comes from another origin'
  }
  if (typeof site === 'string' && site !== 'same-origin' && site !== 'none') {
    return 'the request comes from another site'
  }
  if (byCookie && origin === undefined) return 'a request of a browser names its origin'
  return undefined
}

async function identify(ui: Ui, request: FastifyRequest): Promise<Identity | undefined> {
  const sender = ui.senders?.get(request.raw)
  if (sender !== undefined) return sender
  const [, token] = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '') ?? []
  if (token !== undefined) {
    const said = request.headers['x-secco-user']
    return ui.rights.ofToken(token, typeof said === 'string' ? said : undefined, request.ip)
  }
  request.sessionId = cookieOf(request, cookieName(request))
  const isUse = request.headers['x-secco-reload'] === undefined
  return request.sessionId === undefined ? undefined : ui.sessions.find(request.sessionId, isUse)
}

/** Whether the request is for a page rather than for data. */
export function wantsPage(request: FastifyRequest): boolean {
  return !request.url.startsWith('/api/') && request.url !== '/openapi.json'
}

/**
 * Adds the gate. It accepts loopback names only, requires a session or a token for everything but assets and the
 * log-in, and rejects writes from another origin.
 */
export function addGate(app: FastifyInstance, ui: Ui): void {
  app.decorateRequest('identity', undefined)
  app.decorateRequest('sessionId', undefined)
  app.addHook('onRequest', async (request, reply) => {
    void reply.header('cache-control', 'no-store')
    if (!isLoopbackHost(request.headers.host)) {
      throw new SeccoError('FORBIDDEN', 'open this page by its loopback address', {
        hint: 'use http://127.0.0.1:PORT/, or a tunnel to it (ssh -L, kubectl port-forward)'
      })
    }
    if (isWrite(request)) {
      // A cookie that comes along counts, whatever else the request carries: the browser sends it by itself.
      const byCookie =
        ui.senders?.has(request.raw) !== true &&
        (request.headers.authorization === undefined ||
          cookieOf(request, cookieName(request)) !== undefined)
      const wrong = crossSite(request, byCookie)
      if (wrong !== undefined) throw new SeccoError('FORBIDDEN', wrong)
    }
    const { open = false } = request.routeOptions.config
    if (open) return
    request.identity = await identify(ui, request)
    if (request.identity !== undefined) return
    if (wantsPage(request)) {
      const had = cookieOf(request, cookieName(request)) !== undefined
      const why = had
        ? 'Your session is over.'
        : 'These pages are for those who run this installation.'
      await reply.code(401).type('text/html; charset=utf-8').send(loginPage(ui, why))
      return
    }
    throw new SeccoError('UNAUTHENTICATED', 'no session and no token came with the request', {
      hint: 'send authorization: Bearer with the token of the state folder (ui-token), or open a link of `secco ui link`'
    })
  })
}
