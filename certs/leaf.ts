import { isIP } from 'node:net'
import { X509Certificate } from 'node:crypto'
import { SeccoError } from '../src/lib/errors.js'
import type { SigningPair } from './pair.js'
import { sign } from './sign.js'

const day = 86_400_000
const lifetimeDays = 90

/** The purpose of a leaf certificate. */
export type LeafPurpose =
  | { kind: 'server'; names: readonly string[] }
  | { kind: 'client'; node: string }

/** A host or node name that needs no escaping in a subject. */
const plainName = /^[A-Za-z0-9*]([-A-Za-z0-9._*]{0,251}[A-Za-z0-9])?$/

function checkName(name: string, what: string): void {
  if (isIP(name) === 0 && !plainName.test(name)) {
    const message = `${what} ${JSON.stringify(name.slice(0, 80))}: must be a host name or an address`
    throw new SeccoError('INVALID_NAME', message)
  }
}

function altName(name: string): { type: 2; value: string } | { type: 7; ip: string } {
  return isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name }
}

/**
 * Makes a leaf certificate: P-256, SHA-256, a random serial number, explicit key usages. A client's CN is its node:
 * that is how the hub identifies it. A leaf never expires later than its authority.
 * @throws SeccoError INVALID_NAME.
 */
export async function createLeaf(
  purpose: LeafPurpose,
  authority: SigningPair,
  now: Date
): Promise<SigningPair> {
  const names = purpose.kind === 'server' ? purpose.names : [purpose.node]
  for (const name of names) checkName(name, purpose.kind === 'server' ? 'server name' : 'node')
  const [commonName] = names
  if (commonName === undefined) {
    throw new SeccoError('INVALID_ARGUMENT', 'a server certificate needs at least one name')
  }
  const end = Math.min(
    now.getTime() + lifetimeDays * day,
    Date.parse(new X509Certificate(authority.cert).validTo)
  )
  return sign({
    commonName,
    notBefore: new Date(now.getTime() - 5 * 60_000),
    notAfter: new Date(end),
    ca: authority,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      purpose.kind === 'server'
        ? { name: 'extKeyUsage', serverAuth: true }
        : { name: 'extKeyUsage', clientAuth: true },
      { name: 'subjectAltName', altNames: names.map(altName) }
    ]
  })
}
