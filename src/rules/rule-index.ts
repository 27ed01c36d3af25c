import { type Rule, ruleMatches } from './rule.js'
import type { Labels, Requirement } from './selector.js'

/** Finds the rules for a pod without looking at the others: 10,000 rules cost about what one costs. */
export interface RuleIndex {
  size: number
  /** Rules that no label, key or namespace anchors: they are looked at for every pod. Keep them few. */
  unanchored: number
  /** Matching rules, the most important first. */
  match(labels: Labels, namespace: string, namespaceLabels: Labels): Rule[]
}

type Table = Map<string, Map<string, Rule[]>>

const namespaceNameLabel = 'kubernetes.io/metadata.name'

function put(table: Table, key: string, value: string, rule: Rule): void {
  let values = table.get(key)
  if (values === undefined) table.set(key, (values = new Map<string, Rule[]>()))
  const list = values.get(value)
  if (list === undefined) values.set(value, [rule])
  else list.push(rule)
}

function append(map: Map<string, Rule[]>, key: string, rule: Rule): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [rule])
  else list.push(rule)
}

/** The namespaces a rule is limited to by name, if it is. */
function namespacesOf(rule: Rule): ReadonlySet<string> | undefined {
  if (!rule.root) return new Set([rule.namespace])
  return rule.namespaceSelector.requirements.find(
    (r) => r.key === namespaceNameLabel && r.operator === 'In'
  )?.values
}

/** How many rules share each `key = value` and each namespace: the rarest makes the best anchor. */
function countSharing(rules: readonly Rule[]) {
  const counts = new Map<string, Map<string, number>>()
  const namespaces = new Map<string, number>()
  for (const rule of rules) {
    for (const { key, operator, values } of rule.pod.requirements) {
      if (operator !== 'In') continue
      let byValue = counts.get(key)
      if (byValue === undefined) counts.set(key, (byValue = new Map<string, number>()))
      for (const value of values) byValue.set(value, (byValue.get(value) ?? 0) + 1)
    }
    for (const name of namespacesOf(rule) ?? [])
      namespaces.set(name, (namespaces.get(name) ?? 0) + 1)
  }
  const cost = (requirement: Requirement): number => {
    let sum = 0
    for (const value of requirement.values) sum += counts.get(requirement.key)?.get(value) ?? 0
    return sum
  }
  const namespaceCost = (names: ReadonlySet<string>): number => {
    let sum = 0
    for (const name of names) sum += namespaces.get(name) ?? 0
    return sum
  }
  return { cost, namespaceCost }
}

/**
 * Builds the index. Each rule hangs on one anchor that a pod must have to match it: its rarest
 * `key = value` (or set of values) or namespace, else a key that must exist, else nothing.
 */
export function buildRuleIndex(rules: readonly Rule[]): RuleIndex {
  const usable = rules.filter((rule) => !rule.pod.never && !rule.namespaceSelector.never)
  const { cost, namespaceCost } = countSharing(usable)
  const byLabel: Table = new Map()
  const byKey = new Map<string, Rule[]>()
  const byNamespace = new Map<string, Rule[]>()
  const always: Rule[] = []
  for (const rule of usable) {
    let anchor: Requirement | undefined
    let best = Number.POSITIVE_INFINITY
    for (const requirement of rule.pod.requirements) {
      if (requirement.operator !== 'In') continue
      const price = cost(requirement)
      if (price < best) [anchor, best] = [requirement, price]
    }
    const namespaces = namespacesOf(rule)
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
    match(labels, namespace, namespaceLabels) {
      const found: Rule[] = []
      const consider = (list: readonly Rule[] | undefined): void => {
        if (list === undefined) return
        for (const rule of list) {
          if (ruleMatches(rule, labels, namespace, namespaceLabels)) found.push(rule)
        }
      }
      consider(always)
      consider(byNamespace.get(namespace))
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
