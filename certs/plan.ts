import { X509Certificate } from 'node:crypto'
import { announceAt, changeAt } from './authority.js'
import { covers, renewAt } from './files.js'
import { isSignedBy, lifetimeLeft, type SigningPair, splitBundle } from './pair.js'

/** Everything that a Secret holds for one installation. */
export interface Material {
  current: SigningPair
  /** The next authority: announced in every bundle, but not signing yet. */
  next?: SigningPair
  /** RFC 3339; with `next`. */
  announcedAt?: string
  /** Certificate of the previous authority, which is still trusted. */
  previous?: string
  /** RFC 3339; with `previous`. */
  changedAt?: string
  leaf?: SigningPair
}

export type CertificateStep =
  /** Make the next authority and add it to the bundle. */
  | 'announce-authority'
  /** Let the next authority sign; the old one stays in the bundle. */
  | 'change-authority'
  /** Remove the old authority from the bundle. */
  | 'forget-authority'
  | 'issue-leaf'

export interface PlanOptions {
  names: readonly string[]
  now: Date
  /** What a person asked for: a new leaf, or a new authority. */
  asked?: 'leaf' | 'authority' | undefined
  /** How long it takes until every client has a new bundle. */
  settleMs: number
  /** How long an old authority stays trusted after the change. */
  overlapMs: number
  /** True if the API server is known to trust the current bundle. */
  trusted: boolean
}

const left = (pem: string, now: Date): number => lifetimeLeft(new X509Certificate(pem), now)
const passed = (since: string | undefined, now: Date): number =>
  since === undefined ? 0 : now.getTime() - Date.parse(since)

function isLeafGood({ leaf, current }: Material, names: readonly string[], now: Date): boolean {
  if (leaf === undefined) return false
  const certificate = new X509Certificate(leaf.cert)
  return (
    lifetimeLeft(certificate, now) >= renewAt &&
    covers(certificate, names) &&
    isSignedBy(certificate, current.cert, 'the serving certificate')
  )
}

/**
 * Returns the steps that are due now, in order. Pure. An authority is announced long before it signs, and stays
 * trusted long after, so that no client ever gets a certificate from an authority that it does not know. Only an
 * authority that has expired is changed at once. A leaf is renewed with a third of its lifetime left.
 */
export function planCertificates(material: Material, options: PlanOptions): CertificateStep[] {
  const { names, now, asked, settleMs, overlapMs, trusted } = options
  const steps: CertificateStep[] = []
  const life = left(material.current.cert, now)
  const ended = life <= 0
  const wanted = asked === 'authority' || life < announceAt
  if (material.next === undefined && wanted) steps.push('announce-authority')
  const settled =
    material.next !== undefined && trusted && passed(material.announcedAt, now) >= settleMs
  const due = asked === 'authority' || life < changeAt
  const change = ended || (settled && due)
  if (change) steps.push('change-authority')
  else if (
    material.previous !== undefined &&
    (passed(material.changedAt, now) >= overlapMs || left(material.previous, now) <= 0)
  ) {
    steps.push('forget-authority')
  }
  if (change || asked === 'leaf' || !isLeafGood(material, names, now)) steps.push('issue-leaf')
  return steps
}

/** Returns every authority to trust now as one PEM: previous, current and next, without expired ones. */
export function bundleOfMaterial({ current, next, previous }: Material, now: Date): string {
  const pems = [current.cert, next?.cert, previous]
    .flatMap((pem) => (pem === undefined ? [] : splitBundle(pem)))
    .filter((pem) => left(pem, now) > 0)
  return [...new Set(pems)].map((pem) => `${pem}\n`).join('')
}
