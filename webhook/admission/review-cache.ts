import type { Logger } from '../../src/lib/log.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import { type Admission, admit } from './admit.js'
import { decisionWriter, repeatedDecisionWriter, type WriteDecision } from './decision-log.js'
import { type BodyText, parseText } from './parse-body.js'
import { createPodCounters } from './pod-counter.js'

/** ReviewAnswer is the answer to a review, and how its audit line is written. */
export interface ReviewAnswer {
  admission: Admission
  /** The uid of this review: a remembered `admission` has the uid of the first one. */
  uid: string
  /** The AdmissionReview with its response, as JSON. */
  answer: string
  log: WriteDecision
  /** Whether the answer is that of an earlier review with the same text. */
  repeated: boolean
}

export interface ReviewCache {
  /**
   * @param caller the address of a caller that nothing proves to be the API server; empty: the API server
   * @throws SeccoError INVALID_REVIEW.
   */
  answer(snapshot: Snapshot, text: BodyText, caller?: string): ReviewAnswer
  /** Number of answers that are remembered. */
  readonly size: number
}

export interface ReviewCacheLimits {
  /** Number of reviews that are remembered. */
  entries: number
  /** Length of the longest text that is remembered, in characters. */
  length: number
}

interface Remembered {
  admission: Admission
  /** The answer around its uid. */
  before: string
  after: string
  log: WriteDecision | undefined
}

const kind = '"kind":"AdmissionReview"'
const version = String.raw`"apiVersion":"admission\.k8s\.io/v1"`
/** How kube-apiserver begins a review (k8s.io/api/admission/v1 types.go): the uid is first in the request. */
const beginning = new RegExp(
  String.raw`^\{(?:${kind},${version}|${version},${kind}),"request":\{"uid":"([0-9a-f-]{36})"`
)

const defaultLimits: ReviewCacheLimits = { entries: 512, length: 8192 }

/**
 * Creates a cache that answers reviews and remembers the answers. Reviews of the pods of one ReplicaSet differ only
 * in their uid and in parts that nothing reads. When all other text and the snapshot are the same, the decision is
 * the same, and the text is not parsed again. The cache drops the least recently used answers, and all of them when
 * the snapshot changes. While a canary runs, the decision depends on the pod's number, and nothing is remembered.
 */
export function createReviewCache(
  logger: Logger,
  limits: ReviewCacheLimits = defaultLimits
): ReviewCache {
  const turnsOf = createPodCounters()
  let remembered = new Map<string, Remembered>()
  let of: Snapshot | undefined

  function again(key: string, known: Remembered, uid: string): ReviewAnswer {
    // A Map keeps the order of insertion: the last used answer goes to the end.
    remembered.delete(key)
    remembered.set(key, known)
    known.log ??= repeatedDecisionWriter(logger, known.admission)
    const { admission, before, after, log } = known
    return { admission, uid, answer: before + uid + after, log, repeated: true }
  }

  function remember(key: string, admission: Admission, answer: string): void {
    const { uid } = admission.request
    // The uid comes before anything else from the review.
    const at = answer.indexOf(uid)
    const after = answer.slice(at + uid.length)
    remembered.set(key, { admission, before: answer.slice(0, at), after, log: undefined })
    if (remembered.size <= limits.entries) return
    const [oldest] = remembered.keys()
    if (oldest !== undefined) remembered.delete(oldest)
  }

  return {
    answer(snapshot, text, caller = '') {
      if (of !== snapshot) {
        remembered = new Map()
        of = snapshot
      }
      const { kept } = text
      const found =
        text.suspicious || snapshot.canaries || kept.length > limits.length
          ? null
          : beginning.exec(kept)
      const uid = found?.[1]
      // Only the text after the uid can change the decision.
      const key = found === null ? '' : kept.slice(found[0].length)
      const known = uid === undefined ? undefined : remembered.get(key)
      if (uid !== undefined && known !== undefined) return again(key, known, uid)
      const admission = admit(snapshot, parseText(text), turnsOf(caller))
      const answer = JSON.stringify(admission.response)
      const made = { admission, uid: admission.request.uid, answer }
      // A second "uid" later in the text would be the one that counts: such a text is not remembered.
      const sure = uid !== undefined && admission.request.uid === uid && !key.includes(uid)
      if (sure) remember(key, admission, answer)
      return { ...made, log: decisionWriter(logger, admission), repeated: false }
    },
    get size() {
      return remembered.size
    }
  }
}
