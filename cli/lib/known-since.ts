import { containerOfPod } from '../../webhook/views/sentence.js'
import type { DeniedContainer } from '../../webhook/confinement/denials/why-eperm.js'

/** Explains what an empty list of denials does not exclude. */
export function knownSinceNote(knownSince: string | undefined): string {
  return knownSince === undefined
    ? 'The hub does not report since when it knows denials.'
    : `Denials are known since ${knownSince}; there may be earlier ones.`
}

/** A running container without a known denial. */
interface WithoutDenials {
  container: Pick<DeniedContainer, 'name' | 'node' | 'pod' | 'startedAt'>
  /** RFC 3339. Earlier denials are not known; undefined: the hub does not report the time. */
  knownSince: string | undefined
  /** Why its node may not record its denials, in words that follow the node's name. */
  unheard: string | undefined
  /** No other denial can be the reason for the question about the container. */
  isOnly: boolean
}

/**
 * Describes a container without a known denial. Another cause of an EPERM is named only when its denials are known
 * from its start on.
 */
export function absenceWords({ container, knownSince, unheard, isOnly }: WithoutDenials): string {
  const { name, node, pod, startedAt } = container
  const where = `${containerOfPod({ name, pod })} on ${node}`
  if (unheard !== undefined)
    return `${where}: no denial is known, but ${node} ${unheard}, so there may be some.`
  if (knownSince === undefined)
    return `${where}: no denial is known, but the hub does not report since when it knows denials.`
  if (Date.parse(startedAt) >= Date.parse(knownSince)) {
    const other = isOnly ? ': an EPERM has another cause (capabilities, file rights, an LSM)' : ''
    return `${where}: no syscall was denied since its start at ${startedAt}${other}.`
  }
  return `${where}: no denial is known since ${knownSince}, but it started at ${startedAt}, so there may be earlier ones.`
}
