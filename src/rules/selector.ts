import type { LabelSelector } from '../api/seccomp-rule.js'

/** Labels as they come out of JSON: own properties only count, so a label may be named `constructor`. */
export type Labels = Readonly<Record<string, string>>

export interface LabelRequirement {
  key: string
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'
  values: ReadonlySet<string>
}

/** A compiled metav1.LabelSelector. `never` when it is invalid: it then selects nothing. */
export interface CompiledSelector {
  requirements: readonly LabelRequirement[]
  never: boolean
}

/**
 * Compiles a label selector (metav1.LabelSelector). An absent selector selects everything, as an empty one does.
 * @param field path of the selector in its document, for the problems.
 * @returns the selector, and what is wrong with it in the words of the API server's validation.
 */
export function compileSelector(
  selector: LabelSelector | undefined,
  field: string
): { selector: CompiledSelector; problems: string[] } {
  const requirements: LabelRequirement[] = []
  const problems: string[] = []
  for (const [key, value] of Object.entries(selector?.matchLabels ?? {})) {
    requirements.push({ key, operator: 'In', values: new Set([value]) })
  }
  for (const [i, expression] of (selector?.matchExpressions ?? []).entries()) {
    const { key, operator } = expression
    const values = new Set(expression.values ?? [])
    const wantsValues = operator === 'In' || operator === 'NotIn'
    if (wantsValues && values.size === 0) {
      problems.push(`${field}.matchExpressions[${i}].values: must not be empty for ${operator}`)
    } else if (!wantsValues && values.size > 0) {
      problems.push(`${field}.matchExpressions[${i}].values: must be empty for ${operator}`)
    }
    requirements.push({ key, operator, values })
  }
  return { selector: { requirements, never: problems.length > 0 }, problems }
}

/** Whether one requirement holds; NotIn and DoesNotExist hold where the key is absent. */
function holds(requirement: LabelRequirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined
  switch (requirement.operator) {
    case 'In':
      return value !== undefined && requirement.values.has(value)
    case 'NotIn':
      return value === undefined || !requirement.values.has(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
  }
}

/** Whether the labels satisfy every requirement of the selector. */
export function selectorMatches(selector: CompiledSelector, labels: Labels): boolean {
  if (selector.never) return false
  for (const requirement of selector.requirements) {
    if (!holds(requirement, labels)) return false
  }
  return true
}
