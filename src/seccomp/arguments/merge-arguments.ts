import type { LearnedArgument } from '../../api/evidence-schema.js'
import { learnedValues } from './learned-arguments.js'

/** Arguments that a profile remembers, the first by ABI, name and index: a broken satellite must not fill it. */
const mostArguments = 256

const keyOf = ({ abi, name, index }: LearnedArgument): string => `${abi} ${name} ${index}`

function byValue(left: string, right: string): number {
  const [a, b] = [BigInt(left), BigInt(right)]
  return a < b ? -1 : a > b ? 1 : 0
}

function sameValues(left: LearnedArgument, right: LearnedArgument): boolean {
  return left.many === right.many && left.values.join() === right.values.join()
}

function join(left: LearnedArgument, right: LearnedArgument): LearnedArgument {
  const values = new Set([...left.values, ...right.values])
  const { abi, name, index } = left
  const many = left.many === true || right.many === true || values.size > learnedValues
  return many
    ? { abi, name, index, values: [], many }
    : { abi, name, index, values: [...values].sort(byValue) }
}

/**
 * Union of learned argument values, canonical: sorted by ABI, name and index, values ascending; more
 * than `learnedValues` of one argument become `many` without values. Commutative, associative, idempotent.
 */
export function mergeArguments(
  ...lists: readonly (readonly LearnedArgument[])[]
): LearnedArgument[] {
  const merged = new Map<string, LearnedArgument>()
  for (const one of lists.flat()) {
    const key = keyOf(one)
    merged.set(key, join(merged.get(key) ?? one, one))
  }
  return [...merged]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .slice(0, mostArguments)
    .map(([, one]) => one)
}

/** Whether two canonical lists are equal. */
export function sameArguments(
  left: readonly LearnedArgument[],
  right: readonly LearnedArgument[]
): boolean {
  return (
    left.length === right.length &&
    left.every((one, at) => {
      const other = right[at]
      return other !== undefined && keyOf(one) === keyOf(other) && sameValues(one, other)
    })
  )
}
