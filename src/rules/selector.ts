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
  problems.push(...impossibleLabels(requirements, field), ...contradictions(requirements, field))
  return { selector: { requirements, never: problems.length > 0 }, problems }
}

/** Forms of label keys and values that the API server accepts (apimachinery, IsQualifiedName and IsValidLabelValue). */
const keyForm =
  /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/
const valueForm = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/

/** Returns requirements that only a label fulfils that no object can have: the selector selects nothing. */
function impossibleLabels(requirements: readonly LabelRequirement[], field: string): string[] {
  return requirements.flatMap(({ key, operator, values }) => {
    if (operator !== 'In' && operator !== 'Exists') return []
    if (!keyForm.test(key)) return [`${field}: ${JSON.stringify(key)} is not a label key`]
    const [bad] = values
    if (bad === undefined || [...values].some((value) => valueForm.test(value))) return []
    return [
      `${field}: ${JSON.stringify(bad)} is not a label value, so no object has ${key} with it`
    ]
  })
}

/** Returns the keys whose requirements exclude each other: the selector selects nothing. */
function contradictions(requirements: readonly LabelRequirement[], field: string): string[] {
  return [...new Set(requirements.map(({ key }) => key))].flatMap((key) => {
    const own = requirements.filter((one) => one.key === key)
    const of = (operator: LabelRequirement['operator']) =>
      own.filter((one) => one.operator === operator)
    const wanted = of('In').map(({ values }) => values)
    const isWanted = wanted.length > 0 || of('Exists').length > 0
    const [first, ...rest] = wanted
    const left =
      first === undefined
        ? undefined
        : [...first]
            .filter((value) => rest.every((values) => values.has(value)))
            .filter((value) => !of('NotIn').some(({ values }) => values.has(value)))
    const isEmpty = left?.length === 0 && wanted.every(({ size }) => size > 0)
    const isBoth = isWanted && of('DoesNotExist').length > 0
    return isEmpty || isBoth
      ? [`${field}: the requirements on ${key} exclude each other, so it selects nothing`]
      : []
  })
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
