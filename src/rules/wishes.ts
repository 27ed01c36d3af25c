import { labels, rootNamespace } from '../api/names.js'
import type { Mode, WhenNotReady } from '../api/seccomp-rule.js'
import type { ContainerFacts, PodFacts } from './facts.js'
import { type ImageRef, parseImage } from './image.js'
import { maxContainers } from './limits.js'
import { learnedName } from './object-name.js'
import {
  containerProfileLabels,
  isProfileOf,
  labelledProfile,
  podProfileLabel,
  type ProfileLabel
} from './profile-label.js'
import { profileKey, type ProfileState } from './profile-state.js'
import type { CompiledRule } from './rule.js'
import { profilesOfRule } from './rule-index.js'
import type { Labels } from './selector.js'
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
   * Those of them that the rule did not name, or the platform's rule not with their namespace: their content is
   * the workload's people's, or they are chosen by what a pod says of itself, so they count only within RuntimeDefault.
   */
  bounded: readonly string[]
  matches: (container: Pick<ContainerFacts, 'name' | 'image'>) => boolean
  /** Whether it selects a debug container: with the pod, or by the image of the debug container. */
  selectsDebug: (container: Pick<ContainerFacts, 'image'>) => boolean
  /** Whether it is a rule of the root namespace, which other layers only tighten. */
  platform: boolean
  /** Whether it names its containers; otherwise they are those that the profile was learned from. */
  namesContainers: boolean
  /** Whether a profile that does not exist yet is learned from the pod's first container alone. */
  learnsFirst: boolean
  /** Set where no profile is named: a container is learned into the profile of its own, `name.container`. */
  learnedAs?: LearnedAs
  /** The profile is another container's: this one gets RuntimeDefault. */
  beside?: true
  /** It is a label that names a profile: see ProfileState.labelMode. */
  isLabel?: true
}

/** LearnedAs is the workload that a pod says it is of. */
interface LearnedAs extends NonNullable<ProfileState['workload']> {
  /** Whether its profiles count only within RuntimeDefault. */
  isBounded: boolean
}

/** Rank of each mode by strictness. */
export const strictness: Record<Mode, number> = { learn: 0, audit: 1, enforce: 2 }

/** Profiles of the pod's own namespace that a root rule means without naming that namespace. */
function boundedOfRule(rule: CompiledRule, namespace: string): string[] {
  if (!rule.root || rule.profile === undefined || rule.profile.namespace !== undefined) return []
  return namespace === rule.namespace ? [] : [profileKey(namespace, rule.profile.name)]
}

function matcherOf({ matchesContainer, images }: CompiledRule): Wish['matches'] {
  if (images === undefined) return ({ name }) => matchesContainer(name)
  return ({ name, image }) => matchesContainer(name) && images.matches(parseImage(image))
}

function debugMatcherOf({ images }: CompiledRule, ofPod: Images): Wish['selectsDebug'] {
  if (images === undefined || ofPod === undefined) return () => true
  let selectsPod: boolean | undefined
  return ({ image }) => {
    selectsPod ??= ofPod.some((one) => images.matches(one))
    return selectsPod || images.matches(parseImage(image))
  }
}

/** Returns the workload that a pod is learned as; the name of a bare pod may be empty, as it is not known yet. */
function workloadOf({ owner, name }: PodFacts): Omit<LearnedAs, 'isBounded'> {
  if (owner === '') return { kind: 'Pod', name }
  const at = owner.indexOf('/')
  return { kind: owner.slice(0, at), name: owner.slice(at + 1) }
}

function wishOfRule(rule: CompiledRule, facts: PodFacts, images: Images): Wish {
  const { namespace } = facts
  const learnsOwn = rule.mode === 'learn' && rule.profile === undefined
  return {
    source: rule.key,
    mode: rule.mode,
    whenNotReady: rule.whenNotReady,
    profiles: profilesOfRule(rule, namespace),
    bounded: boundedOfRule(rule, namespace),
    matches: matcherOf(rule),
    selectsDebug: debugMatcherOf(rule, images),
    platform: rule.root,
    // Whoever creates a pod names its containers: a rule of the platform holds for all of them, unless it names some.
    namesContainers: rule.root || rule.namesContainers,
    learnsFirst: false,
    ...(learnsOwn ? { learnedAs: { ...workloadOf(facts), isBounded: true } } : {})
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
    selectsDebug: () => true,
    platform: false,
    namesContainers: container !== undefined,
    learnsFirst: learn,
    ...(learn ? {} : { isLabel: true }),
    ...(learn && label === undefined
      ? { learnedAs: { ...workloadOf(facts), isBounded: false } }
      : {})
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
  namespace: string
  labels: Labels
  layers: readonly (readonly Wish[])[]
  matched: readonly string[]
}

const none: Wishes = { namespace: '', labels: {}, layers: [], matched: [] }

/** Images of containers; undefined: not all of them are known. */
type Images = readonly ImageRef[] | undefined

/** Returns the images of some containers, as far as any rule asks for them. */
function imagesOf(
  snapshot: Snapshot,
  { containers }: PodFacts,
  isWanted: (container: ContainerFacts) => boolean
): Images {
  // Of a pod with more containers than are read, some images are not known: it must not slip past a rule on images.
  if (containers.length > maxContainers) return undefined
  if (!snapshot.rules.usesImages) return []
  return containers.filter(isWanted).map(({ image }) => parseImage(image))
}

/** Collects the wishes for a pod from rules and labels. */
export function wishesFor(
  snapshot: Snapshot,
  facts: PodFacts,
  namespaceLabels: Readonly<Record<string, string>>
): Wishes {
  const ofPod = imagesOf(snapshot, facts, ({ kind }) => kind !== 'ephemeral')
  const debugs = imagesOf(snapshot, facts, ({ kind, existed }) => kind === 'ephemeral' && !existed)
  const images = ofPod && debugs && [...ofPod, ...debugs]
  const rules = snapshot.rules.match(facts.labels, facts.namespace, namespaceLabels, images)
  const ofLabels = wishesOfLabels(facts)
  if (rules.length === 0 && ofLabels.length === 0) return none
  const root: Wish[] = []
  const own: Wish[] = []
  for (const rule of rules) (rule.root ? root : own).push(wishOfRule(rule, facts, ofPod))
  const layers = [root, own, ofLabels]
  const matched = new Set<string>()
  for (const layer of layers) for (const wish of layer) matched.add(wish.source)
  const { namespace, labels } = facts
  return { namespace, labels, layers, matched: [...matched] }
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

/** Whether a profile was learned from this container of this workload. */
function isLearnedFrom(
  state: ProfileState | undefined,
  { kind, name }: LearnedAs,
  container: AboutContainer
): state is ProfileState {
  const isOfWorkload = state?.workload?.kind === kind && state.workload.name === name
  return isOfWorkload && isProfileOf(state, container)
}

/**
 * Names the profile that a container is learned into, once a person has set its mode: from then on the ladder decides
 * about new pods, although neither label nor rule names the profile. Whoever creates a pod chooses what it is learned as,
 * so a rule gives such a profile only within RuntimeDefault, which is what it gives otherwise. A label needs no such bound:
 * who chooses it could name any profile of the namespace.
 */
function withOwnProfile(
  snapshot: Snapshot,
  { namespace, labels }: Wishes,
  wish: Wish,
  container: AboutContainer
): Wish {
  const { learnedAs } = wish
  if (learnedAs === undefined || learnedAs.name === '') return wish
  const key = profileKey(namespace, learnedName(learnedAs.name, container.name))
  const state = snapshot.profiles.get(key)
  if (!isLearnedFrom(state, learnedAs, container) || state.ladder === undefined) return wish
  const profileOf = (name: string) => snapshot.profiles.get(profileKey(namespace, name))
  // The container is learned into the profile that a label gives it.
  if (labelledProfile(labels, container, profileOf) !== undefined) return wish
  return { ...wish, profiles: [key], bounded: learnedAs.isBounded ? [key] : [] }
}

/** The wish of each layer for this container. */
export function wishesForContainer(
  snapshot: Snapshot,
  wishes: Wishes,
  container: AboutContainer
): ContainerWishes {
  const [root, ...tenants] = wishes.layers.map((layer) => {
    const wish = wishOfLayer(snapshot, layer, container)
    return wish && withOwnProfile(snapshot, wishes, wish, container)
  })
  return { root, tenants: tenants.filter((wish) => wish !== undefined) }
}
