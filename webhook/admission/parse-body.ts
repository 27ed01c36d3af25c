import secureJsonParse from 'secure-json-parse'
import { SeccoError } from '../../src/lib/errors.js'
import { cutReview } from './review-text.js'

/** The largest request that the API server reads: MaxRequestBodyBytes (k8s.io/apiserver/pkg/server/config.go), not configurable. */
const requestBytes = 3 * 2 ** 20
/** The largest object that etcd stores by default: DefaultMaxRequestBytes (etcd server/embed/config.go). */
const storedBytes = 1.5 * 2 ** 20
/** The largest headers that the API server reads (net/http DefaultMaxHeaderBytes): they have the user's names, groups and extra. */
const headerBytes = 2 ** 20
/** Go's encoding/json writes `<`, `>`, `&`, control characters and bytes that are not UTF-8 as six bytes: `\u003c`. */
const escaping = 6

/**
 * The longest review of a pod that the API server sends: 24 MiB. A new pod comes from one request; a changed pod comes with
 * its old version, and both are stored. All bytes may need escaping. A lower limit would be a way around the rules.
 */
export const bodyLimit = escaping * (Math.max(requestBytes, 2 * storedBytes) + headerBytes)

/** Matches text that may hold a forbidden key, written plainly or with escapes. */
const suspicious = /__proto__|"constructor"|\\u00/

/** BodyText is the text of a review without the parts that nothing reads. */
export interface BodyText {
  kept: string
  /** Whether the text may hold a forbidden key. */
  suspicious: boolean
}

/**
 * Reads the body of a review as text.
 * @throws SeccoError INVALID_REVIEW, TOO_LARGE.
 */
export function bodyText(body: Buffer): BodyText {
  const kept = cutReview(body)
  return { kept, suspicious: suspicious.test(kept) }
}

/**
 * Parses a text from `bodyText`. `__proto__` and `constructor.prototype` are left out: the API server accepts such keys
 * in maps of any key, so rejecting them would be a way around the rules.
 * @throws SeccoError INVALID_REVIEW. The message holds nothing of the body.
 */
export function parseText(text: BodyText): unknown {
  try {
    return text.suspicious
      ? (secureJsonParse(text.kept, {
          protoAction: 'remove',
          constructorAction: 'remove'
        }) as unknown)
      : (JSON.parse(text.kept) as unknown)
  } catch {
    throw new SeccoError('INVALID_REVIEW', 'the body: not JSON')
  }
}

/**
 * Parses the body of a review without the parts that nothing reads (`managedFields`, `env`, …).
 * @throws SeccoError INVALID_REVIEW, TOO_LARGE. Neither message holds anything of the body.
 */
export function parseBody(body: Buffer): unknown {
  return parseText(bodyText(body))
}
