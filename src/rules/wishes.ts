import { labels, rootNamespace } from '../api/names.js'
import type { Mode, WhenNotReady } from '../api/seccomp-rule.js'
import type { ContainerFacts, PodFacts } from './facts.js'
import { parseImage } from './image.js'
import {
  containerProfileLabels,
  isProfileOf,
  podProfileLabel,
  type ProfileLabel
} from './profile-label.js'
import { profileKey, type ProfileState } from './profile-state.js'
import type { CompiledRule } from './rule.js'
import type { Snapshot } from './snapshot.js'

/**
 * What one source wants for a container. There are three layers: rules of the root namespace, rules of
 * the pod's namespace, and the pod's ready-made labels. The first is the platform's, the other two are
 * chosen by the workload's people: they may tighten, never weaken.
 */
export interface Wish {
  /** For logs: rule key or label. */
  source: string
  mode: Mode
  whenNotReady: WhenNotReady
  /** Candidates for the profile, in order; the first that exists is used. Empty when no profile is named. */
  profiles: readonly string[]
  /**
   * Those of them that the platform's rule did not name with their namespace: their content is the
   * workload's people's, so they count only within RuntimeDefault.
   */
  bounded: readonly string[]
  matches: (container: Pick<ContainerFacts, 'name' | 'image'>) => boolean
  /** Whether it is a rule of the root namespace, which other layers only tighten. */
  platform: boolean
  /** Whether it names its containers; otherwise they are those that the profile was learned from. */
  namesContainers: boolean
  /** Whether a profile that does not exist yet is learned from the pod's first container alone. */
  learnsFirst: boolean
  /** The profile is another container's: this one gets RuntimeDefault. */
  beside?: true
}

/** Rank of each mode by strictness. */
export const strictness: Record<Mode, number> = { learn: 0, audit: 1, enforce: 2 }

/** Profiles of the pod's own namespace that a root rule means without naming that namespace. */
function boundedOfRule(rule: CompiledRule, namespace: string): string[] {
  if (!rule.root || rule.profile === undefined || rule.profile.namespace !== undefined) return []
  return namespace === rule.namespace ? [] : [profileKey(namespace, rule.profile.name)]
}

/**
 * A rule's profile is looked for in its own namespace; one of the root namespace also means the
 * profile of that name in the pod's. Outside the root, only the own and the root namespace may be named.
 */
function profilesOfRule(rule: CompiledRule, namespace: string): string[] {
  if (rule.profile === undefined) return []
  const { name, namespace: stated } = rule.profile
  if (stated !== undefined) {
    const reachable = rule.root || stated === rule.namespace || stated === rootNamespace
    return reachable ? [profileKey(stated, name)] : []
  }
  const own = profileKey(rule.namespace, name)
  return rule.root && namespace !== rule.namespace ? [own, profileKey(namespace, name)] : [own]
}

function matcherOf({ matchesContainer, images }: CompiledRule): Wish['matches'] {
  if (images === undefined) return ({ name }) => matchesContainer(name)
  return ({ name, image }) => matchesContainer(name) && images.matches(parseImage(image))
}

function wishOfRule(rule: CompiledRule, namespace: string): Wish {
  return {
    source: rule.key,
    mode: rule.mode,
    whenNotReady: rule.whenNotReady,
    profiles: profilesOfRule(rule, namespace),
    bounded: boundedOfRule(rule, namespace),
    matches: matcherOf(rule),
    platform: rule.root,
    // Whoever creates a pod names its containers: a rule of the platform holds for all of them, unless it names some.
    namesContainers: rule.root || rule.namesContainers,
    learnsFirst: false
  }
}

function wishOfLabel(facts: PodFacts, label: ProfileLabel | undefined, learn: boolean): Wish {
  const { name, container } = label ?? {}
  const { namespace } = facts
  const key = label === undefined || (learn && container === undefined) ? labels.learn : label.key
  return {
    source: `label ${key}`,
    mode: learn ? 'learn' : 'enforce',
    whenNotReady: 'RuntimeDefault',
    profiles:
      name === undefined ? [] : [profileKey(namespace, name), profileKey(rootNamespace, name)],
    bounded: [],
    matches: container === undefined ? () => true : (one) => one.name === container,
    platform: false,
    namesContainers: container !== undefined,
    learnsFirst: learn
  }
}

/**
 * Turns the ready-made labels into wishes, those that name a container first: with `secco.dev/learn` the containers are
 * learned into the named profiles. Every other container of a labelled pod gets RuntimeDefault.
 */
function wishesOfLabels(facts: PodFacts): Wish[] {
  const learn = Object.hasOwn(facts.labels, labels.learn) && facts.labels[labels.learn] === 'true'
  const named = containerProfileLabels(facts.labels)
  const general = podProfileLabel(facts.labels)
  if (!learn && general === undefined && named.length === 0) return []
  const wishes = named.map((label) => wishOfLabel(facts, label, learn))
  if (learn || general !== undefined) return [...wishes, wishOfLabel(facts, general, learn)]
  const [first] = wishes
  return first === undefined ? [] : [...wishes, { ...first, matches: () => true, beside: true }]
}

/** All wishes for a pod, by layer; within a layer the most important first. */
export interface Wishes {
  layers: readonly (readonly Wish[])[]
  matched: readonly string[]
}

const none: Wishes = { layers: [], matched: [] }

/** Collects the wishes for a pod from rules and labels. */
export function wishesFor(
  snapshot: Snapshot,
  facts: PodFacts,
  namespaceLabels: Readonly<Record<string, string>>
): Wishes {
  const images = snapshot.rules.usesImages
    ? // Nothing is assigned to ephemeral containers: their image selects no rule.
      facts.containers
        .filter(({ kind }) => kind !== 'ephemeral')
        .map(({ image }) => parseImage(image))
    : []
  const rules = snapshot.rules.match(facts.labels, facts.namespace, namespaceLabels, images)
  const ofLabels = wishesOfLabels(facts)
  if (rules.length === 0 && ofLabels.length === 0) return none
  const root: Wish[] = []
  const own: Wish[] = []
  for (const rule of rules) (rule.root ? root : own).push(wishOfRule(rule, facts.namespace))
  const layers = [root, own, ofLabels]
  const matched = new Set<string>()
  for (const layer of layers) for (const wish of layer) matched.add(wish.source)
  return { layers, matched: [...matched] }
}

/** Wishes of each layer for one container: the root namespace, then the namespace's rules, then the labels. */
export interface ContainerWishes {
  root: Wish | undefined
  /** In the order of their weight; they may tighten what comes before them, never loosen it. */
  tenants: readonly Wish[]
}

/** Returns the first of a wish's profiles that exists, with its key. */
export function findProfile(snapshot: Snapshot, wish: Wish): [string, ProfileState] | undefined {
  for (const key of wish.profiles) {
    const state = snapshot.profiles.get(key)
    if (state !== undefined) return [key, state]
  }
  return undefined
}

function isBeside(snapshot: Snapshot, wish: Wish, container: AboutContainer): boolean {
  if (wish.beside === true) return true
  if (wish.namesContainers || wish.profiles.length === 0) return false
  const state = findProfile(snapshot, wish)?.[1]
  if (state === undefined && !wish.learnsFirst) return false
  return !isProfileOf(state, container)
}

type AboutContainer = Pick<ContainerFacts, 'name' | 'image' | 'kind' | 'index'>

/** Returns a layer's first wish that gives this container its profile; else its first wish, which gives it another's. */
function wishOfLayer(
  snapshot: Snapshot,
  layer: readonly Wish[],
  container: AboutContainer
): Wish | undefined {
  let beside: Wish | undefined
  for (const wish of layer) {
    if (!wish.matches(container)) continue
    if (!isBeside(snapshot, wish, container)) return wish
    beside ??= { ...wish, beside: true }
  }
  return beside
}

/** The wish of each layer for this container. */
export function wishesForContainer(
  snapshot: Snapshot,
  wishes: Wishes,
  container: AboutContainer
): ContainerWishes {
  const [root, ...tenants] = wishes.layers.map((layer) => wishOfLayer(snapshot, layer, container))
  return { root, tenants: tenants.filter((wish) => wish !== undefined) }
}
