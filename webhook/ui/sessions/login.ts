import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { SeccoError } from '../../../src/lib/errors.js'
import { plural } from '../../../src/lib/plural.js'
import type { Ui } from '../model/context.js'
import { cookieName, cookieOf, setCookie } from './gate.js'
import { loginPage, welcomePage } from '../parts/messages.js'
import { localIdentity, userName } from '../../access/rights.js'

/** Notes who made a link and for which role, never the link itself. */
export function noteLink(
  { audit, now }: Pick<Ui, 'audit' | 'now'>,
  user: string,
  detail: string,
  status = 200
): void {
  const at = new Date(now()).toISOString()
  audit.note({ at, user, action: 'makeLink', object: '', detail, status })
}

function noteSession({ audit, now }: Ui, user: string, detail: string): void {
  const at = new Date(now()).toISOString()
  audit.note({ at, user, action: 'openSession', object: '', detail, status: 200 })
}

/**
 * Names the client of a log-in by what it presents. All people come from the loopback here, so a limit by address would
 * be one counter for everybody: whoever used it up would keep the others out.
 */
function clientOf({ params, body, identity, ip }: FastifyRequest): string {
  const { code } = (params ?? {}) as { code?: unknown }
  const { token } = (body ?? {}) as { token?: unknown }
  const shown = typeof code === 'string' ? code : token
  const secret = typeof shown === 'string' ? createHash('sha256').update(shown).digest('hex') : ''
  return `${ip} ${identity?.user ?? ''} ${secret}`
}

const few = {
  own: true,
  rateLimit: {
    max: 20,
    timeWindow: 60_000,
    hook: 'preHandler' as const,
    keyGenerator: clientOf
  }
}
const html = 'text/html; charset=utf-8'
const openPage = { open: true, own: true }
const code = Type.String({ minLength: 43, maxLength: 43, pattern: '^[\\w-]+$' })

const linkRoute = {
  config: { open: true, ...few },
  schema: { hide: true, params: Type.Object({ code }) },
  // A program that only looks must not use the link up.
  exposeHeadRoute: false
}

/** Adds the end of all sessions. It needs a right that no role for people has: an administrator's. */
function addLogoutOfAll(app: FastifyInstance, ui: Ui): void {
  app.post(
    '/api/v1/logout',
    {
      config: few,
      schema: {
        operationId: 'closeSessions',
        summary: 'Ends the sessions of all browsers, and the links that nobody used yet',
        description: 'On the command line: secco ui logout',
        response: { 200: Type.Object({ closed: Type.Integer({ minimum: 0 }) }) }
      }
    },
    async ({ identity }, reply) => {
      const at = new Date(ui.now()).toISOString()
      const entry = { at, user: identity?.user ?? 'nobody', action: 'closeSessions', object: '' }
      if (identity === undefined || !(await identity.can('delete', 'links'))) {
        ui.audit.note({ ...entry, detail: '', status: 403 })
        throw new SeccoError('FORBIDDEN', 'all sessions are ended by administrators')
      }
      const closed = ui.sessions.closeAll()
      ui.audit.note({ ...entry, detail: `${plural(closed, 'session')} ended`, status: 200 })
      return reply.send({ closed })
    }
  )
}

/** Adds the log-in by one-time link or by a token of the cluster, and the log-out. */
export function addLogin(app: FastifyInstance, ui: Ui): void {
  addLogoutOfAll(app, ui)
  app.get('/login', { config: openPage, schema: { hide: true } }, (_request, reply) =>
    reply.type(html).send(loginPage(ui, 'Who are you?'))
  )
  app.get<{ Params: { code: string } }>('/login/:code', linkRoute, (request, reply) => {
    const found = ui.sessions.redeem(request.params.code)
    void reply.type(html)
    if (found === undefined) {
      const why = 'This link was used already, or is too old: each opens one session, once.'
      return reply.code(401).send(loginPage(ui, why))
    }
    setCookie(request, reply, found.id)
    noteSession(ui, found.identity.user, 'by a one-time link')
    return reply.send(welcomePage())
  })
  app.post<{ Body: { token: string } }>(
    '/api/v1/session',
    {
      config: { open: true, ...few },
      schema: {
        operationId: 'openSession',
        summary: 'Opens a session for the holder of a token',
        body: Type.Object({ token: Type.String({ minLength: 1, maxLength: 16_384 }) })
      }
    },
    async (request, reply) => {
      const identity = await ui.rights.ofToken(request.body.token, undefined, request.ip)
      if (identity === undefined)
        throw new SeccoError('UNAUTHENTICATED', 'this token is not known here', {
          hint: 'use one that is valid for this cluster now'
        })
      setCookie(request, reply, ui.sessions.open(identity))
      noteSession(ui, identity.user, 'by a token')
      return reply.send({ user: identity.user })
    }
  )
  app.delete(
    '/api/v1/session',
    { config: { own: true }, schema: { operationId: 'closeSession', summary: 'Ends the session' } },
    (request, reply) => {
      const id = cookieOf(request, cookieName(request))
      if (id !== undefined) ui.sessions.close(id)
      setCookie(request, reply, '')
      return reply.send({})
    }
  )
  app.post<{ Body: { role?: 'admin' | 'viewer' } }>(
    '/api/v1/links',
    {
      config: few,
      schema: {
        operationId: 'makeLink',
        summary: 'Makes a one-time link that opens one session',
        description: 'On the command line: secco ui link',
        body: Type.Object({ role: Type.Optional(Type.Enum(['admin', 'viewer'])) })
      }
    },
    async (request, reply) => {
      const { identity } = request
      const role = request.body.role ?? 'admin'
      if (
        ui.rights.kind !== 'local' ||
        identity === undefined ||
        !(await identity.can('create', 'links'))
      ) {
        noteLink(ui, identity?.user ?? 'nobody', `for ${role}s`, 403)
        throw new SeccoError('FORBIDDEN', 'links are made by administrators of this machine')
      }
      const made = ui.sessions.link(localIdentity(userName(identity.user), role))
      noteLink(ui, identity.user, `for ${role}s`)
      return reply.send({ path: `/login/${made}` })
    }
  )
}
