import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SeccoError } from '../../src/lib/errors.js'
import { type OwnProfile, ownProfile, ownPrograms } from '../../src/seccomp/render/own.js'
import { errnoOf, writeDurable, writeFailed } from '../../src/lib/durable-file.js'
import { version } from '../../src/lib/version.js'
import type { Io } from '../lib/io.js'

/** @throws SeccoError INVALID_ARGUMENT */
function named(program: string): OwnProfile {
  const found = ownPrograms.find((each) => each === program)
  if (found === undefined) {
    throw new SeccoError(
      'INVALID_ARGUMENT',
      `${program}: is no program of Secco that runs in pods`,
      {
        hint: `choose one of ${ownPrograms.join(', ')}`
      }
    )
  }
  return ownProfile(found)
}

/** Is there a file that needs nothing: plain, of whoever writes here, with these bytes? */
async function isWritten(path: string, json: string): Promise<boolean> {
  try {
    const found = await lstat(path)
    const isPlain = found.isFile() && (found.mode & 0o7777) === 0o644
    if (!isPlain || found.uid !== process.getuid?.()) return false
    return (await readFile(path, 'utf8')) === json
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw writeFailed(path, error)
  }
}

export interface WriteOwnProfileArgs {
  program: string
  /** Folder that is there already: the node's, mounted. */
  dir: string
  /** Digest that the manifest names, `sha256:<hex>`. */
  expect: string
}

/**
 * `secco own-profile write`: puts the profile of one of our own programs where the runtime reads it when it
 * makes the program's container. Whole or not at all, durable, and nothing where it stands already; what
 * stands there with other content is replaced.
 * @throws SeccoError INVALID_ARGUMENT; DIGEST_MISMATCH when the manifest is of another version;
 *   WRITE_FAILED with the path.
 */
export async function writeOwnProfile(io: Io, args: WriteOwnProfileArgs): Promise<number> {
  const { program, digest, file, json } = named(args.program)
  if (args.expect !== digest) {
    throw new SeccoError(
      'DIGEST_MISMATCH',
      `the manifest names ${args.expect} for the ${program}, and Secco ${version} has ${digest}`,
      {
        hint: 'image and manifest are of different versions: apply what `secco install` of this version prints'
      }
    )
  }
  const folder = await lstat(args.dir).catch((error: unknown) => {
    throw writeFailed(args.dir, error)
  })
  if (!folder.isDirectory()) {
    throw new SeccoError('WRITE_FAILED', `cannot write ${args.dir}: it is no folder`)
  }
  const path = join(args.dir, file)
  if (await isWritten(path, json)) {
    io.stdout(`${path} is there\n`)
    return 0
  }
  await writeDurable(path, json)
  io.stdout(`wrote ${path}\n`)
  return 0
}

/** `secco own-profile show`: the bytes on stdout; which file they are on stderr. */
export function showOwnProfile(io: Io, program: string): number {
  const { json, path, digest } = named(program)
  io.stdout(io.isTerminal ? `${json}\n` : json)
  io.stderr(`${path} (${digest})\n`)
  return 0
}
