import { decide } from '../../src/rules/decide.js'
import type { Decision } from '../../src/rules/decision.js'
import type { PodFacts } from '../../src/rules/facts.js'
import { anywhere } from '../../src/rules/placement.js'
import { namespaceLabels, type Snapshot } from '../../src/rules/snapshot.js'
import { wishesFor } from '../../src/rules/wishes.js'
import { storedContainers, storedSeccomp } from '../confinement/containers/pod-facts.js'
import { carriedAssignment } from './watch/carried-assignment.js'
import type { EventText } from './events/events.js'
import { isRule, type Overruled, overruledRules } from './overruled-rules.js'
import type { ClusterPod } from './watch/cluster-view.js'

/** Names of containers. */
export type ContainerNames = Pick<ReadonlySet<string>, 'has'>

/** UnpatchedContainer is a container that an enforcing rule selects, in a stored pod that Secco did not patch. */
export interface UnpatchedContainer {
  container: string
  /** `<namespace>/<name>` of the rule, or its ready-made label. */
  rule: string
  /** The pod was created before the rule. */
  isOlder?: true
}

/** Returns what a decision reads of a stored pod. */
export function factsOf(pod: ClusterPod): PodFacts {
  const { namespace, name, owner, labels, placement = anywhere } = pod
  return {
    ...{ operation: 'CREATE', subresource: '', namespace, name, labels, placement },
    ...{
      owner: `${owner.kind}/${owner.name}`,
      containers: storedContainers(pod.containers, storedSeccomp)
    },
    ...{ hasMetadata: true, annotations: undefined, hasPodSecurityContext: false },
    ...{ podSeccomp: undefined, windows: false, mirror: false }
  }
}

const written = new Set(['assigned', 'runtime-default', 'learn'])

/**
 * Returns the containers of a stored pod that would get something from an enforcing rule now and carry no decision of
 * Secco: the pod is older than the rule, or the webhook was not reached, answered too late, or was overruled. Pure.
 * @param falseClaims containers whose decision was invented; see FalseClaims
 */
export function unpatchedContainers(
  snapshot: Snapshot,
  pod: ClusterPod,
  falseClaims?: ContainerNames
): UnpatchedContainer[] {
  const decision = decisionOf(snapshot, pod)
  if (decision === undefined) return []
  return withAge(snapshot, pod, unpatchedOf(snapshot, decision, pod, falseClaims))
}

/** Returns what would be decided about a stored pod now; undefined for pods that no rule is about any more. */
function decisionOf(snapshot: Snapshot, pod: ClusterPod): Decision | undefined {
  if (pod.exempt === true || pod.phase === 'Succeeded' || pod.phase === 'Failed') return undefined
  return decide(snapshot, factsOf(pod))
}

/**
 * Returns the ephemeral containers (`kubectl debug`) without the RuntimeDefault that they get where an enforcing rule selects
 * their pod or their image. Nothing is noted about them in the pod's annotation.
 */
function unpatchedDebugs(
  snapshot: Snapshot,
  { containers }: Decision,
  pod: ClusterPod
): UnpatchedContainer[] {
  const debugs = containers.filter(
    ({ kind, outcome, container }) =>
      kind === 'ephemeral' &&
      outcome === 'runtime-default' &&
      pod.containers.find(({ name }) => name === container)?.seccomp !== 'RuntimeDefault'
  )
  if (debugs.length === 0) return []
  const facts = factsOf(pod)
  const { layers } = wishesFor(snapshot, facts, namespaceLabels(snapshot, pod.namespace))
  const enforcing = layers.flat().filter(({ mode }) => mode === 'enforce')
  return debugs.flatMap(({ container }) => {
    const { image = '' } = facts.containers.find(({ name }) => name === container) ?? {}
    const rule = enforcing.find((wish) => wish.selectsDebug({ image }))?.source
    return rule === undefined ? [] : [{ container, rule }]
  })
}

function unpatchedOf(
  snapshot: Snapshot,
  decided: Decision,
  pod: ClusterPod,
  falseClaims?: ContainerNames
): UnpatchedContainer[] {
  const { decision, containers, matched } = decided
  const isBare = (container: string) =>
    falseClaims?.has(container) === true || carriedAssignment(pod, container) === undefined
  if (decision === 'denied') {
    // Only the first container is decided about when whenNotReady: Deny rejects a pod.
    const [rule = ''] = matched
    return pod.containers
      .filter(({ name }) => isBare(name))
      .slice(0, 1)
      .map(({ name }) => ({ container: name, rule }))
  }
  if (decision !== 'patched') return []
  const bare = containers
    .filter(({ outcome, mode }) => written.has(outcome) && mode === 'enforce')
    .filter(({ container }) => isBare(container))
    .map(({ container, rule = '' }) => ({ container, rule }))
  return [...bare, ...unpatchedDebugs(snapshot, decided, pod)]
}

/** Marks what is older than its rule: no webhook could have given it what the rule gives. */
function withAge(
  snapshot: Snapshot,
  { namespace, labels, createdAt }: ClusterPod,
  unpatched: UnpatchedContainer[]
): UnpatchedContainer[] {
  if (unpatched.length === 0) return unpatched
  const rules = snapshot.rules.match(
    labels,
    namespace,
    namespaceLabels(snapshot, namespace),
    undefined
  )
  return unpatched.map((one) => {
    const rule = rules.find(({ key }) => key === one.rule)
    const isOlder = Date.parse(createdAt) < Date.parse(rule?.createdAt ?? '')
    return isOlder ? { ...one, isOlder } : one
  })
}

/** Returns why a container lacks what a rule gives. */
export const unpatchedReason = ({ rule, isOlder }: UnpatchedContainer): string =>
  `${rule} enforces a profile, and the pod was stored without one: ` +
  (isOlder === true
    ? 'the pod is older than the rule; recreate the pod'
    : 'the webhook was not reached or was overruled, or the rule has changed since; recreate the pod')

/** Returns the events on a pod with such containers. Pure. */
export function unpatchedTexts(unpatched: readonly UnpatchedContainer[]): EventText[] {
  return unpatched.map((one) => ({
    ...{ type: 'Warning', reason: 'NotPatched', action: 'Assign' },
    note: `container ${one.container.slice(0, 63)}: ${unpatchedReason(one)}`
  }))
}

interface KnownPod {
  name: string
  unpatched: readonly UnpatchedContainer[]
  overruled: readonly Overruled[]
}

/**
 * UnpatchedPods knows which pods carry no decision although a rule selects them, which rules select pods at all, and which
 * other rules overrule.
 */
export class UnpatchedPods {
  readonly #pods = new Map<string, KnownPod>()
  /** Keys of the rules that selected a pod since all pods were last computed. */
  readonly #selecting = new Set<string>()

  /** Computes a pod again. Returns what was not known of it before, and whether anything else is known now. */
  put(
    snapshot: Snapshot,
    pod: ClusterPod,
    falseClaims?: ContainerNames
  ): { added: readonly UnpatchedContainer[]; isChanged: boolean } {
    const decision = decisionOf(snapshot, pod)
    const unpatched =
      decision === undefined
        ? []
        : withAge(snapshot, pod, unpatchedOf(snapshot, decision, pod, falseClaims))
    const overruled = decision === undefined ? [] : overruledRules(decision)
    const isFirst = this.#noteSelecting(decision)
    const name = `${pod.namespace}/${pod.name}`
    const before = this.#pods.get(pod.uid) ?? { name, unpatched: [], overruled: [] }
    const now = { name, unpatched, overruled }
    if (unpatched.length + overruled.length === 0) this.#pods.delete(pod.uid)
    else this.#pods.set(pod.uid, now)
    return {
      added: before.unpatched.length > 0 ? [] : unpatched,
      isChanged: isFirst || JSON.stringify(before) !== JSON.stringify(now)
    }
  }

  /** Returns whether a rule selects a pod for the first time. */
  #noteSelecting(decision: Decision | undefined): boolean {
    const before = this.#selecting.size
    for (const source of decision?.matched ?? []) if (isRule(source)) this.#selecting.add(source)
    return this.#selecting.size > before
  }

  /** Forgets which rules select pods: all pods are computed again. */
  forgetSelecting(): void {
    this.#selecting.clear()
  }

  /** Returns whether a rule selects a pod that has not ended. @param rule its key */
  isSelecting(rule: string): boolean {
    return this.#selecting.has(rule)
  }

  remove(uid: string): boolean {
    return this.#pods.delete(uid)
  }

  /** Returns the names of the pods, by the key of the rule. */
  byRule(): ReadonlyMap<string, readonly string[]> {
    const found = new Map<string, string[]>()
    for (const { name, unpatched } of this.#pods.values()) {
      for (const rule of new Set(unpatched.map((one) => one.rule))) {
        const names = found.get(rule)
        if (names === undefined) found.set(rule, [name])
        else names.push(name)
      }
    }
    return found
  }

  /** Returns the rules that decide instead of a rule, by its key. */
  overruledBy(): ReadonlyMap<string, ReadonlySet<string>> {
    const found = new Map<string, Set<string>>()
    for (const { overruled } of this.#pods.values()) {
      for (const { rule, by } of overruled) {
        const winners = found.get(rule) ?? new Set<string>()
        found.set(rule, winners.add(by))
      }
    }
    return found
  }
}
