import { rootNamespace } from '../../src/api/names.js'
import type { Decision } from '../../src/rules/decision.js'

/** Overruled is a rule that selects a pod, and the rule that decides instead. Both are keys, `<namespace>/<name>`. */
export interface Overruled {
  rule: string
  by: string
}

const isRoot = (rule: string) => rule.startsWith(`${rootNamespace}/`)
/** Whether the source of a decision is a rule, and not a label of the pod. */
export const isRule = (source: string): boolean =>
  source.includes('/') && !source.startsWith('label ')

/**
 * Returns the rules that select a pod and decide about none of its containers, each with a rule that does. A rule of the
 * root namespace that another namespace's rule tightens is not overruled: it still sets the limit. Another rule of the root
 * namespace that would have set it is overruled by that one. Pure.
 */
export function overruledRules({ matched, containers }: Decision): Overruled[] {
  const deciding = new Set(
    containers.flatMap(({ rule, limitedBy }) => [rule ?? [], limitedBy ?? []].flat()).filter(isRule)
  )
  return matched.filter(isRule).flatMap((rule) => {
    if (deciding.has(rule)) return []
    const by = [...deciding].find((other) => isRoot(other) || !isRoot(rule))
    return by === undefined ? [] : [{ rule, by }]
  })
}
