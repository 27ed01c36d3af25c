import { labels } from '../api/names.js'
import type { ContainerDecision, Decision, PodDecisionKind, PodReason } from './decision.js'
import { allowIgnoreLabel } from '../api/opt-out.js'
import { containerWarning, denialMessage, looseningWarnings } from './explain.js'
import type { ContainerFacts, ExistingProfile, PodFacts } from './facts.js'
import { maxContainers, maxLabels } from './limits.js'
import { labelWarnings } from './label-warnings.js'
import { isObserved, observedOnly } from './observe.js'
import { createReach, type Reach } from './reach.js'
import type { Resolution } from './resolve.js'
import type { Labels } from './selector.js'
import { namespaceLabels, type Snapshot } from './snapshot.js'
import { isOurs, isStrange } from './secco-path.js'
import { resolveLayers, type Tightened } from './tighten.js'
import { type Wish, type Wishes, wishesFor, wishesForContainer } from './wishes.js'

function untouched(
  decision: PodDecisionKind,
  reason: PodReason,
  warnings: readonly string[] = [],
  matched: readonly string[] = []
): Decision {
  return {
    decision,
    reason,
    allowed: true,
    message: '',
    podRuntimeDefault: false,
    containers: [],
    matched,
    warnings
  }
}

/** Whether the namespace lets its pods opt out. */
function mayIgnore(snapshot: Snapshot, namespace: Labels): boolean {
  const stated = Object.hasOwn(namespace, allowIgnoreLabel)
    ? namespace[allowIgnoreLabel]
    : undefined
  return stated === undefined ? snapshot.options.allowIgnore : stated === 'true'
}

/** The tree below `secco/` is ours: a path there is an earlier decision of ours, not the author's choice. */
function isAuthorsLocalhost(profile: ExistingProfile | undefined): boolean {
  if (profile?.type !== 'Localhost') return false
  const path = profile.localhostProfile
  return path !== undefined && path !== '' && !isOurs(path)
}

function isUnconfined(container: ContainerFacts, facts: PodFacts): boolean {
  return (container.seccomp ?? facts.podSeccomp)?.type === 'Unconfined'
}

/**
 * Ephemeral containers (kubectl debug) get RuntimeDefault: a profile learned from others would break them. A rule selects
 * them with their pod, whatever their names, or by their own image.
 */
function decideEphemeral(container: ContainerFacts, { layers }: Wishes): ContainerDecision {
  const { name, kind, index } = container
  const base = { container: name, kind, index }
  if (container.existed) return { ...base, outcome: 'skipped', reason: 'existed' }
  if (container.privileged) return { ...base, outcome: 'skipped', reason: 'privileged' }
  const wishes = layers.flat().filter((wish) => wish.selectsDebug(container))
  if (wishes.length === 0) return { ...base, outcome: 'skipped', reason: 'no-rule' }
  const isAuthors = isAuthorsLocalhost(container.seccomp)
  // Nobody knows what the author's file allows: see decideContainer().
  if (isAuthors && !wishes.some(({ mode, platform }) => platform && mode === 'enforce')) {
    return { ...base, outcome: 'kept', reason: 'author-localhost' }
  }
  const stated = container.seccomp?.type === 'Unconfined' ? 'Unconfined' : undefined
  const overrides = isAuthors ? 'Localhost' : stated
  return {
    ...base,
    outcome: 'runtime-default',
    reason: 'ephemeral',
    ...(overrides === undefined ? {} : { overrides })
  }
}

/** Returns a few names of nodes for people, and `…` when there are more. */
function lackingOf({ missing }: Resolution, reach: Reach): { lacking?: readonly string[] } {
  if (missing === undefined) return {}
  const { names, more } = reach.lacking(missing)
  return names.length === 0 ? {} : { lacking: more ? [...names, '…'] : names }
}

function fromResolution(
  container: ContainerFacts,
  facts: PodFacts,
  { resolution, loosening }: Tightened & { resolution: Resolution },
  { reach, root }: { reach: Reach; root: Wish | undefined }
): ContainerDecision {
  const { outcome, reason, wish, profile, beside, revision, mode = wish.mode } = resolution
  const { canary, startAtRisk } = resolution
  const overrides = isUnconfined(container, facts)
    ? 'Unconfined'
    : isAuthorsLocalhost(container.seccomp ?? facts.podSeccomp)
      ? 'Localhost'
      : undefined
  return {
    container: container.name,
    kind: container.kind,
    index: container.index,
    outcome: outcome === 'denied' ? 'skipped' : outcome,
    reason,
    rule: wish.source,
    mode,
    ...(canary === true ? { canary: true as const } : {}),
    ...(startAtRisk === true ? { startAtRisk } : {}),
    ...(profile === undefined ? {} : { profile }),
    ...(beside === undefined ? {} : { beside }),
    ...(revision === undefined
      ? {}
      : { revision: revision.digest, localhostProfile: revision.path }),
    ...lackingOf(resolution, reach),
    ...(overrides === undefined ? {} : { overrides }),
    ...(root === undefined || root.source === wish.source ? {} : { limitedBy: root.source }),
    ...(loosening.length === 0 ? {} : { loosening })
  }
}

interface ContainerVerdict {
  decision: ContainerDecision
  denied: boolean
}

function decideContainer(
  snapshot: Snapshot,
  facts: PodFacts,
  wishes: Wishes,
  container: ContainerFacts,
  reach: Reach
): ContainerVerdict {
  if (container.kind === 'ephemeral') {
    return { decision: decideEphemeral(container, wishes), denied: false }
  }
  const { name, kind, index } = container
  const base = { container: name, kind, index }
  const author = container.seccomp ?? facts.podSeccomp
  const { given } = container
  const own = wishesForContainer(snapshot, wishes, container)
  const tightened = resolveLayers(
    snapshot,
    own,
    author?.type === 'RuntimeDefault' ? 'runtime-default' : 'unconfined',
    reach,
    {
      name: facts.name,
      owner: facts.owner,
      ...(facts.turn === undefined ? {} : { turn: facts.turn }),
      ...(given === undefined ? {} : { given })
    }
  )
  const { resolution } = tightened
  if (resolution === undefined) {
    return { decision: { ...base, outcome: 'skipped', reason: 'no-rule' }, denied: false }
  }
  if (container.privileged) {
    const { source, mode } = resolution.wish
    const why = { outcome: 'skipped', reason: 'privileged', rule: source, mode } as const
    return { decision: { ...base, ...why }, denied: false }
  }
  // Nobody knows what the author's file allows: it stays, but not against an enforcing rule of the root namespace.
  if (isAuthorsLocalhost(author) && !tightened.enforcedByRoot) {
    const why = {
      outcome: 'kept',
      reason: 'author-localhost',
      rule: resolution.wish.source
    } as const
    return { decision: { ...base, ...why }, denied: false }
  }
  return {
    decision: fromResolution(
      container,
      facts,
      { ...tightened, resolution },
      { reach, root: own.root }
    ),
    denied: resolution.outcome === 'denied'
  }
}

const isWritten = ({ outcome }: ContainerDecision): boolean =>
  outcome === 'assigned' || outcome === 'learn' || outcome === 'runtime-default'

/** Returns the container, or the pod, that names a path below `secco/` which Secco never writes. */
function strangeContainer(facts: PodFacts): string | undefined {
  if (isStrange(facts.podSeccomp?.localhostProfile)) return 'the pod'
  const one = facts.containers.find(
    (container) => !container.existed && isStrange(container.seccomp?.localhostProfile)
  )
  return one === undefined ? undefined : `container ${one.name}`
}

/** Returns the denial of a pod that has so much of something that its decision would delay those about others. */
function tooMany(
  what: 'containers' | 'labels',
  limit: number,
  matched: readonly string[] = []
): Decision {
  const message = `secco: the pod has more than ${limit} ${what}`
  return { ...untouched('denied', `too-many-${what}`, [], matched), allowed: false, message }
}

/** RuntimeDefault at pod level where unset; an explicit Unconfined goes only when every container is covered. */
function podBecomesRuntimeDefault(
  facts: PodFacts,
  containers: readonly ContainerDecision[]
): boolean {
  if (facts.subresource !== '') return false
  if (facts.podSeccomp === undefined) return true
  if (facts.podSeccomp.type !== 'Unconfined') return false
  return containers.every((c) => c.reason !== 'no-rule')
}

/**
 * Decides which profile each container of a pod gets. Pure: no clock, no I/O; the same snapshot and facts give the same decision,
 * and a second call on its own result gives it again. In observe mode the decision is reported and not applied.
 *
 * Never Unconfined, never a path whose file a node lacks that could run the pod, never a change in an excluded namespace.
 */
export function decide(snapshot: Snapshot, facts: PodFacts): Decision {
  const decision = decideFully(snapshot, facts)
  const { mode } = snapshot.options
  return isObserved(mode, namespaceLabels(snapshot, facts.namespace))
    ? observedOnly(decision, facts.namespace)
    : decision
}

function decideFully(snapshot: Snapshot, facts: PodFacts): Decision {
  if (snapshot.options.excludedNamespaces.has(facts.namespace)) {
    return untouched('excluded', 'excluded-namespace')
  }
  const strange = strangeContainer(facts)
  if (strange !== undefined) {
    const message = `secco: ${strange}: localhostProfile is not a path that Secco writes, and secco/ has no other files`
    return { ...untouched('denied', 'strange-path'), allowed: false, message }
  }
  if (Object.keys(facts.labels).length > maxLabels) return tooMany('labels', maxLabels)
  // The sender of the review wrote the labels: they do not decide whether a rule selects the stored pod.
  if (facts.isStoredUnknown === true && facts.containers.length > maxContainers) {
    return tooMany('containers', maxContainers)
  }
  const namespace = namespaceLabels(snapshot, facts.namespace)
  const warnings = facts.subresource === '' ? labelWarnings(facts) : []
  if (Object.hasOwn(facts.labels, labels.ignore) && facts.labels[labels.ignore] === 'true') {
    if (mayIgnore(snapshot, namespace)) return untouched('ignored', 'opt-out')
    warnings.push(`secco: label ${labels.ignore} is not honoured in namespace ${facts.namespace}`)
  }
  const wishes = wishesFor(snapshot, facts, namespace)
  const { matched } = wishes
  if (matched.length === 0) return untouched('unmatched', 'no-rule', warnings)
  if (facts.mirror) {
    warnings.push(
      'secco: mirror pod of a static pod: set its seccompProfile in the manifest on the node'
    )
    return untouched('skipped', 'mirror', warnings, matched)
  }
  if (facts.windows) {
    warnings.push('secco: Windows pod: Windows has no seccomp')
    return untouched('skipped', 'windows', warnings, matched)
  }
  if (facts.containers.length > maxContainers) return tooMany('containers', maxContainers, matched)
  const { joinTainted } = snapshot.options
  const reach = createReach({ nodes: snapshot.nodes, joinTainted }, facts.placement)
  const containers: ContainerDecision[] = []
  for (const container of facts.containers) {
    if (facts.subresource !== '' && container.kind !== 'ephemeral') continue
    const { decision, denied } = decideContainer(snapshot, facts, wishes, container, reach)
    if (denied) {
      const message = denialMessage(decision)
      const result = untouched('denied', decision.reason, warnings, matched)
      return { ...result, allowed: false, message, containers: [decision] }
    }
    containers.push(decision)
    const warning = containerWarning(decision)
    if (warning !== undefined) warnings.push(warning)
    warnings.push(...looseningWarnings(decision))
  }
  const written = containers.find(isWritten)
  const reported =
    containers.find((c) => isWritten(c) && c.reason !== 'other-container') ??
    written ??
    containers.find((c) => c.reason !== 'no-rule') ??
    containers[0]
  return {
    decision:
      written === undefined ? (reported?.outcome === 'kept' ? 'kept' : 'skipped') : 'patched',
    reason: reported?.reason ?? 'no-rule',
    allowed: true,
    message: '',
    podRuntimeDefault: written !== undefined && podBecomesRuntimeDefault(facts, containers),
    containers,
    matched,
    warnings
  }
}
