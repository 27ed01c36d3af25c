import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import type { Proof } from './rights.js'

/** SessionRecord is a session as it is stored: without the id, which only the browser has, it opens nothing. */
export interface SessionRecord {
  /** SHA-256 of the session's id. */
  key: string
  /** SHA-256 of the user's name: the sessions of one person are limited. */
  owner: string
  /** The proof, sealed with a key that is derived from the session's id (base64url of iv, tag and text). */
  box: string
  /** When it was opened and used last, in ms since the epoch. */
  opened: number
  seen: number
}

const cipher = 'aes-256-gcm'
const ivBytes = 12
const tagBytes = 16

/** Returns the name under which a session or a link is kept, from which nobody gets its secret. */
export const keyOf = (secret: string): string =>
  createHash('sha256').update(secret).digest('base64url')

const sealingKey = (id: string): Buffer =>
  Buffer.from(hkdfSync('sha256', id, '', 'session-proof', 32))

/** Seals what proves the identity of a session, so that whoever reads the records gets no token. */
export function sealProof(id: string, proof: Proof): string {
  const iv = randomBytes(ivBytes)
  const sealing = createCipheriv(cipher, sealingKey(id), iv, { authTagLength: tagBytes })
  const text = Buffer.concat([sealing.update(JSON.stringify(proof)), sealing.final()])
  return Buffer.concat([iv, sealing.getAuthTag(), text]).toString('base64url')
}

/** Returns the proof of a session; undefined for a record that somebody changed, or one of another session. */
export function openProof(id: string, box: string): Proof | undefined {
  const bytes = Buffer.from(box, 'base64url')
  try {
    const opening = createDecipheriv(cipher, sealingKey(id), bytes.subarray(0, ivBytes), {
      authTagLength: tagBytes
    })
    opening.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes))
    const sealed = bytes.subarray(ivBytes + tagBytes)
    return JSON.parse(Buffer.concat([opening.update(sealed), opening.final()]).toString()) as Proof
  } catch {
    return undefined
  }
}

const isTime = (value: unknown): value is number => Number.isSafeInteger(value)

function isRecord(value: unknown): value is SessionRecord {
  if (typeof value !== 'object' || value === null) return false
  const { key, owner, box, opened, seen } = value as Record<string, unknown>
  return [key, owner, box].every((text) => typeof text === 'string') && [opened, seen].every(isTime)
}

/** The text of all records at most: a Secret holds 1 MiB, in base64. */
const mostBytes = 600_000

/** Returns the text of records, the newest sessions first and as many as fit. */
export function writeRecords(records: readonly SessionRecord[]): string {
  const kept: SessionRecord[] = []
  let bytes = 0
  for (const record of [...records].sort((a, b) => b.opened - a.opened)) {
    bytes += JSON.stringify(record).length + 1
    if (bytes > mostBytes) break
    kept.push(record)
  }
  return `${JSON.stringify({ sessions: kept })}\n`
}

/** Reads records; those that are damaged are left out: their people log in again. */
export function readRecords(text: string): SessionRecord[] {
  try {
    const { sessions } = JSON.parse(text) as { sessions?: unknown }
    return Array.isArray(sessions) ? sessions.filter(isRecord) : []
  } catch {
    return []
  }
}
