import type { ServerResponse } from 'node:http'
import { SeccoError } from '../../../src/lib/errors.js'
import {
  type DenialChoice,
  type DenialView,
  denialView,
  denialViews,
  sinceOf,
  wantsDenial
} from './denial-views.js'
import { openEventStream } from '../containers/event-stream.js'
import { type TruthCall, type TruthRoute, textOf } from '../containers/route.js'
import type { Truth } from '../truth.js'

function choiceOf(query: TruthCall['query']): DenialChoice {
  return {
    namespace: textOf(query['namespace']),
    workload: textOf(query['workload']),
    node: textOf(query['node']),
    profile: textOf(query['profile']),
    since: textOf(query['since']),
    muted: textOf(query['muted']) === 'true',
    expected: textOf(query['expected']) === 'true'
  }
}

function timeOf(choice: DenialChoice, now: number): number | undefined {
  const since = sinceOf(choice.since, now)
  if (choice.since === undefined || since !== undefined) return since
  throw new SeccoError('INVALID_ARGUMENT', `since ${choice.since}: not a time`, {
    hint: 'write 10m, 2h, 1d, or 2026-11-24T10:00:00Z'
  })
}

/** What `GET /api/v1/denials` gives. */
export interface DenialList {
  /** RFC 3339. Denials before that are not known to the hub. */
  knownSince: string
  items: DenialView[]
}

export function denialRoutes(truth: Truth): TruthRoute[] {
  return [
    {
      ...{ method: 'GET', url: '/api/v1/denials', cli: 'secco denials' },
      needs: { verb: 'list', resource: 'denials' },
      summary: 'Refused calls, by who asked what and where, newest last',
      handle({ query }): DenialList {
        const choice = choiceOf(query)
        const since = timeOf(choice, truth.sources.now())
        return {
          knownSince: truth.sources.hub.denialRows.knownSince(),
          items: denialViews(truth).filter((view) => wantsDenial(view, choice, since))
        }
      }
    }
  ]
}

/** Sends what was refused since then, and from now on each as it comes. */
export function streamDenials(
  truth: Truth,
  query: TruthCall['query'],
  response: ServerResponse,
  headers: Readonly<Record<string, string>>
): void {
  const choice = choiceOf(query)
  const since = timeOf(choice, truth.sources.now())
  const stream = openEventStream(response, headers)
  const { denialRows } = truth.sources.hub
  if (since !== undefined) {
    for (const view of denialViews(truth)) {
      if (wantsDenial(view, choice, since)) stream.send('denial', { ...view, added: view.count })
    }
  }
  stream.onClose(
    denialRows.onNews((news) => {
      const view = denialView(truth, news)
      if (wantsDenial(view, choice)) stream.send('denial', { ...view, added: news.added })
    })
  )
}
