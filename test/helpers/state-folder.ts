import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Observation } from '../../src/api/gen/hub.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { objectPath, statusPath } from '../../src/store/directory-layout.js'
import { decodeStatusFile } from '../../src/store/directory-status.js'
import { parseProfileDocument } from '../../src/api/parse.js'
import { validateObject } from '../../src/api/validate.js'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Files of a folder and below it; none when there is no such folder. */
function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) =>
      join(folder, name)
    )
  } catch {
    return []
  }
}

/** Content, or undefined when a running program removed it since it was listed. */
function read(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw error
  }
}

/** Paths of files called `<64 hex digits>.json` whose content has another digest. */
export function wrongDigests(folder: string): string[] {
  return filesBelow(folder).filter((path) => {
    const hex = /\/([0-9a-f]{64})\.json$/.exec(path)?.[1]
    const bytes = hex === undefined ? undefined : read(path)
    return bytes !== undefined && sha256(bytes) !== hex
  })
}

/** What killed writers left under temporary names. */
export function leftovers(folder: string): string[] {
  return filesBelow(folder).filter((path) => /\/\.tmp-[^/]*$|\.tmp$/.test(path))
}

/** Observations that a satellite promised to deliver; throws on one that is not whole. */
export function readSpool(folder: string): Observation[] {
  return filesBelow(folder).flatMap((path) => {
    const bytes = path.endsWith('.observation') ? read(path) : undefined
    if (bytes === undefined) return []
    const payload = bytes.subarray(65)
    if (bytes.subarray(0, 65).toString() !== `${sha256(payload)}\n`) {
      throw new Error(`${path}: the checksum does not match`)
    }
    return [Observation.decode(payload)]
  })
}

/** The stored profile, read from the files themselves; throws when one is not whole. */
export function readProfile(
  objects: string,
  ref: { namespace: string; name: string }
): SeccompProfile | undefined {
  const where = objectPath(objects, 'SeccompProfile', ref)
  const bytes = read(where)
  if (bytes === undefined) return undefined
  const profile = parseProfileDocument(bytes.toString(), where)
  const kept = read(statusPath(objects, 'SeccompProfile', ref))
  if (kept === undefined) return profile
  const { object } = decodeStatusFile(kept.toString())
  const { status } = validateObject(object, where) as SeccompProfile
  return { ...profile, ...(status && { status }) }
}

/** The token by which the command line enters the API of a state folder's hub. */
export async function uiToken(state: string): Promise<string> {
  return (await readFile(join(state, 'ui-token'), 'utf8')).trim()
}
