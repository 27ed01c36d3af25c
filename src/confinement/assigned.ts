import { namePattern, namespacePattern } from '../api/names.js'

/** Assigned is one container's entry in the annotation `secco.dev/assigned`, which the webhook wrote at admission. */
export interface Assigned {
  /** `namespace/name`. */
  profile: string
  revision: string
  mode: string
  rule: string
  outcome: string
  /** Why it has this outcome; a `DecisionReason` unless somebody else wrote the annotation. */
  reason: string
  /** `RuntimeDefault` if its author had stated that; empty otherwise, and of pods that an earlier version admitted. */
  author: string
}

const nameForm = new RegExp(namePattern)
const namespaceForm = new RegExp(namespacePattern)
const longest = 65_536

/** Returns the entry of one container; undefined if there is none or it cannot be read. */
export function assignedOf(
  annotation: string | undefined,
  container: string
): Assigned | undefined {
  // Most containers have none: an error of the parser would cost more than all the rest of their views.
  if (annotation === undefined || annotation === '' || annotation.length > longest) return undefined
  try {
    const all = JSON.parse(annotation) as Record<string, Record<string, unknown>> | null
    if (all === null || !Object.hasOwn(all, container)) return undefined
    const entry = all[container]
    if (entry === undefined) return undefined
    const text = (key: string): string => {
      const value = entry[key]
      return typeof value === 'string' ? value.slice(0, 512) : ''
    }
    const [namespace = '', name = ''] = text('profile').split('/')
    const isNamed = namespaceForm.test(namespace) && nameForm.test(name) && !name.includes('..')
    const isDigest = /^sha256:[0-9a-f]{64}$/.test(text('revision'))
    return {
      profile: isNamed ? text('profile') : '',
      revision: isNamed && isDigest ? text('revision') : '',
      mode: text('mode'),
      rule: text('rule'),
      outcome: text('outcome'),
      reason: text('reason'),
      author: text('author')
    }
  } catch {
    return undefined
  }
}
