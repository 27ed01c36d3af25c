import type { Arguments } from '../../../native/types.js'
import type { ArgumentValues } from '../../../src/api/gen/hub.js'
import type { Abi } from '../../../src/syscalls/abi.js'
import {
  learnedArguments,
  learnedCompatArguments
} from '../../../src/seccomp/arguments/learned-arguments.js'
import { syscallName } from '../../../src/syscalls/syscall-table.js'
import { abiClasses, abiOf } from '../../lib/abi-of.js'

const all = [...learnedArguments, ...learnedCompatArguments]

/** Greater than every syscall number and every argument index. */
const mostCalls = 1 << 16
const mostArguments = 8
const callOf = ({ abi, nr }: Arguments['many'][number]): number =>
  abiClasses.indexOf(abi) * mostCalls + nr
const rowOrder = ({ abi, name, index }: ArgumentValues): string => `${abi} ${name} ${index}`

/**
 * Returns the argument values of one slot as they are sent: by ABI, name and index, values ascending. For a call
 * with more values than the kernel side keeps, each of its arguments says `many`, without values.
 */
export function namedArguments(given: Arguments, machine: Abi): ArgumentValues[] {
  if (given.values.length + given.many.length === 0) return []
  const many = new Set(given.many.map(callOf))
  const withValues = new Set<number>()
  const found = new Map<number, { row: ArgumentValues; values: bigint[] }>()
  const rowOf = (kind: Arguments['many'][number], index: number) => {
    const call = callOf(kind)
    const key = call * mostArguments + index
    const known = found.get(key)
    if (known !== undefined) return known
    const abi = abiOf(kind.abi, machine)
    const name = syscallName(abi, kind.nr)
    const made = { row: { abi, name, index, values: [], many: many.has(call) }, values: [] }
    found.set(key, made)
    return made
  }
  for (const one of given.values) {
    rowOf(one, one.index).values.push(one.value)
    withValues.add(callOf(one))
  }
  for (const one of given.many) {
    if (withValues.has(callOf(one))) continue
    const name = syscallName(abiOf(one.abi, machine), one.nr)
    for (const { index } of all.filter((argument) => argument.name === name)) rowOf(one, index)
  }
  return [...found.values()]
    .sort((left, right) => (rowOrder(left.row) < rowOrder(right.row) ? -1 : 1))
    .map(({ row, values }) => ({
      ...row,
      values: row.many ? [] : [...new Set(values)].sort((a, b) => (a < b ? -1 : 1)).map(String)
    }))
}
