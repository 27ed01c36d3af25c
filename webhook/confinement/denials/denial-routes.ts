import type { ServerResponse } from 'node:http'
import { SeccoError } from '../../../src/lib/errors.js'
import { type DenialChoice, sinceOf, wantsDenial } from './denial-choice.js'
import { type DenialView, denialView, denialViews, settledDenialViews } from './denial-views.js'
import { openEventStream } from '../containers/event-stream.js'
import { type ConfinementCall, type ConfinementRoute, textOf } from '../containers/route.js'
import type { Confinement } from '../containers/confinement.js'
import { type NodeCoverage, nodeCoverage } from '../containers/missing-nodes.js'

function choiceOf(query: ConfinementCall['query']): DenialChoice {
  return {
    namespace: textOf(query['namespace']),
    workload: textOf(query['workload']),
    node: textOf(query['node']),
    profile: textOf(query['profile']),
    since: textOf(query['since']),
    muted: textOf(query['muted']) === 'true',
    expected: textOf(query['expected']) === 'true',
    closed: textOf(query['closed']) === 'true'
  }
}

function timeOf(choice: DenialChoice, now: number): number | undefined {
  const since = sinceOf(choice.since, now)
  if (choice.since === undefined || since !== undefined) return since
  throw new SeccoError('INVALID_ARGUMENT', `since ${choice.since}: not a time`, {
    hint: 'write 10m, 2h, 1d, or 2026-11-24T10:00:00Z'
  })
}

/** DenialList is the answer of `GET /api/v1/denials`; an earlier hub does not report all members of the coverage. */
export interface DenialList extends Partial<NodeCoverage> {
  /** RFC 3339. The hub does not know earlier denials. */
  knownSince: string
  /** Closed denials that the answer leaves out; absent: from an earlier hub. */
  closed?: number
  /** Muted denials that the answer leaves out; absent: from an earlier hub. */
  muted?: number
  items: DenialView[]
}

export function denialRoutes(confinement: Confinement): ConfinementRoute[] {
  return [
    {
      ...{ method: 'GET', url: '/api/v1/denials', cli: 'secco denials' },
      needs: { verb: 'list', resource: 'denials' },
      namespaced: true,
      summary: 'Denials by container and syscall, newest last',
      async handle({ query, sees }): Promise<DenialList> {
        const choice = choiceOf(query)
        const since = timeOf(choice, confinement.sources.now())
        const all = { ...choice, closed: true, muted: true }
        const found = (await settledDenialViews(confinement)).filter(
          (view) => sees(view.namespace) && wantsDenial(view, all, since)
        )
        const items = found.filter((view) => wantsDenial(view, choice, since))
        const leftOut = (state: DenialView['state']): number => {
          const isState = (view: DenialView): boolean => view.state === state
          return found.filter(isState).length - items.filter(isState).length
        }
        return {
          knownSince: confinement.sources.hub.denialRows.knownSince(),
          ...{ closed: leftOut('closed'), muted: leftOut('muted'), items },
          ...nodeCoverage(confinement.sources, items, sees)
        }
      }
    }
  ]
}

/** Sends the denials since a time, and then each new one. */
export function streamDenials(
  confinement: Confinement,
  { query, sees }: Pick<ConfinementCall, 'query' | 'sees'>,
  response: ServerResponse,
  headers: Readonly<Record<string, string>>
): void {
  const choice = choiceOf(query)
  const since = timeOf(choice, confinement.sources.now())
  const stream = openEventStream(response, headers)
  const { denialRows } = confinement.sources.hub
  if (since !== undefined) {
    for (const view of denialViews(confinement)) {
      if (sees(view.namespace) && wantsDenial(view, choice, since))
        stream.send('denial', { ...view, added: view.count })
    }
  }
  stream.onClose(
    denialRows.onNews((news) => {
      const view = denialView(confinement, news)
      // It was denied just now: whether its container has ended since decides nothing.
      const wanted = { ...choice, closed: choice.closed === true || news.added > 0 }
      if (sees(view.namespace) && wantsDenial(view, wanted))
        stream.send('denial', { ...view, added: news.added })
    })
  )
}
