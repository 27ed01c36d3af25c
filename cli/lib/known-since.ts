import type { RefusedContainer } from '../../webhook/confinement/denials/why-eperm.js'

/** Several hubs know denials only since the last of them began; undefined: one of them does not report it. */
export function latestKnownSince(all: readonly (string | undefined)[]): string | undefined {
  const known = all.flatMap((one) => one ?? [])
  if (known.length < all.length) return undefined
  return known.sort((a, b) => Date.parse(a) - Date.parse(b)).at(-1)
}

/** What an empty list of denials does not exclude. */
export function knownSinceNote(knownSince: string | undefined): string {
  return knownSince === undefined
    ? 'The hub does not report since when it knows them.'
    : `They are known since ${knownSince}; earlier ones are not excluded.`
}

/** A running container of which no denial is known. */
export interface WithoutDenials {
  container: Pick<RefusedContainer, 'name' | 'node' | 'startedAt'>
  /** RFC 3339. Its denials before that are not known; undefined: the hub does not report it. */
  knownSince: string | undefined
  /** Why its node may not see its denials, in words that follow the node's name. */
  unheard: string | undefined
  /** Nothing else that was denied could be what the container is asked about. */
  isOnly: boolean
}

/**
 * What is known of a container without a known denial. Another cause of an EPERM is named only where its
 * denials are known from its first moment on.
 */
export function absenceWords({ container, knownSince, unheard, isOnly }: WithoutDenials): string {
  const { name, node, startedAt } = container
  const where = `${name} on ${node}`
  if (unheard !== undefined)
    return `${where}: no refused call is known, but ${node} ${unheard}: there may be some.`
  if (knownSince === undefined)
    return `${where}: no refused call is known, but the hub does not report since when it knows them: there may be some.`
  if (Date.parse(startedAt) >= Date.parse(knownSince)) {
    const other = isOnly ? ': an EPERM has another cause (capabilities, file rights, an LSM)' : ''
    return `${where}: no call was refused by seccomp since it began at ${startedAt}${other}.`
  }
  return `${where}: no refused call is known since ${knownSince}, but it began at ${startedAt}: there may be earlier ones.`
}
