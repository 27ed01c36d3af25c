import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { SeccoError } from '../src/lib/errors.js'

/** A certificate and its key, both PEM. */
export interface SigningPair {
  cert: string
  key: string
}

/** A certificate, its key and the authorities to trust, all PEM. */
export interface CertificatePair {
  cert: string
  key: string
  /** One or more authorities: during a change of authority both. */
  ca: string
}

function invalid(what: string, why: string, cause?: unknown): SeccoError {
  return new SeccoError('CERTIFICATE_INVALID', `${what}: ${why}`, { cause })
}

/** Parses the first certificate of a PEM. @throws SeccoError CERTIFICATE_INVALID. */
export function readCertificate(pem: string, what: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (error) {
    throw invalid(what, 'not a PEM certificate', error)
  }
}

/**
 * Checks that key and certificate belong together. Call it before `setSecureContext`, which accepts a pair of
 * different types without an error and then fails every handshake.
 * @param what names the pair in the message, e.g. its path; the key itself is never in it.
 * @throws SeccoError CERTIFICATE_INVALID.
 */
export function checkPair(pair: SigningPair, what: string): X509Certificate {
  const certificate = readCertificate(pair.cert, what)
  let key: KeyObject
  try {
    key = createPrivateKey(pair.key)
  } catch (error) {
    throw invalid(what, 'not a PEM private key', error)
  }
  if (!certificate.checkPrivateKey(key)) {
    throw invalid(what, 'the key does not belong to the certificate')
  }
  return certificate
}

/** Returns the certificates of a PEM bundle, each as its own PEM. */
export function splitBundle(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
}

/** Returns whether one of the bundle's authorities signed the certificate. */
export function isSignedBy(certificate: X509Certificate, bundle: string, what: string): boolean {
  return splitBundle(bundle).some((pem) => {
    const authority = readCertificate(pem, what)
    return certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
  })
}

/** Returns the share of the lifetime that is left at `now`: from 1 to 0, negative after the expiry. */
export function lifetimeLeft(certificate: X509Certificate, now: Date): number {
  const from = Date.parse(certificate.validFrom)
  const to = Date.parse(certificate.validTo)
  return (to - now.getTime()) / (to - from)
}
