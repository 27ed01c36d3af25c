import type { FastifyInstance } from 'fastify'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import type { ProfileState } from '../../src/rules/profile-state.js'
import type { StoreProblem } from '../../src/store/store.js'
import type { Truth } from '../truth/truth.js'
import { truthRoutes } from './api/truth-routes.js'
import type { DenialView } from './denial-rows.js'
import { overviewPage, pageStyle } from './page.js'
import { type NodeView, workloadOf } from './view.js'

/** Where the pages and the API read from. Everything is read-only here. */
export interface UiSources {
  profiles: () => readonly SeccompProfile[]
  rules: () => readonly SeccompRule[]
  nodes: () => readonly NodeView[]
  /** What the admission decision knows of each profile. */
  states: () => readonly ProfileState[]
  denials: () => readonly DenialView[]
  problems: () => readonly StoreProblem[]
  /** What really runs; undefined in tests of the pages alone. */
  truth?: Truth
}

const headers = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store'
}

/** True for a Host header that names this machine itself: any other name is a rebinding attempt. */
export function isLoopbackHost(host: string | undefined): boolean {
  return host !== undefined && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host)
}

/** Routes of the pages and of the JSON API behind them. */
export function uiPlugin(sources: UiSources): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    app.addHook('onRequest', async (request, reply) => {
      reply.headers(headers)
      if (!isLoopbackHost(request.headers.host)) {
        await reply
          .code(403)
          .send({ code: 'FORBIDDEN', message: 'open this page by its loopback address' })
      }
    })
    const workloads = () =>
      sources.profiles().flatMap((profile) => workloadOf(profile, sources.denials()) ?? [])
    app.get('/', (_request, reply) =>
      reply
        .type('text/html; charset=utf-8')
        .send(overviewPage(workloads(), sources.nodes(), sources.denials()))
    )
    app.get('/ui.css', (_request, reply) => reply.type('text/css; charset=utf-8').send(pageStyle))
    const list = (path: string, items: () => readonly unknown[]) =>
      app.get(path, (_request, reply) => reply.send({ items: items() }))
    list('/api/v1/profiles', () => sources.profiles())
    list('/api/v1/rules', () => sources.rules())
    list('/api/v1/workloads', () => workloads())
    list('/api/v1/nodes', () => sources.nodes())
    list('/api/v1/states', () => sources.states())
    if (sources.truth === undefined) list('/api/v1/denials', () => sources.denials())
    list('/api/v1/problems', () => sources.problems())
    if (sources.truth !== undefined) truthRoutes(app, sources.truth, headers)
    await Promise.resolve()
  }
}
