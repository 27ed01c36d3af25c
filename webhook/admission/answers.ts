import type { Logger } from '../../src/lib/log.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import { type Admission, admit } from './admit.js'
import { decisionWriter, repeatedDecisionWriter, type WriteDecision } from './decision-log.js'
import { type BodyText, parseText } from './parse-body.js'
import { createTurns } from './turns.js'

/** What a review is answered with, and how its audit line is written. */
export interface Answer {
  admission: Admission
  /** Of this review: a remembered `admission` has that of the first one. */
  uid: string
  /** The AdmissionReview with its response, as JSON. */
  answer: string
  log: WriteDecision
  /** Remembered from an earlier review of the same text. */
  repeated: boolean
}

export interface Answers {
  /** @throws SeccoError INVALID_REVIEW. */
  answer(snapshot: Snapshot, text: BodyText): Answer
  /** How many are remembered. */
  readonly size: number
}

export interface AnswersLimits {
  /** Reviews that are remembered. */
  entries: number
  /** Longest text that is remembered, in characters. */
  length: number
}

interface Remembered {
  admission: Admission
  /** The answer around its uid. */
  before: string
  after: string
  log: WriteDecision | undefined
}

/** How kube-apiserver begins a review (k8s.io/api/admission/v1 types.go): the uid stands first in the request. */
const beginning =
  /^\{(?:"kind":"AdmissionReview","apiVersion":"admission\.k8s\.io\/v1"|"apiVersion":"admission\.k8s\.io\/v1","kind":"AdmissionReview"),"request":\{"uid":"([0-9a-f-]{36})"/

const defaultLimits: AnswersLimits = { entries: 512, length: 8192 }

/**
 * Answers reviews, and remembers the answers. The pods of one ReplicaSet come as the same text but for
 * the uid of the review and the parts that nothing reads: where everything else is the same to the
 * letter, and so is the snapshot, the decision is the same, and neither parsed nor made again. The least
 * recently used are forgotten, and all of them when the snapshot changes. While a canary runs, a pod's turn
 * makes a difference, and nothing is remembered.
 */
export function createAnswers(logger: Logger, limits: AnswersLimits = defaultLimits): Answers {
  const turns = createTurns()
  let remembered = new Map<string, Remembered>()
  let of: Snapshot | undefined

  function again(key: string, known: Remembered, uid: string): Answer {
    // A Map keeps the order of insertion: the one used last goes to the end.
    remembered.delete(key)
    remembered.set(key, known)
    known.log ??= repeatedDecisionWriter(logger, known.admission)
    const { admission, before, after, log } = known
    return { admission, uid, answer: before + uid + after, log, repeated: true }
  }

  function remember(key: string, admission: Admission, answer: string): void {
    const { uid } = admission.request
    // It stands before anything that came from the review.
    const at = answer.indexOf(uid)
    const after = answer.slice(at + uid.length)
    remembered.set(key, { admission, before: answer.slice(0, at), after, log: undefined })
    if (remembered.size <= limits.entries) return
    const [oldest] = remembered.keys()
    if (oldest !== undefined) remembered.delete(oldest)
  }

  return {
    answer(snapshot, text) {
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
      // The text behind the uid is all that can make a difference.
      const key = found === null ? '' : kept.slice(found[0].length)
      const known = uid === undefined ? undefined : remembered.get(key)
      if (uid !== undefined && known !== undefined) return again(key, known, uid)
      const admission = admit(snapshot, parseText(text), turns)
      const answer = JSON.stringify(admission.response)
      const made = { admission, uid: admission.request.uid, answer }
      // A second "uid" further on would be the one that counts: such a text is not remembered.
      const sure = uid !== undefined && admission.request.uid === uid && !key.includes(uid)
      if (sure) remember(key, admission, answer)
      return { ...made, log: decisionWriter(logger, admission), repeated: false }
    },
    get size() {
      return remembered.size
    }
  }
}
