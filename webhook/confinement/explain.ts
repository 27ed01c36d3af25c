import { assignedOf } from '../../src/confinement/assigned.js'
import { plural } from '../../src/lib/plural.js'
import { revisionPath } from '../../src/rules/profile-state.js'
import { shortRevision } from '../../src/rules/revision-names.js'
import type { ContainerView } from './containers/container-views.js'
import { type DenialView, denialsOfRun } from './denials/denial-views.js'
import { denialWords } from './denials/denial-words.js'
import { restartOf } from './ladder/ladder-routes.js'
import { findContainers, notRunning } from './containers/named.js'
import { type TruthCall, type TruthRoute, textOf } from './containers/route.js'
import type { Truth } from './truth.js'
import { whyEperm } from './denials/why-eperm.js'

/** Which nodes have the file of a revision. */
function nodesOf(truth: Truth, profile: string, digest: string) {
  const [namespace = '', name = ''] = profile.split('/')
  const path = revisionPath(namespace, name, digest)
  const { ready, total, waiting, failed } = truth.sources.hub.readiness(path)
  return { ready, total, missing: [...waiting, ...failed.map(({ node }) => node)].sort() }
}

function wordsOf(truth: Truth, view: ContainerView, denials: readonly DenialView[]): string[] {
  const decided = truth.views.decided(view.key)
  const own = decided?.decision.containers[0]
  const words = [
    `${view.name} (${view.workload}) runs on ${view.node}: ${view.state}; ${view.why}.`
  ]
  for (const { message, since } of view.drift) words.push(`Drift: ${message} since ${since}.`)
  if (view.unprotected !== null) words.push(`It should be protected: ${view.unprotected.message}.`)
  const matched = decided?.decision.matched ?? []
  words.push(
    matched.length === 0
      ? 'No rule matches it: what it has comes from its own configuration.'
      : `Rules that match: ${matched.join(', ')}; ${own?.rule ?? 'none'} decides (${own?.outcome ?? ''}, ${own?.reason ?? ''}).`
  )
  if (view.revision !== '') {
    const { ready, total, missing } = nodesOf(truth, view.profile, view.revision)
    const lacking = missing.length === 0 ? '' : `, missing on ${missing.slice(0, 5).join(', ')}`
    words.push(
      `${shortRevision(view.profile, view.revision)} is on ${ready} of ${plural(total, 'node')}${lacking}.`
    )
  }
  if (view.stale) {
    words.push(
      `A new one would get ${shortRevision(view.profile, view.wanted)}; it keeps its own until: ${restartOf(view)}.`
    )
  }
  for (const denial of denials) words.push(denialWords(denial))
  return words
}

export function explain(truth: Truth, view: ContainerView) {
  const decided = truth.views.decided(view.key)
  const own = decided?.decision.containers[0]
  const denials = denialsOfRun(truth, view)
  const answer = truth.answers.find(
    view.namespace,
    view.pod === '' ? view.name : view.pod,
    view.name
  )
  return {
    container: view,
    matched: decided?.decision.matched ?? [],
    decision: {
      ...{ outcome: own?.outcome ?? '', reason: own?.reason ?? '', rule: own?.rule ?? '' },
      ...{ profile: own?.profile ?? '', mode: own?.mode ?? '', revision: own?.revision ?? '' }
    },
    warnings: decided?.decision.warnings ?? [],
    nodes:
      view.revision === ''
        ? { ready: 0, total: 0, missing: [] }
        : nodesOf(truth, view.profile, view.revision),
    answer: answer ?? null,
    noted: assignedOf(decided?.who.assigned, view.name) ?? null,
    denials,
    restart: restartOf(view),
    words: wordsOf(
      truth,
      view,
      denials.filter(({ expected }) => !expected)
    )
  }
}

/** One container explained, as `GET /api/v1/explain` gives it. */
export type Explained = ReturnType<typeof explain>

export function explainRoutes(truth: Truth): TruthRoute[] {
  const nameOf = ({ query }: TruthCall): [string, string | undefined] => [
    textOf(query['name']) ?? '',
    textOf(query['namespace'])
  ]
  return [
    {
      ...{ method: 'GET', url: '/api/v1/explain', cli: 'secco explain' },
      needs: { verb: 'list', resource: 'containers' },
      summary: 'Why a container has what it has, by which rule, and what was refused',
      handle(call) {
        const [name, namespace] = nameOf(call)
        const found = findContainers(truth, name, namespace)
        if (found.length === 0) throw notRunning(name, `secco why-eperm ${name}`)
        return { items: found.map((view) => explain(truth, view)) }
      }
    },
    {
      ...{ method: 'GET', url: '/api/v1/why-eperm', cli: 'secco why-eperm' },
      needs: { verb: 'list', resource: 'denials' },
      summary: 'Which calls were refused: to a container, and to those of the name that ended',
      handle: (call) => whyEperm(truth, ...nameOf(call))
    }
  ]
}
