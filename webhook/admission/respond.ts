import type { Decision } from '../../src/rules/decision.js'
import type { PatchOperation } from './patch.js'

const maxWarning = 256
const maxWarnings = 4096

/** ReviewResponse is an AdmissionReview v1 with its response, ready to be serialised. */
export interface ReviewResponse {
  apiVersion: 'admission.k8s.io/v1'
  kind: 'AdmissionReview'
  response: {
    uid: string
    allowed: boolean
    patchType?: 'JSONPatch'
    /** Base64 of the patch. */
    patch?: string
    warnings?: string[]
    auditAnnotations?: Record<string, string>
    status?: { code: number; reason: string; message: string }
  }
}

/** Makes a text fit for a warning, which becomes an HTTP header: printable, and no longer than clients show. */
function printable(text: string, max: number): string {
  const clean = /[^\x20-\x7e]/.test(text) ? text.replaceAll(/[^\x20-\x7e]/g, '?') : text
  return clean.length <= max ? clean : `${clean.slice(0, max - 3)}...`
}

/** Cuts warnings to 256 characters each and 4,096 in total; a last line reports how many were left out. */
export function limitWarnings(warnings: readonly string[]): string[] {
  const limited: string[] = []
  let total = 0
  for (const [i, warning] of warnings.entries()) {
    const text = printable(warning, maxWarning)
    if (total + text.length > maxWarnings - 64) {
      limited.push(`secco: and ${warnings.length - i} more; see the webhook's log`)
      break
    }
    total += text.length
    limited.push(text)
  }
  return limited
}

/** Returns annotations for the API server's audit log, which adds the webhook's name to each key. */
function auditAnnotations(decision: Decision): Record<string, string> {
  const first = decision.containers.find((c) => c.rule !== undefined)
  const audit: Record<string, string> = { decision: decision.decision, reason: decision.reason }
  if (first?.rule !== undefined) audit['rule'] = printable(first.rule, 512)
  if (first?.profile !== undefined) audit['profile'] = printable(first.profile, 512)
  if (first?.revision !== undefined) audit['revision'] = first.revision
  return audit
}

/** Returns the answer to a review. It has a `patchType` only with a patch; an empty patch is left out. */
export function respond(
  uid: string,
  decision: Decision,
  patch: readonly PatchOperation[]
): ReviewResponse {
  const warnings = limitWarnings(decision.warnings)
  const response: ReviewResponse['response'] = { uid, allowed: decision.allowed }
  if (!decision.allowed) {
    const message = printable(decision.message, 1024)
    response.status = { code: 403, reason: 'Forbidden', message }
  } else if (patch.length > 0) {
    response.patchType = 'JSONPatch'
    response.patch = Buffer.from(JSON.stringify(patch)).toString('base64')
  }
  if (warnings.length > 0) response.warnings = warnings
  response.auditAnnotations = auditAnnotations(decision)
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response }
}

/** Returns the decision for a request that Secco does not decide about: it is allowed, with a warning. */
export function skippedDecision(reason: 'unreadable' | 'not-a-pod', warning: string): Decision {
  return {
    decision: 'skipped',
    reason,
    allowed: true,
    message: '',
    podRuntimeDefault: false,
    containers: [],
    matched: [],
    warnings: [warning]
  }
}
