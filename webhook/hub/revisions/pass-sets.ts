import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import {
  isWithin,
  namesBeyond,
  type PassSet,
  passSetOf,
  runtimeDefaultPassSet
} from '../../../src/seccomp/filter/pass-set.js'

/** PassSets holds what revisions allow, by digest, and compares them: computed once, read at each admission. */
export interface PassSets {
  /** Adds a revision's bytes; bytes that are no filter compare with nothing. */
  put(digest: string, json: string): void
  has(digest: string): boolean
  /** Returns whether RuntimeDefault allows all that the revision allows. */
  withinDefault(digest: string): boolean
  /** Returns whether `outer` allows all that `inner` allows; `runtime-default` is RuntimeDefault. False when unsure. */
  within(inner: string, outer: string): boolean
  /** Returns the names that the revision allows and RuntimeDefault denies; none for a revision that is not here. */
  beyondDefault(digest: string): string[]
}

const runtimeDefaultKey = 'runtime-default'
const mostAnswers = 50_000
const mostSets = 20_000

export function createPassSets(): PassSets {
  const sets = new Map<string, PassSet | undefined>([[runtimeDefaultKey, runtimeDefaultPassSet]])
  const answers = new Map<string, boolean>()

  function within(inner: string, outer: string): boolean {
    if (inner === outer) return true
    const key = `${inner} ${outer}`
    const known = answers.get(key)
    if (known !== undefined) return known
    const [left, right] = [sets.get(inner), sets.get(outer)]
    if (left === undefined || right === undefined) return false
    const answer = isWithin(left, right)
    if (answers.size >= mostAnswers) answers.clear()
    answers.set(key, answer)
    return answer
  }

  function read(json: string): PassSet | undefined {
    try {
      return passSetOf(JSON.parse(json) as LinuxSeccomp)
    } catch {
      return undefined
    }
  }

  return {
    put(digest, json) {
      if (sets.has(digest)) return
      if (sets.size >= mostSets) {
        sets.clear()
        answers.clear()
        sets.set(runtimeDefaultKey, runtimeDefaultPassSet)
      }
      sets.set(digest, read(json))
    },
    has: (digest) => sets.has(digest),
    withinDefault: (digest) => within(digest, runtimeDefaultKey),
    within,
    beyondDefault(digest) {
      const set = sets.get(digest)
      return set === undefined ? [] : namesBeyond(set, runtimeDefaultPassSet)
    }
  }
}
