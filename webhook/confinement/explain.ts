import { assignedOf } from '../../src/confinement/assigned.js'
import { plural } from '../../src/lib/plural.js'
import { revisionPath } from '../../src/rules/profile-state.js'
import { shortRevision } from '../../src/rules/revision-names.js'
import type { Confinement } from './containers/confinement.js'
import { findContainers, notRunning } from './containers/container-names.js'
import type { ContainerView, DecidedContainer } from './containers/container-view.js'
import { restartCommand } from './containers/restart-command.js'
import { type ConfinementCall, type ConfinementRoute, textOf } from './containers/route.js'
import { denialSentence } from './denials/denial-text.js'
import { type DenialView, denialsOfRun } from './denials/denial-views.js'
import { whyEperm } from './denials/why-eperm.js'

/** RevisionNodes counts the nodes that have the file of a revision. */
interface RevisionNodes {
  ready: number
  total: number
  missing: string[]
}

function nodesOf(confinement: Confinement, { profile, revision }: ContainerView): RevisionNodes {
  if (revision === '') return { ready: 0, total: 0, missing: [] }
  const [namespace = '', name = ''] = profile.split('/')
  const path = revisionPath(namespace, name, revision)
  const { ready, total, waiting, failed } = confinement.sources.hub.readiness(path)
  return { ready, total, missing: [...waiting, ...failed.map(({ node }) => node)].sort() }
}

function ruleSentence(decided: DecidedContainer | undefined): string {
  const matched = decided?.decision.matched ?? []
  if (matched.length === 0) return 'No rule matches it: its own configuration decides.'
  const { rule = 'none', outcome = '', reason = '' } = decided?.decision.containers[0] ?? {}
  return `Rules that match: ${matched.join(', ')}; ${rule} decides (${outcome}, ${reason}).`
}

function revisionSentence(view: ContainerView, { ready, total, missing }: RevisionNodes): string {
  const name = shortRevision(view.profile, view.revision)
  const lacking = missing.length === 0 ? '' : `, missing on ${missing.slice(0, 5).join(', ')}`
  return `${name} is on ${ready} of ${plural(total, 'node')}${lacking}.`
}

function staleSentence(view: ContainerView): string {
  const wanted = shortRevision(view.profile, view.wanted)
  return `A new container would get ${wanted}; this one keeps its own until it restarts: ${restartCommand(view)}.`
}

function sentencesOf(
  view: ContainerView,
  decided: DecidedContainer | undefined,
  nodes: RevisionNodes,
  denials: readonly DenialView[]
): string[] {
  const { unprotected } = view
  return [
    `${view.name} (${view.workload}) runs on ${view.node}: ${view.state}; ${view.why}.`,
    ...view.drift.map(({ message, since }) => `Drift: ${message} since ${since}.`),
    ...(unprotected === null ? [] : [`It should be protected: ${unprotected.message}.`]),
    ruleSentence(decided),
    ...(view.revision === '' ? [] : [revisionSentence(view, nodes)]),
    ...(view.stale ? [staleSentence(view)] : []),
    ...denials.map(denialSentence)
  ]
}

/** Returns why a container has its profile: the rules, the decision, the nodes and the denials. */
function explain(confinement: Confinement, view: ContainerView) {
  const decided = confinement.views.decided(view.key)
  const own = decided?.decision.containers[0]
  const denials = denialsOfRun(confinement, view)
  const nodes = nodesOf(confinement, view)
  const pod = view.pod === '' ? view.name : view.pod
  const unexpected = denials.filter(({ expected }) => !expected)
  return {
    container: view,
    matched: decided?.decision.matched ?? [],
    decision: {
      ...{ outcome: own?.outcome ?? '', reason: own?.reason ?? '', rule: own?.rule ?? '' },
      ...{ profile: own?.profile ?? '', mode: own?.mode ?? '', revision: own?.revision ?? '' }
    },
    warnings: decided?.decision.warnings ?? [],
    nodes,
    answer: confinement.answers.find(view.namespace, pod, view.name) ?? null,
    noted: assignedOf(decided?.identity.assigned, view.name) ?? null,
    denials,
    restart: restartCommand(view),
    words: sentencesOf(view, decided, nodes, unexpected)
  }
}

/** One container explained, as in the answer of `GET /api/v1/explain`. */
export type Explained = ReturnType<typeof explain>

export function explainRoutes(confinement: Confinement): ConfinementRoute[] {
  const nameOf = ({ query }: ConfinementCall): [string, string | undefined] => [
    textOf(query['name']) ?? '',
    textOf(query['namespace'])
  ]
  return [
    {
      ...{ method: 'GET', url: '/api/v1/explain', cli: 'secco explain' },
      needs: { verb: 'list', resource: 'containers' },
      namespaced: true,
      summary: 'Why a container has its profile: the rule that decides, and its denials',
      handle(call) {
        const [name, namespace] = nameOf(call)
        const found = findContainers(confinement, name, namespace).filter((view) =>
          call.sees(view.namespace)
        )
        if (found.length === 0) throw notRunning(name, `secco why-eperm ${name}`)
        return { items: found.map((view) => explain(confinement, view)) }
      }
    },
    {
      ...{ method: 'GET', url: '/api/v1/why-eperm', cli: 'secco why-eperm' },
      needs: { verb: 'list', resource: 'denials' },
      namespaced: true,
      summary: 'The denials of a container, and of ended containers of the same name',
      handle: (call) => whyEperm(confinement, ...nameOf(call), call.sees)
    }
  ]
}
