import { createHash } from 'node:crypto'

/** `sha256:<64 hex digits>` of the bytes (text as UTF-8). */
export function digestOf(bytes: string | Uint8Array): `sha256:${string}` {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
