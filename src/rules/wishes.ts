import { labels, namePattern, rootNamespace } from '../api/names.js'
import type { Mode, WhenNotReady } from '../api/seccomp-rule.js'
import type { ContainerFacts, PodFacts } from './facts.js'
import { parseImage } from './image.js'
import { profileKey } from './profile-state.js'
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
}

const validName = new RegExp(namePattern)

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
    platform: rule.root
  }
}

/** Turns the ready-made labels into a wish: with both labels the container is learned into the named profile. */
function wishOfLabels(facts: PodFacts): Wish | undefined {
  const own = (key: string): string | undefined =>
    Object.hasOwn(facts.labels, key) ? facts.labels[key] : undefined
  const name = own(labels.profile)
  const learn = own(labels.learn) === 'true'
  if (name === undefined && !learn) return undefined
  const known = name !== undefined && validName.test(name)
  return {
    source: `label ${learn ? labels.learn : labels.profile}`,
    mode: learn ? 'learn' : 'enforce',
    whenNotReady: 'RuntimeDefault',
    profiles: known ? [profileKey(facts.namespace, name), profileKey(rootNamespace, name)] : [],
    bounded: [],
    matches: () => true,
    platform: false
  }
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
  const label = wishOfLabels(facts)
  if (rules.length === 0 && label === undefined) return none
  const root: Wish[] = []
  const own: Wish[] = []
  for (const rule of rules) (rule.root ? root : own).push(wishOfRule(rule, facts.namespace))
  const layers = [root, own, label === undefined ? [] : [label]]
  const matched: string[] = []
  for (const layer of layers) for (const wish of layer) matched.push(wish.source)
  return { layers, matched }
}

/** Wishes of each layer for one container: the root namespace, then the namespace's rules, then the labels. */
export interface ContainerWishes {
  root: Wish | undefined
  /** In the order of their weight; they may tighten what comes before them, never loosen it. */
  tenants: readonly Wish[]
}

/** The first wish of each layer that is about this container. */
export function wishesForContainer(
  wishes: Wishes,
  container: Pick<ContainerFacts, 'name' | 'image'>
): ContainerWishes {
  const [root, ...tenants] = wishes.layers.map((layer) =>
    layer.find((candidate) => candidate.matches(container))
  )
  return { root, tenants: tenants.filter((wish) => wish !== undefined) }
}
