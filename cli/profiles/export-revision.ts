import { join } from 'node:path'
import { revisionPath, rootNamespace } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { digestOf } from '../../src/lib/digest.js'
import { SeccoError } from '../../src/lib/errors.js'
import { quoted } from '../../src/lib/shell-word.js'
import { ownDigestsWith } from '../../src/rules/digest-prefix.js'
import type { Resolve } from '../../src/seccomp/render/approved.js'
import { blockDigest, emergencyName } from '../../src/seccomp/render/emergency.js'
import { keyOfProfile } from '../../src/seccomp/review/start-risk.js'
import type { Io } from '../lib/io.js'

/**
 * Returns the digest of a revision of the profile by the beginning of it.
 * @throws SeccoError INVALID_ARGUMENT, NOT_FOUND
 */
function mustBeOwnRevision(profile: SeccompProfile, text: string): string {
  const own = ownDigestsWith(profile, text, undefined)
  const [digest] = own
  if (digest === undefined) {
    throw new SeccoError(
      'NOT_FOUND',
      `--revision ${text}: the status of the profile names no such revision`,
      {
        hint: `list its revisions with \`secco profile show ${quoted(keyOfProfile(profile))} -o json\``
      }
    )
  }
  if (own.length === 1) return digest
  throw new SeccoError('INVALID_ARGUMENT', `--revision ${text}: means ${own.length} revisions`, {
    hint: `write more of the digest: ${own.map((one) => one.slice(0, 23)).join(', ')}`
  })
}

/** Reads a revision: `bytes` is undefined where it is not kept here, or where its bytes are not those of its name. */
export async function readRevision(io: Io, revisions: string, digest: string) {
  const file = join(revisions, `${digest.replace('sha256:', '')}.json`)
  const bytes = await io.readFile(file).catch(() => undefined)
  const isChanged = bytes !== undefined && digestOf(bytes) !== digest
  return { file, isChanged, bytes: isChanged ? undefined : bytes }
}

/**
 * Rejects the export of an earlier revision while something is blocked: nodes do not give it to containers as it is either.
 * @throws SeccoError INVALID_ARGUMENT
 */
export function mustNotBeBlocked(text: string, resolve: Resolve): void {
  if (blockDigest(resolve(rootNamespace, emergencyName)) === '') return
  throw new SeccoError(
    'INVALID_ARGUMENT',
    `--revision ${text}: calls are blocked in an emergency, and the revision may allow them`,
    { hint: 'export what is approved now, without --revision: it is without what is blocked' }
  )
}

/**
 * Returns the digest and the bytes of a revision of the profile. @param revision the beginning of its digest
 * @throws SeccoError INVALID_ARGUMENT; NOT_FOUND where it is not the profile's, is not kept here, or was changed
 */
export async function mustReadRevision(
  io: Io,
  profile: SeccompProfile,
  { revision, revisions }: { revision: string; revisions: string }
): Promise<{ digest: string; bytes: string }> {
  const { namespace = rootNamespace, name } = profile.metadata
  const digest = mustBeOwnRevision(profile, revision)
  const { file, bytes, isChanged } = await readRevision(io, revisions, digest)
  if (bytes !== undefined) return { digest, bytes }
  const why = isChanged ? 'was changed' : 'is not here'
  throw new SeccoError('NOT_FOUND', `--revision ${digest.slice(0, 19)}: ${file} ${why}`, {
    hint: `a node that has it keeps it as ${revisionPath(namespace, name, digest)} below its seccomp folder`
  })
}
