import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SeccoError } from '../../src/lib/errors.js'
import { type OwnProfile, ownProfile, ownPrograms } from '../../src/seccomp/render/own.js'
import { errnoOf, writeDurable, writeFailed } from '../../src/lib/durable-file.js'
import { version } from '../../src/lib/version.js'
import type { Io } from '../lib/io.js'

/** Finds the profile of a program. @throws SeccoError INVALID_ARGUMENT */
function named(program: string): OwnProfile {
  const found = ownPrograms.find((each) => each === program)
  if (found === undefined) {
    throw new SeccoError(
      'INVALID_ARGUMENT',
      `${program}: not a program of Secco that runs in pods`,
      {
        hint: `choose one of ${ownPrograms.join(', ')}`
      }
    )
  }
  return ownProfile(found)
}

/** Returns true for a regular file with these bytes, this owner and the right mode. */
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

interface WriteOwnProfileArgs {
  program: string
  /** An existing folder of the node, mounted. */
  dir: string
  /** Digest that the manifest names, `sha256:<hex>`. */
  expect: string
}

/**
 * `secco own-profile write`: writes the profile of a program of Secco where the runtime reads it when it creates the
 * program's container. The write is atomic and durable. A file with the same content stays; other content is replaced.
 * @throws SeccoError INVALID_ARGUMENT; DIGEST_MISMATCH when the manifest has another version;
 *   WRITE_FAILED with the path.
 */
export async function writeOwnProfile(io: Io, args: WriteOwnProfileArgs): Promise<number> {
  const { program, digest, file, json } = named(args.program)
  if (args.expect !== digest) {
    throw new SeccoError(
      'DIGEST_MISMATCH',
      `the manifest names ${args.expect} for the ${program}, and Secco ${version} has ${digest}`,
      {
        hint: 'apply what `secco install` of this version prints: image and manifest have different versions'
      }
    )
  }
  const folder = await lstat(args.dir).catch((error: unknown) => {
    throw writeFailed(args.dir, error)
  })
  if (!folder.isDirectory()) {
    throw new SeccoError('WRITE_FAILED', `cannot write ${args.dir}: it is not a folder`)
  }
  const path = join(args.dir, file)
  if (await isWritten(path, json)) {
    io.stdout(`${path} exists already\n`)
    return 0
  }
  await writeDurable(path, json)
  io.stdout(`wrote ${path}\n`)
  return 0
}

/** `secco own-profile show`: prints the bytes on stdout and the name of their file on stderr. */
export function showOwnProfile(io: Io, program: string): number {
  const { json, path, digest } = named(program)
  io.stdout(io.isTerminal ? `${json}\n` : json)
  io.stderr(`${path} (${digest})\n`)
  return 0
}
