import type { AddonDenial } from './addon.js'
import type { AbiClass, Arguments, DenialDetail } from './types.js'

/** The ABIs by their numbers in native/bpf/slots.bpf.h. */
const abis: readonly AbiClass[] = ['native', 'compat', 'x32']

/** Makes a slot's arguments of the addon's rows of numbers. */
export function toArguments(
  found: [Float64Array, Float64Array] | undefined
): Arguments | undefined {
  if (found === undefined) return undefined
  const { 0: values, 1: many } = found
  const rows: Arguments = { values: [], many: [] }
  for (let at = 0; at + 3 < values.length; at += 4) {
    rows.values.push({
      abi: abis[values[at] ?? 0] ?? 'native',
      nr: values[at + 1] ?? 0,
      index: values[at + 2] ?? 0,
      value: BigInt(values[at + 3] ?? 0)
    })
  }
  for (let at = 0; at < many.length; at += 2) {
    rows.many.push({ abi: abis[many[at] ?? 0] ?? 'native', nr: many[at + 1] ?? 0 })
  }
  return rows
}

/** Gives a denial's ABI its name. */
export const toDetail = (denial: AddonDenial): DenialDetail => ({
  ...denial,
  abi: abis[denial.abi] ?? 'native'
})
