import { oncePer } from '../../lib/once-per.js'
import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { type Abi, abis } from '../../syscalls/abi.js'
import { fromBitmap } from '../../syscalls/bitmap.js'
import { firstUseOf } from './first-uses.js'
import type { Reason } from '../policy/reason.js'

/** Where a syscall was observed, according to a profile's evidence. */
interface Sighting {
  /** ABIs, in the order of the table. */
  abis: Abi[]
  /** Instances that remember it; 0 when only the union does. */
  instances: number
  nodes: string[]
  /** RFC 3339: when any instance used it for the first time, also one that is forgotten; empty when unknown. */
  first: string
  /** RFC 3339: when the newest of the instances was seen last; empty when unknown. */
  last: string
}

type ObservedInstance = NonNullable<NonNullable<SeccompProfile['status']>['instances']>[number]

function namesOf(instance: ObservedInstance): Set<string> {
  const names = new Set<string>()
  for (const abi of abis) {
    const bitmap = instance.observed?.[abi]
    if (bitmap !== undefined) for (const name of fromBitmap(abi, bitmap)) names.add(name)
  }
  return names
}

function indexOf(profile: SeccompProfile): ReadonlyMap<string, Sighting> {
  const index = new Map<string, Sighting>()
  for (const abi of abis) {
    for (const name of profile.status?.observed?.[abi] ?? []) {
      const known = index.get(name)
      if (known !== undefined) known.abis.push(abi)
      else index.set(name, { abis: [abi], instances: 0, nodes: [], first: '', last: '' })
    }
  }
  for (const instance of profile.status?.instances ?? []) {
    const first = instance.firstSeen ?? instance.lastSeen
    for (const name of namesOf(instance)) {
      const one = index.get(name)
      if (one === undefined) continue
      one.instances += 1
      if (!one.nodes.includes(instance.node)) one.nodes.push(instance.node)
      if (one.first === '' || first < one.first) one.first = first
      if (instance.lastSeen > one.last) one.last = instance.lastSeen
    }
  }
  const firstUse = firstUseOf(profile.status)
  for (const [name, one] of index) {
    one.nodes.sort()
    // Before profiles kept these times, an instance that is remembered is all that is known.
    one.first = firstUse(name, one.abis) ?? one.first
  }
  return index
}

/** Name → who saw it, for everything in status.observed. Profiles are never changed in place. */
export const sightingsOf: (profile: SeccompProfile) => ReadonlyMap<string, Sighting> =
  oncePer(indexOf)

/** A sighting as a reason. */
export function observedReason(sighting: Sighting): Reason {
  const { instances, nodes, first, last } = sighting
  const where = sighting.abis.join(', ')
  const at = first === '' ? {} : { at: first }
  if (instances === 0) return { kind: 'observed', text: where, ...at }
  const text = `${where}, in ${instances} instance${instances === 1 ? '' : 's'}, last ${last}`
  return { kind: 'observed', text, by: nodes.join(', '), ...at }
}
