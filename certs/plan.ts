import { X509Certificate } from 'node:crypto'
import { announceAt, takeOverAt } from './authority.js'
import { covers, renewAt } from './files.js'
import { isSignedBy, lifetimeLeft, type SigningPair, splitBundle } from './pair.js'

/** All that a Secret holds for one installation. */
export interface Material {
  current: SigningPair
  /** Announced in every bundle, and signs nothing yet. */
  next?: SigningPair
  /** RFC 3339; with `next`. */
  announcedAt?: string
  /** Certificate of the authority before this one: still trusted. */
  previous?: string
  /** RFC 3339; with `previous`. */
  changedAt?: string
  leaf?: SigningPair
}

export type CertificateStep =
  /** The next authority is made and put into the bundle. */
  | 'announce-authority'
  /** It takes over signing; the old one stays in the bundle. */
  | 'change-authority'
  /** The old one leaves the bundle. */
  | 'forget-authority'
  | 'issue-leaf'

export interface PlanOptions {
  names: readonly string[]
  now: Date
  /** What a person asks for: a new leaf, or a new authority. */
  asked?: 'leaf' | 'authority' | undefined
  /** How long every client needs to learn of a new bundle. */
  settleMs: number
  /** How long an old authority stays trusted after the change. */
  overlapMs: number
  /** Whether the API server is known to trust the bundle as it is. */
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
 * What is to be done now, in this order. Pure. An authority is announced long before it signs, and stays
 * trusted long after, so that at no moment anybody meets a certificate whose authority it lacks; only
 * one that has ended already is changed at once. A leaf is renewed with a third of its life left.
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
  const due = asked === 'authority' || life < takeOverAt
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

/** Every authority that is to be trusted now, as one PEM: previous, current and next, those that have not ended. */
export function bundleOfMaterial({ current, next, previous }: Material, now: Date): string {
  const pems = [current.cert, next?.cert, previous]
    .flatMap((pem) => (pem === undefined ? [] : splitBundle(pem)))
    .filter((pem) => left(pem, now) > 0)
  return [...new Set(pems)].map((pem) => `${pem}\n`).join('')
}
