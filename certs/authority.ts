import { randomBytes, X509Certificate } from 'node:crypto'
import { mkdir, readFile, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { checkPair, lifetimeLeft, readCertificate, type SigningPair, splitBundle } from './pair.js'
import { sign } from './sign.js'
import { createDurable, writeDurable } from '../src/lib/durable-file.js'

const day = 86_400_000
const lifetimeDays = 3650
/** Share of an authority's lifetime that is left when the next one is made and announced in the bundle. */
export const announceAt = 1 / 3
/** Share that is left when the next authority starts to sign: every bundle has had it for years. */
export const changeAt = 1 / 6

/** Files of an authority's folder. The key and its certificate are in one file, so that they always match. */
const files = {
  current: 'authority.pem',
  next: 'authority-next.pem',
  previous: 'authority-previous.crt',
  bundle: 'ca.crt'
} as const

export interface Authority {
  signing: SigningPair
  /** PEM of every authority to trust: previous, current and next, if they exist and have not expired. */
  bundle: string
  bundlePath: string
}

/**
 * Makes a certificate authority: P-256, SHA-256, key usage only for signing. Its name is unique, because verifiers
 * find the issuer by name and two authorities overlap during a change.
 */
export async function createAuthority(now: Date): Promise<SigningPair> {
  const name = `secco authority ${randomBytes(6).toString('hex')}`
  return sign({
    commonName: name,
    notBefore: new Date(now.getTime() - 60 * 60_000),
    notAfter: new Date(now.getTime() + lifetimeDays * day),
    extensions: [
      { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true }
    ]
  })
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Parses an authority's certificate and key from one PEM. @throws SeccoError CERTIFICATE_INVALID. */
export function parsePair(pem: string, path: string): SigningPair {
  const cert = splitBundle(pem)[0] ?? ''
  const key = /-----BEGIN (?:EC )?PRIVATE KEY-----[^-]+-----END (?:EC )?PRIVATE KEY-----/.exec(pem)
  const pair = { cert: `${cert}\n`, key: `${key?.[0] ?? ''}\n` }
  checkPair(pair, path)
  return pair
}

async function readPair(path: string): Promise<SigningPair | undefined> {
  const pem = await readIfThere(path)
  return pem === undefined ? undefined : parsePair(pem, path)
}

/** Returns certificate and key as one PEM, so that they always match. */
export function serialise(pair: SigningPair): string {
  return `${pair.cert.trimEnd()}\n${pair.key.trimEnd()}\n`
}

/** Reads a pair, or makes it. If several processes do that at once, all get the same pair. */
async function readOrCreate(path: string, now: Date): Promise<SigningPair> {
  const existing = await readPair(path)
  if (existing !== undefined) return existing
  const made = await createAuthority(now)
  await createDurable(path, serialise(made), 0o600)
  return (await readPair(path)) ?? made
}

function left(pair: SigningPair, now: Date): number {
  return lifetimeLeft(new X509Certificate(pair.cert), now)
}

/** Makes a bundle of certificates, without duplicates and without expired ones. */
function bundleOf(pems: readonly (string | undefined)[], now: Date): string {
  const valid = pems
    .flatMap((pem) => (pem === undefined ? [] : splitBundle(pem)))
    .filter((pem) => lifetimeLeft(readCertificate(pem, files.bundle), now) > 0)
  return [...new Set(valid)].map((pem) => `${pem}\n`).join('')
}

/**
 * Returns the authority of a folder: made once, with mode 0600, changed with an overlap. Long before the current
 * authority expires, its successor is announced in the bundle. The successor signs only after every node has had time
 * to get it, and the old one stays trusted until it expires.
 * @throws SeccoError CERTIFICATE_INVALID when the stored pair is damaged: it is never replaced silently, because every
 * node trusts it. WRITE_FAILED when the folder cannot be written.
 */
export async function ensureAuthority(dir: string, now: Date = new Date()): Promise<Authority> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const path = (name: string): string => join(dir, name)
  let current = await readOrCreate(path(files.current), now)
  let next = await readPair(path(files.next))
  if (left(current, now) < changeAt && next !== undefined) {
    await writeDurable(path(files.previous), current.cert, 0o644)
    await rename(path(files.next), path(files.current))
    current = next
    next = undefined
  }
  if (next === undefined && left(current, now) < announceAt) {
    next = await readOrCreate(path(files.next), now)
    if (left(current, now) <= 0) {
      // The current one has expired: clients that trusted only it trust no authority now, so an overlap is of no use.
      await rename(path(files.next), path(files.current))
      current = next
      next = undefined
    }
  }
  const previous = await readIfThere(path(files.previous))
  const bundle = bundleOf([current.cert, next?.cert, previous], now)
  if (previous !== undefined && !splitBundle(bundle).includes(splitBundle(previous)[0] ?? '')) {
    await unlink(path(files.previous))
  }
  if ((await readIfThere(path(files.bundle))) !== bundle) {
    await writeDurable(path(files.bundle), bundle, 0o644)
  }
  return { signing: current, bundle, bundlePath: path(files.bundle) }
}
