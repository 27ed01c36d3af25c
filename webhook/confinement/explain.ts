import { revisionPath } from '../../src/api/names.js'
import { assignedOf } from '../../src/confinement/assigned.js'
import { type Pin, pinOf, pinText } from '../../src/confinement/pin.js'
import { startRiskNow } from '../../src/seccomp/review/start-risk.js'
import { stateWords } from '../../src/confinement/state.js'
import { quoted } from '../../src/lib/shell-word.js'
import { plural } from '../../src/lib/plural.js'
import { filterSource } from '../../src/seccomp/review/new-pods.js'
import { learnNext } from '../../src/seccomp/review/review.js'
import { shortRevision } from '../../src/rules/revision-names.js'
import { containerOfPod } from '../views/sentence.js'
import type { Confinement } from './containers/confinement.js'
import { findContainers, notRunning } from './containers/container-names.js'
import {
  type ContainerView,
  type DecidedContainer,
  revisionText
} from './containers/container-view.js'
import { findAmongReports } from './containers/found-among-reports.js'
import { unlistedNodes } from './containers/missing-nodes.js'
import {
  createAgain,
  givenProfile,
  restartAfterDeletion,
  restartCommand
} from './containers/restart-command.js'
import { type ConfinementCall, type ConfinementRoute, textOf } from './containers/route.js'
import { denialSentence } from './denials/denial-text.js'
import { earlierDenials } from './denials/earlier-denials.js'
import { type DenialView, denialsOfRun, settledDenialViews } from './denials/denial-views.js'
import { hasRevision } from './denials/has-profile.js'
import { whyEperm } from './denials/why-eperm.js'

/** RevisionNodes counts the nodes that have the file of a revision; none for a profile that Secco ships. */
interface RevisionNodes {
  ready: number
  total: number
  missing: string[]
}

function nodesOf(confinement: Confinement, { profile, revision }: ContainerView): RevisionNodes {
  if (revision === '' || profile === '') return { ready: 0, total: 0, missing: [] }
  const [namespace = '', name = ''] = profile.split('/')
  const path = revisionPath(namespace, name, revision)
  const { ready, total, waiting, failed } = confinement.sources.hub.readiness(path)
  return { ready, total, missing: [...waiting, ...failed.map(({ node }) => node)].sort() }
}

function ruleSentence({ pod }: ContainerView, decided: DecidedContainer | undefined): string {
  const outside =
    'Outside Kubernetes nothing assigns a profile: it has the filter that it was created with.'
  const matched = decided?.decision.matched ?? []
  if (matched.length === 0)
    return pod === '' ? outside : 'No rule matches it: its own configuration decides.'
  const { rule = 'none', outcome = '', reason = '' } = decided?.decision.containers[0] ?? {}
  const matches = `Rules that match: ${matched.join(', ')}; ${rule} decides (${outcome}, ${reason}).`
  return pod === '' ? `${matches} ${outside}` : matches
}

function revisionSentence(view: ContainerView, { ready, total, missing }: RevisionNodes): string {
  const name = revisionText(view)
  const lacking = missing.length === 0 ? '' : `, missing on ${missing.slice(0, 5).join(', ')}`
  return `${name} is on ${ready} of ${plural(total, 'node')}${lacking}.`
}

/** Returns whether the profile of the revision under which a container runs does not exist any more. */
function isOfDeletedProfile(confinement: Confinement, view: ContainerView): boolean {
  const { revision, startedAt } = view
  return [view.profile, ...view.sharedWith].every((key) => {
    const [namespace = '', profile = ''] = key.split('/')
    const times = { firstSeen: startedAt, lastSeen: startedAt }
    return !hasRevision(confinement, { namespace, profile, revision, ...times }, key, startedAt)
  })
}

function deletedSentence(confinement: Confinement, view: ContainerView): string {
  const restart = restartAfterDeletion(
    view,
    view.profile,
    givenProfile(confinement, confinement.profile(view.profile))
  )
  return `The profile ${view.profile} of ${revisionText(view)} was deleted: this container keeps its filter until: ${restart}.`
}

function staleSentence(
  view: ContainerView,
  decided: DecidedContainer | undefined,
  restart: string
): string {
  const own = decided?.decision.containers[0]
  const profile = own?.revision === view.wanted ? (own.profile ?? view.profile) : view.profile
  const wanted = shortRevision(profile, view.wanted)
  return view.pod === ''
    ? `Its profile is at ${wanted} now; this container keeps its own until: ${restart}.`
    : `A new container would get ${wanted}; this one keeps its own until it restarts: ${restart}.`
}

/** Returns why a restart gives no revision where the profile may not be used. */
function widerSentences(decided: DecidedContainer | undefined): string[] {
  const own = decided?.decision.containers[0]
  if (own?.outcome !== 'runtime-default' || own.reason !== 'wider') return []
  const profile = own.profile ?? 'its profile'
  return [
    `A new container gets RuntimeDefault: ${profile} allows more, and its author or another rule states RuntimeDefault.`
  ]
}

function unprotectedSentences(
  { message }: NonNullable<ContainerView['unprotected']>,
  decided: DecidedContainer | undefined,
  restart: string
): string[] {
  const should = `It should be protected: ${message}.`
  // Where rules are only reported, the message has the command that changes that.
  return decided?.decision.decision === 'observed'
    ? [should]
    : [should, `A new container gets it: ${restart}.`]
}

/** Returns the next step for a container without a filter that nothing promises one. Its profile knows what is missing. */
function unconfinedSentences(confinement: Confinement, view: ContainerView): string[] {
  const { state, unprotected, drift, learned, pod, ephemeral, optedOut } = view
  if (state !== 'unconfined' || unprotected !== null || drift.length > 0) return []
  if (ephemeral || optedOut) return []
  if (confinement.profile(learned) !== undefined)
    return [
      `Next: \`secco profile show ${quoted(learned)}\` shows what is known of it, and how it gets a filter.`
    ]
  if (pod !== '') return [`Next: ${learnNext}.`]
  const [namespace = '', name = ''] = learned.split('/')
  return [
    `Next: ${createAgain(view.id)} with ${filterSource({ namespace, name }, { mode: 'learn' })}.`
  ]
}

function revisionSentences(
  confinement: Confinement,
  view: ContainerView,
  nodes: RevisionNodes
): string[] {
  if (view.revision === '' || view.profile === '') return []
  if (isOfDeletedProfile(confinement, view)) return [deletedSentence(confinement, view)]
  return [revisionSentence(view, nodes)]
}

function sentencesOf(
  confinement: Confinement,
  view: ContainerView,
  decided: DecidedContainer | undefined,
  nodes: RevisionNodes,
  more: { denials: readonly DenialView[]; pin: Pin | undefined; restart: string }
): string[] {
  const { unprotected } = view
  const { denials, pin, restart } = more
  return [
    `${containerOfPod(view)} (${view.workload}) runs on ${view.node}: ${stateWords[view.state]}; ${view.why}.`,
    ...view.drift.map(({ message, since }) => `Drift: ${message} since ${since}.`),
    ...(unprotected === null ? [] : unprotectedSentences(unprotected, decided, restart)),
    ruleSentence(view, decided),
    ...widerSentences(decided),
    ...unconfinedSentences(confinement, view),
    ...revisionSentences(confinement, view, nodes),
    ...(view.stale ? [staleSentence(view, decided, restart)] : []),
    ...(pin === undefined ? [] : [`${view.profile} is ${pinText(pin)}.`]),
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
  const noted = assignedOf(decided?.identity.assigned, view.name)
  const profile = confinement.profile(view.profile)
  // Outside Kubernetes the command names the profile: what a rule gives comes before what is learned.
  const given = view.unprotected === null ? undefined : confinement.profile(own?.profile ?? '')
  const restart = restartCommand(
    view,
    givenProfile(confinement, given ?? profile ?? confinement.profile(view.learned))
  )
  const pin = profile && pinOf(profile, () => startRiskNow(confinement, profile))
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
    answer:
      confinement.answers.find({
        ...{ namespace: view.namespace, pod, container: view.name, noted },
        createdAt: confinement.sources.pod(view.podUid)?.createdAt,
        startedAt: view.startedAt
      }) ?? null,
    noted: noted ?? null,
    denials,
    restart,
    words: sentencesOf(confinement, view, decided, nodes, { denials: unexpected, pin, restart })
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
      ...{ method: 'GET', url: '/api/v1/explain', cli: 'secco explain NAME' },
      needs: { verb: 'list', resource: 'containers' },
      namespaced: true,
      summary: 'Why a container has its profile: the rule that decides, and its denials',
      async handle(call) {
        await settledDenialViews(confinement)
        const [name, namespace] = nameOf(call)
        const found = await findAmongReports(confinement.sources.hub, () =>
          findContainers(confinement, name, namespace).filter((view) => call.sees(view.namespace))
        )
        if (found.length === 0) {
          const missingNodes = unlistedNodes(confinement.sources)
          const ended = earlierDenials(confinement, name, namespace)
          const hasDenials = ended.some(({ home }) => call.sees(home))
          throw notRunning(name, { namespace, missingNodes, hasDenials })
        }
        return { items: found.map((view) => explain(confinement, view)) }
      }
    },
    {
      ...{ method: 'GET', url: '/api/v1/why-eperm', cli: 'secco why-eperm NAME' },
      needs: { verb: 'list', resource: 'denials' },
      namespaced: true,
      summary: 'The denials of a container, and of ended containers of the same name',
      async handle(call) {
        await settledDenialViews(confinement)
        const [name, namespace] = nameOf(call)
        // Denials of an ended container of the name are an answer, too.
        await findAmongReports(confinement.sources.hub, () => [
          ...findContainers(confinement, name, namespace),
          ...earlierDenials(confinement, name, namespace)
        ])
        return whyEperm(confinement, name, namespace, call.sees)
      }
    }
  ]
}
