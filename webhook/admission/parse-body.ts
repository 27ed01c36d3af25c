import secureJsonParse from 'secure-json-parse'
import { SeccoError } from '../../src/lib/errors.js'
import { cutReview } from './review-text.js'

/** What the API server reads of one request: MaxRequestBodyBytes (k8s.io/apiserver/pkg/server/config.go), not configurable. */
const requestBytes = 3 * 2 ** 20
/** What etcd stores of one object by default: DefaultMaxRequestBytes (etcd server/embed/config.go). */
const storedBytes = 1.5 * 2 ** 20
/** What the API server reads of headers (net/http DefaultMaxHeaderBytes): names, groups and extra of the user come in them. */
const headerBytes = 2 ** 20
/** encoding/json of Go writes `<`, `>`, `&`, control characters and bytes that are not UTF-8 as six: `\u003c`. */
const escaping = 6

/**
 * The longest review of a pod that the API server accepts. A new pod comes from one request; a changed one comes with its
 * old self, and both are stored. All of it may have to be escaped. 24 MiB: a lower limit would be a way around the rules.
 */
export const bodyLimit = escaping * (Math.max(requestBytes, 2 * storedBytes) + headerBytes)

/** Finds where a forbidden key may be, written plainly or with escapes. */
const suspicious = /__proto__|"constructor"|\\u00/

/** The text of a review, without the parts that nothing reads. */
export interface BodyText {
  kept: string
  /** Whether a forbidden key may be in it. */
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
 * Parses what `bodyText` gave. `__proto__` and `constructor.prototype` are left out: the API server accepts such keys in
 * maps of any key, so refusing them would be a way around the rules.
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
 * Parses the body of a review. What nothing reads (`managedFields`, `env`, …) is left out.
 * @throws SeccoError INVALID_REVIEW, TOO_LARGE. Neither message holds anything of the body.
 */
export function parseBody(body: Buffer): unknown {
  return parseText(bodyText(body))
}
