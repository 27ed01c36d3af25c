import type { NodeFacts, Taint } from './node-facts.js'

/**
 * Parts of a pod's spec (core/v1) that decide where it could run, unparsed: they are parsed only when
 * some node lacks a file, so that other pods cost nothing.
 */
export interface Placement {
  nodeName: unknown
  nodeSelector: unknown
  affinity: unknown
  tolerations: unknown
}

export const anywhere: Placement = {
  nodeName: undefined,
  nodeSelector: undefined,
  affinity: undefined,
  tolerations: undefined
}

type Raw = Record<string, unknown>

interface NodeRequirement {
  key: string
  operator: string
  values: readonly string[]
  /** On the node's name instead of a label. */
  field: boolean
}

interface Toleration {
  key: string
  operator: string
  value: string
  effect: string
}

/** A parsed placement, for checks against many nodes. */
export interface CompiledPlacement {
  /** The pod skips the scheduler: only this node can run it. Empty: any. */
  nodeName: string
  nodeSelector: readonly (readonly [string, string])[]
  /** One of them must hold; undefined: no required affinity. */
  terms: readonly (readonly NodeRequirement[])[] | undefined
  tolerations: readonly Toleration[]
}

const isObject = (value: unknown): value is Raw => typeof value === 'object' && value !== null
const objectOf = (value: unknown): Raw => (isObject(value) ? value : {})
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
const listOf = (value: unknown): Raw[] =>
  Array.isArray(value) ? value.filter((one: unknown) => isObject(one)) : []

function requirementsOf(list: unknown, field: boolean): NodeRequirement[] {
  return listOf(list).map(({ key, operator, values }) => ({
    key: textOf(key),
    operator: textOf(operator),
    values: Array.isArray(values) ? values.map(textOf) : [],
    field
  }))
}

export function compilePlacement(placement: Placement): CompiledPlacement {
  const nodeAffinity = objectOf(objectOf(placement.affinity)['nodeAffinity'])
  const required = nodeAffinity['requiredDuringSchedulingIgnoredDuringExecution']
  const terms = isObject(required)
    ? listOf(required['nodeSelectorTerms']).map((term) => [
        ...requirementsOf(term['matchExpressions'], false),
        ...requirementsOf(term['matchFields'], true)
      ])
    : undefined
  return {
    nodeName: textOf(placement.nodeName),
    nodeSelector: Object.entries(objectOf(placement.nodeSelector)).map(
      ([key, value]) => [key, textOf(value)] as const
    ),
    terms,
    tolerations: listOf(placement.tolerations).map(({ key, operator, value, effect }) => ({
      key: textOf(key),
      operator: textOf(operator),
      value: textOf(value),
      effect: textOf(effect)
    }))
  }
}

/** Whether the pod restricts its nodes. Tolerations alone only widen; every pod has some. */
export function isChoosy(placement: Placement): boolean {
  return (
    (placement.nodeName !== undefined && placement.nodeName !== '') ||
    placement.nodeSelector !== undefined ||
    (isObject(placement.affinity) && placement.affinity['nodeAffinity'] !== undefined)
  )
}

const whole = /^[+-]?\d+$/

function compareWhole(label: string, bound: string | undefined, greater: boolean): boolean {
  if (bound === undefined || !whole.test(label) || !whole.test(bound)) return false
  const difference = BigInt(label) - BigInt(bound)
  return greater ? difference > 0n : difference < 0n
}

/** NodeSelectorRequirement (core/v1). An operator of a later version is taken to hold. */
function holds({ key, operator, values, field }: NodeRequirement, node: NodeFacts): boolean {
  const label = Object.hasOwn(node.labels, key) ? node.labels[key] : undefined
  const value = field ? (key === 'metadata.name' ? node.name : undefined) : label
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'Gt':
    case 'Lt':
      return value !== undefined && compareWhole(value, values[0], operator === 'Gt')
    default:
      return true
  }
}

/** Toleration.ToleratesTaint (core/v1). An operator of a later version is taken to tolerate. */
function tolerates({ key, operator, value, effect }: Toleration, taint: Taint): boolean {
  if (effect !== '' && effect !== taint.effect) return false
  if (key !== '' && key !== taint.key) return false
  if (operator === '' || operator === 'Equal') return key !== '' && value === taint.value
  return true
}

const cordoned: Taint = {
  key: 'node.kubernetes.io/unschedulable',
  value: '',
  effect: 'NoSchedule'
}

function excludesPod(taint: Taint, tolerations: readonly Toleration[]): boolean {
  if (taint.effect !== 'NoSchedule' && taint.effect !== 'NoExecute') return false
  return !tolerations.some((toleration) => tolerates(toleration, taint))
}

const osLabel = 'kubernetes.io/os'

/**
 * Whether the scheduler (or, with nodeName, the kubelet) could put the pod on that node, by name, node
 * selector, required node affinity, taints, cordon and operating system. An unknown requirement
 * counts as met: one node too many only means that a pod gets what `whenNotReady` specifies.
 */
export function couldRun(placement: CompiledPlacement, node: NodeFacts): boolean {
  if (Object.hasOwn(node.labels, osLabel) && node.labels[osLabel] === 'windows') return false
  if (placement.nodeName !== '') return placement.nodeName === node.name
  for (const [key, value] of placement.nodeSelector) {
    if (!Object.hasOwn(node.labels, key) || node.labels[key] !== value) return false
  }
  const { terms, tolerations } = placement
  // A term without requirements selects nothing, as in the scheduler.
  const selected =
    terms === undefined ||
    terms.some((term) => term.length > 0 && term.every((requirement) => holds(requirement, node)))
  if (!selected) return false
  if (node.unschedulable && excludesPod(cordoned, tolerations)) return false
  return !node.taints.some((taint) => excludesPod(taint, tolerations))
}
