import type { LabelSelector, SeccompRule } from '../../../src/api/seccomp-rule.js'
import { rootNamespace } from '../../../src/api/names.js'
import {
  missingProfileOf,
  missingProfileText,
  type ProfileExists
} from '../../../src/confinement/rule-mode.js'
import { oncePer } from '../../../src/lib/once-per.js'
import { compileRules } from '../../../src/rules/rule.js'
import type { UiSources } from './sources.js'

/** A rule in its order, with its problems. */
export interface RuleLine {
  key: string
  rule: SeccompRule
  /** Name of an earlier rule that matches every pod and container of this one; undefined without one. */
  shadowedBy: string | undefined
  problems: string[]
}

/** The requirements of a selector as strings, cached because each rule is compared with all earlier ones. */
const requirements = oncePer((selector: LabelSelector): ReadonlySet<string> => {
  const labels = Object.entries(selector.matchLabels ?? {}).map(
    ([key, value]) => `${key} in ${value}`
  )
  const expressions = (selector.matchExpressions ?? []).map(
    ({ key, operator, values = [] }) =>
      `${key} ${operator === 'In' && values.length === 1 ? 'in' : operator} ${[...values].sort().join(',')}`
  )
  return new Set([...labels, ...expressions])
})

/** Whether `wide` matches everything that `narrow` matches. It compares requirements only, so false can be wrong. */
function covers(wide: LabelSelector | undefined, narrow: LabelSelector | undefined): boolean {
  if (wide === undefined) return true
  const own = narrow === undefined ? undefined : requirements(narrow)
  for (const each of requirements(wide)) if (own?.has(each) !== true) return false
  return true
}

/** Whether the first list of names or images covers the second. */
function coversNames(
  wide: readonly string[] | undefined,
  narrow: readonly string[] | undefined
): boolean {
  if (wide === undefined || wide.includes('*')) return true
  return narrow !== undefined && narrow.every((name) => wide.includes(name))
}

const homeOf = ({ metadata }: SeccompRule): string => metadata.namespace ?? rootNamespace

/** Whether one rule shadows a later rule of its namespace. Rules of other namespaces only tighten, and always count. */
function shadows(first: SeccompRule, later: SeccompRule): boolean {
  return (
    covers(first.spec.podSelector, later.spec.podSelector) &&
    covers(first.spec.namespaceSelector, later.spec.namespaceSelector) &&
    coversNames(first.spec.containers, later.spec.containers) &&
    coversNames(first.spec.images, later.spec.images)
  )
}

/**
 * Lists rules in the order in which they are asked, and marks those that can never win or name a profile that does not exist.
 * Pure.
 * @param exists see `missingProfileOf`
 */
export function ruleLines(
  rules: readonly SeccompRule[],
  exists: ProfileExists = () => true
): RuleLine[] {
  const byKey = new Map(
    rules.map((rule) => [`${rule.metadata.namespace ?? rootNamespace}/${rule.metadata.name}`, rule])
  )
  const { rules: ordered, problems } = compileRules(rules)
  const before = new Map<string, SeccompRule[]>()
  return ordered.flatMap(({ key }): RuleLine[] => {
    const rule = byKey.get(key)
    if (rule === undefined) return []
    const neighbours = before.get(homeOf(rule)) ?? []
    const shadow = neighbours.find((first) => shadows(first, rule))
    neighbours.push(rule)
    before.set(homeOf(rule), neighbours)
    const missing = missingProfileOf(rule, exists)
    return [
      {
        key,
        rule,
        shadowedBy: shadow?.metadata.name,
        problems: [
          ...problems.filter((one) => one.rule === key).map(({ message }) => message),
          ...(missing === undefined ? [] : [missingProfileText(missing)])
        ]
      }
    ]
  })
}

/** The label that Kubernetes sets on every namespace. */
const namespaceName = 'kubernetes.io/metadata.name'

/** Formats a selector: `app: web, tier not in db`. A namespace is formatted as its name. */
export function selectorText(selector: LabelSelector | undefined): string {
  const labels = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) =>
    key === namespaceName ? value : `${key}: ${value}`
  )
  const words = { In: 'in', NotIn: 'not in', Exists: 'is set', DoesNotExist: 'is not set' } as const
  const expressions = (selector?.matchExpressions ?? []).map(({ key, operator, values = [] }) =>
    key === namespaceName && operator === 'In'
      ? values.join(', ')
      : `${key} ${words[operator]} ${values.join(', ')}`.trim()
  )
  const all = [...labels, ...expressions]
  return all.length === 0 ? 'every pod' : all.join(', ')
}

/**
 * Returns the rules that are stored now, and those of them that the person may read: the watch of this process hears of one that
 * was just written a moment later. Without an answer of the store, `stored` is absent and the others are those that are known.
 */
export async function rulesNow(
  sources: Pick<UiSources, 'storedRules' | 'isReadable' | 'rules'>
): Promise<{ stored?: readonly SeccompRule[]; readable: readonly SeccompRule[] }> {
  const stored = await sources.storedRules().catch(() => undefined)
  if (stored === undefined) return { readable: sources.rules() }
  return { stored, readable: stored.filter((rule) => sources.isReadable(homeOf(rule))) }
}

/** Returns whether there is a profile of a key, or its namespace is one that the person may not read. */
export function existsFor({
  profiles,
  isReadable
}: Pick<UiSources, 'profiles' | 'isReadable'>): ProfileExists {
  const keys = new Set(
    profiles().map(({ metadata }) => `${metadata.namespace ?? rootNamespace}/${metadata.name}`)
  )
  return (namespace, name) => keys.has(`${namespace}/${name}`) || !isReadable(namespace)
}
