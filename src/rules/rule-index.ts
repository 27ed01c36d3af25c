import { rootNamespace } from '../api/names.js'
import type { ImageRef } from './image.js'
import { type CompiledRule, ruleMatches } from './rule.js'
import { profileKey } from './profile-state.js'
import type { Labels, LabelRequirement } from './selector.js'

/** Finds the rules for a pod without looking at the others: 10,000 rules cost about what one costs. */
export interface RuleIndex {
  size: number
  /** Rules without a label, key, namespace or image to index: they are checked for every pod. Keep them few. */
  unanchored: number
  /** Whether a rule selects images: otherwise their names need not be parsed. */
  usesImages: boolean
  /**
   * Matching rules, the most important first.
   * @param images undefined: not all are known, and every rule on images may match
   */
  match(
    labels: Labels,
    namespace: string,
    namespaceLabels: Labels,
    images: readonly ImageRef[] | undefined
  ): CompiledRule[]
  /** Returns the most important rule that audits or enforces with a profile; undefined if none does. */
  giving(namespace: string, name: string): CompiledRule | undefined
}

type Table = Map<string, Map<string, CompiledRule[]>>

const namespaceNameLabel = 'kubernetes.io/metadata.name'

function put(table: Table, key: string, value: string, rule: CompiledRule): void {
  let values = table.get(key)
  if (values === undefined) table.set(key, (values = new Map<string, CompiledRule[]>()))
  const list = values.get(value)
  if (list === undefined) values.set(value, [rule])
  else list.push(rule)
}

function append(map: Map<string, CompiledRule[]>, key: string, rule: CompiledRule): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [rule])
  else list.push(rule)
}

/** The namespaces a rule is limited to by name, if it is. */
function namespacesOf(rule: CompiledRule): ReadonlySet<string> | undefined {
  if (!rule.root) return new Set([rule.namespace])
  return rule.namespaceSelector.requirements.find(
    (r) => r.key === namespaceNameLabel && r.operator === 'In'
  )?.values
}

/**
 * Returns the profiles that a rule means for pods of a namespace. A rule's profile is looked for in its own namespace; one of
 * the root namespace also means the profile of that name in the pod's. Outside the root, only the own and the root namespace
 * may be named.
 */
export function profilesOfRule(rule: CompiledRule, namespace: string): string[] {
  if (rule.profile === undefined) return []
  const { name, namespace: stated } = rule.profile
  if (stated !== undefined) {
    const reachable = rule.root || stated === rule.namespace || stated === rootNamespace
    return reachable ? [profileKey(stated, name)] : []
  }
  const own = profileKey(rule.namespace, name)
  return rule.root && namespace !== rule.namespace ? [own, profileKey(namespace, name)] : [own]
}

/** Returns a function that finds the most important rule which audits or enforces with a profile. */
function givingRules(rules: readonly CompiledRule[]): RuleIndex['giving'] {
  const byName = new Map<string, CompiledRule[]>()
  for (const rule of rules) {
    if (rule.mode !== 'learn' && rule.profile !== undefined) append(byName, rule.profile.name, rule)
  }
  return (namespace, name) =>
    byName
      .get(name)
      ?.filter((rule) => profilesOfRule(rule, namespace).includes(profileKey(namespace, name)))
      .sort((a, b) => a.order - b.order)[0]
}

/** How many rules share each `key = value`, namespace and image: the rarest makes the best anchor. */
function countSharing(rules: readonly CompiledRule[]) {
  const counts = new Map<string, Map<string, number>>()
  const namespaces = new Map<string, number>()
  const images = new Map<string, number>()
  for (const rule of rules) {
    for (const { key, operator, values } of rule.pod.requirements) {
      if (operator !== 'In') continue
      let byValue = counts.get(key)
      if (byValue === undefined) counts.set(key, (byValue = new Map<string, number>()))
      for (const value of values) byValue.set(value, (byValue.get(value) ?? 0) + 1)
    }
    for (const name of namespacesOf(rule) ?? [])
      namespaces.set(name, (namespaces.get(name) ?? 0) + 1)
    for (const name of rule.images?.repositories ?? [])
      images.set(name, (images.get(name) ?? 0) + 1)
  }
  const cost = (requirement: LabelRequirement): number => {
    let sum = 0
    for (const value of requirement.values) sum += counts.get(requirement.key)?.get(value) ?? 0
    return sum
  }
  const sumOf = (shared: ReadonlyMap<string, number>) => (names: Iterable<string>) => {
    let sum = 0
    for (const name of names) sum += shared.get(name) ?? 0
    return sum
  }
  return { cost, namespaceCost: sumOf(namespaces), imageCost: sumOf(images) }
}

/**
 * Builds the index. Each rule hangs on one anchor that a pod must have to match it: its rarest
 * `key = value` (or set of values), namespace or image, else a key that must exist, else nothing.
 */
export function buildRuleIndex(rules: readonly CompiledRule[]): RuleIndex {
  const usable = rules.filter((rule) => !rule.pod.never && !rule.namespaceSelector.never)
  const { cost, namespaceCost, imageCost } = countSharing(usable)
  const byLabel: Table = new Map()
  const byKey = new Map<string, CompiledRule[]>()
  const byNamespace = new Map<string, CompiledRule[]>()
  const byImage = new Map<string, CompiledRule[]>()
  const always: CompiledRule[] = []
  for (const rule of usable) {
    let anchor: LabelRequirement | undefined
    let best = Number.POSITIVE_INFINITY
    for (const requirement of rule.pod.requirements) {
      if (requirement.operator !== 'In') continue
      const price = cost(requirement)
      if (price < best) [anchor, best] = [requirement, price]
    }
    const namespaces = namespacesOf(rule)
    const repositories = rule.images?.repositories
    if (repositories !== undefined) {
      const price = imageCost(repositories)
      const others = Math.min(
        best,
        namespaces === undefined ? Number.POSITIVE_INFINITY : namespaceCost(namespaces)
      )
      if (price <= others) {
        for (const repository of repositories) append(byImage, repository, rule)
        continue
      }
    }
    const exists = rule.pod.requirements.find((r) => r.operator === 'Exists')
    if (anchor !== undefined && (namespaces === undefined || best <= namespaceCost(namespaces))) {
      for (const value of anchor.values) put(byLabel, anchor.key, value, rule)
    } else if (namespaces !== undefined) {
      for (const namespace of namespaces) append(byNamespace, namespace, rule)
    } else if (exists !== undefined) {
      append(byKey, exists.key, rule)
    } else {
      always.push(rule)
    }
  }
  return {
    size: rules.length,
    unanchored: always.length,
    usesImages: usable.some((rule) => rule.images !== undefined),
    giving: givingRules(usable),
    match(labels, namespace, namespaceLabels, images) {
      const found: CompiledRule[] = []
      const consider = (list: readonly CompiledRule[] | undefined): void => {
        if (list === undefined) return
        for (const rule of list) {
          if (ruleMatches(rule, labels, namespace, namespaceLabels, images)) found.push(rule)
        }
      }
      consider(always)
      consider(byNamespace.get(namespace))
      if (byImage.size > 0) {
        // A rule may name several of the pod's images: it is found once.
        const named = new Set<CompiledRule>()
        const lists =
          images === undefined || images.some(({ isId }) => isId === true)
            ? byImage.values()
            : images.map(({ repository }) => byImage.get(repository) ?? [])
        for (const list of lists) for (const rule of list) named.add(rule)
        consider([...named])
      }
      for (const key of Object.keys(labels)) {
        const value = labels[key]
        if (value === undefined) continue
        consider(byLabel.get(key)?.get(value))
        consider(byKey.get(key))
      }
      return found.length > 1 ? found.sort((a, b) => a.order - b.order) : found
    }
  }
}
