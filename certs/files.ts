import { X509Certificate } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isIP } from 'node:net'
import { type Authority, ensureAuthority } from './authority.js'
import { createLeaf, type LeafPurpose } from './leaf.js'
import { type CertificatePair, checkPair, isSignedBy, lifetimeLeft } from './pair.js'
import { writeDurable } from '../src/lib/durable-file.js'

/** A pair on disk: PEM texts, their paths, and their expiry. */
interface StoredPair extends CertificatePair {
  paths: PairPaths
  notAfter: Date
}

export interface PairPaths {
  cert: string
  key: string
  ca: string
}

/** A leaf is renewed when a smaller share of its lifetime is left. */
export const renewAt = 1 / 3

/** Returns whether the certificate has all of these names, as a TLS client checks them. */
export function covers(certificate: X509Certificate, names: readonly string[]): boolean {
  return names.every((name) =>
    isIP(name) === 0
      ? certificate.checkHost(name) !== undefined
      : certificate.checkIP(name) !== undefined
  )
}

/** Reads the pair on disk; undefined if it cannot be used any longer and has to be made again. */
async function readUsable(
  paths: PairPaths,
  purpose: LeafPurpose,
  authority: Authority,
  now: Date
): Promise<StoredPair | undefined> {
  try {
    const cert = await readFile(paths.cert, 'utf8')
    const key = await readFile(paths.key, 'utf8')
    const certificate = checkPair({ cert, key }, paths.cert)
    const names = purpose.kind === 'server' ? purpose.names : [purpose.node]
    if (lifetimeLeft(certificate, now) < renewAt) return undefined
    if (!covers(certificate, names)) return undefined
    if (!isSignedBy(certificate, authority.bundle, paths.ca)) return undefined
    return { cert, key, ca: authority.bundle, paths, notAfter: new Date(certificate.validTo) }
  } catch {
    return undefined
  }
}

async function ensureLeaf(
  dir: string,
  name: string,
  purpose: LeafPurpose,
  now: Date
): Promise<StoredPair> {
  const authority = await ensureAuthority(dir, now)
  const paths = {
    cert: join(dir, `${name}.crt`),
    key: join(dir, `${name}.key`),
    ca: authority.bundlePath
  }
  const existing = await readUsable(paths, purpose, authority, now)
  if (existing !== undefined) return existing
  const { cert, key } = await createLeaf(purpose, authority.signing, now)
  await mkdir(dirname(paths.cert), { recursive: true, mode: 0o700 })
  // A reader between the two writes sees a pair that does not match, keeps its old one and reads again.
  await writeDurable(paths.key, key, 0o600)
  await writeDurable(paths.cert, cert, 0o644)
  const notAfter = new Date(new X509Certificate(cert).validTo)
  return { cert, key, ca: authority.bundle, paths, notAfter }
}

/**
 * Returns the server certificate of a folder (`server.crt`, `server.key`) for all of these host names and addresses.
 * It is made if it is missing, damaged, lacks a name, or has less than a third of its lifetime left.
 * @throws SeccoError INVALID_NAME, CERTIFICATE_INVALID (the authority's pair), WRITE_FAILED.
 */
export async function ensureServerLeaf(
  dir: string,
  names: readonly string[],
  now: Date = new Date()
): Promise<StoredPair> {
  return ensureLeaf(dir, 'server', { kind: 'server', names }, now)
}

/**
 * Returns the client certificate of a node (`clients/<node>.crt`, `.key`), with the node's name as CN.
 * @throws SeccoError INVALID_NAME, CERTIFICATE_INVALID (the authority's pair), WRITE_FAILED.
 */
export async function ensureClientLeaf(
  dir: string,
  node: string,
  now: Date = new Date()
): Promise<StoredPair> {
  return ensureLeaf(dir, join('clients', node), { kind: 'client', node }, now)
}

interface CertificateSet {
  server: StoredPair
  /** By node. */
  clients: ReadonlyMap<string, StoredPair>
  /** For a webhook configuration: base64 of the PEM bundle. */
  caBundle: string
}

/** Makes or renews everything in a folder. Call it at the start and every hour; `watchPair` reports the change. */
export async function ensureCertificates(
  dir: string,
  wanted: { serverNames: readonly string[]; nodes?: readonly string[] },
  now: Date = new Date()
): Promise<CertificateSet> {
  const server = await ensureServerLeaf(dir, wanted.serverNames, now)
  const clients = new Map<string, StoredPair>()
  for (const node of wanted.nodes ?? []) clients.set(node, await ensureClientLeaf(dir, node, now))
  return { server, clients, caBundle: Buffer.from(server.ca).toString('base64') }
}

/** Returns the `caBundle` for a webhook configuration: base64 of the PEM of every trusted authority. */
export async function caBundle(dir: string, now: Date = new Date()): Promise<string> {
  const { bundle } = await ensureAuthority(dir, now)
  return Buffer.from(bundle).toString('base64')
}
