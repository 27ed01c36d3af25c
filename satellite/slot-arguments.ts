import type { Arguments } from '../native/types.js'
import type { ArgumentValues } from '../src/api/gen/hub.js'
import type { Abi } from '../src/seccomp/abi.js'
import { learnedArguments, learnedCompatArguments } from '../src/seccomp/learned-arguments.js'
import { syscallName } from '../src/seccomp/syscall-table.js'
import { abiOf } from './abi-of.js'

const all = [...learnedArguments, ...learnedCompatArguments]

/**
 * Argument values of one slot as they travel: by ABI, name and index, values ascending. A call that had
 * more values than the kernel side keeps says `many` for each of its arguments, without values.
 */
export function namedArguments(given: Arguments, machine: Abi): ArgumentValues[] {
  if (given.values.length + given.many.length === 0) return []
  const many = new Set(given.many.map(({ abi, nr }) => `${abi} ${nr}`))
  const found = new Map<string, { row: ArgumentValues; values: Set<bigint> }>()
  const rowOf = (kind: Arguments['many'][number], index: number) => {
    const abi = abiOf(kind.abi, machine)
    const name = syscallName(abi, kind.nr)
    const key = `${abi} ${name} ${index}`
    const known = found.get(key)
    if (known !== undefined) return known
    const isMany = many.has(`${kind.abi} ${kind.nr}`)
    const row = { abi, name, index, values: [], many: isMany }
    const made = { row, values: new Set<bigint>() }
    found.set(key, made)
    return made
  }
  for (const one of given.values) rowOf(one, one.index).values.add(one.value)
  const withValues = new Set(given.values.map(({ abi, nr }) => `${abi} ${nr}`))
  for (const one of given.many) {
    if (withValues.has(`${one.abi} ${one.nr}`)) continue
    const name = syscallName(abiOf(one.abi, machine), one.nr)
    for (const { index } of all.filter((argument) => argument.name === name)) rowOf(one, index)
  }
  return [...found]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([, { row, values }]) => ({
      ...row,
      values: row.many ? [] : [...values].sort((a, b) => (a < b ? -1 : 1)).map(String)
    }))
}
