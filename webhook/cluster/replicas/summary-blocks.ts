import type { Unblocked } from '../../hub/revisions/unblocked.js'

/** PublishedBlocks is what the active hub blocks, as replicas without a hub read it from its summary. */
export interface PublishedBlocks {
  /** The blockDigest() of the overlay that the hub has rendered. */
  block: string
  /**
   * Returns the digest of the revision that new pods get in place of this one: without what is blocked. Undefined: the
   * hub has none, so pods must not get this revision.
   */
  without(path: string, digest: string): string | undefined
}

/** WireBlocks is the part of a summary about blocks. Paths that it does not list allow nothing of what is blocked. */
export interface WireBlocks {
  block: string
  /** Indexes in `paths` of the revisions that have a replacement. */
  replaced: number[]
  /** `digestLength` characters for each replacement. */
  digests: string
  /** Indexes in `paths` of the revisions that have none. */
  closed: number[]
}

/**
 * Replacements of a summary at most: 128 KiB. Further revisions are written as having none, which is always safe; the
 * revisions that ladders have named longest are the last ones.
 */
export const mostReplacements = 4096

/** A sha256 in base64url. */
const digestLength = 43

/** Encodes what a block leaves of these paths; no member when nothing is blocked. */
export function encodeBlocks(
  paths: readonly string[],
  { block, digests }: Unblocked
): { blocks?: WireBlocks } {
  if (block === '') return {}
  const replacements = new Map<string, string>()
  for (const [path, digest] of digests) {
    if (replacements.size === mostReplacements) break
    const hex = digest.replace('sha256:', '')
    if (!path.endsWith(`/${hex}.json`))
      replacements.set(path, Buffer.from(hex, 'hex').toString('base64url'))
  }
  const [replaced, closed]: [number[], number[]] = [[], []]
  const kept: string[] = []
  paths.forEach((path, at) => {
    const replacement = replacements.get(path)
    const digest = digests.get(path)
    if (replacement !== undefined) {
      replaced.push(at)
      kept.push(replacement)
    } else if (digest === undefined || !path.endsWith(`/${digest.replace('sha256:', '')}.json`)) {
      closed.push(at)
    }
  })
  return { blocks: { block, replaced, digests: kept.join(''), closed } }
}

/** Returns the same for a summary that would be too large: revisions that allow what is blocked have no replacement. */
export function withoutReplacements({ block, replaced, closed }: WireBlocks): WireBlocks {
  return { block, replaced: [], digests: '', closed: [...replaced, ...closed] }
}

const areIndexes = (value: unknown): boolean =>
  Array.isArray(value) && value.every((one) => typeof one === 'number')

/** Returns whether a value has the form of WireBlocks. */
export function isBlocks(value: unknown): value is WireBlocks {
  if (typeof value !== 'object' || value === null) return false
  const { block, replaced, digests, closed } = value as Record<string, unknown>
  return (
    typeof block === 'string' &&
    typeof digests === 'string' &&
    areIndexes(replaced) &&
    areIndexes(closed)
  )
}

/** Decodes what a block leaves of revisions. @param indexOf returns the index of a path in the summary */
export function decodeBlocks(
  { block, replaced, digests, closed }: WireBlocks,
  indexOf: (path: string) => number | undefined
): PublishedBlocks {
  const unusable = new Set(closed)
  const replacements = new Map<number, string>()
  replaced.forEach((index, nth) => {
    const text = digests.slice(nth * digestLength, (nth + 1) * digestLength)
    const bytes = Buffer.from(text, 'base64url')
    if (bytes.length === 32) replacements.set(index, `sha256:${bytes.toString('hex')}`)
    else unusable.add(index)
  })
  return {
    block,
    without(path, digest) {
      const at = indexOf(path)
      if (at === undefined || unusable.has(at)) return undefined
      return replacements.get(at) ?? digest
    }
  }
}
