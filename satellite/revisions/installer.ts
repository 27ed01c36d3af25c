import { constants } from 'node:fs'
import { lstat, mkdir, open, readdir, rename, rmdir, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type CompiledFilter, trialLoad, type TrialResult } from '../../native/trial-load.js'
import type { Revision, RevisionRef, RevisionStatus } from '../../src/api/gen/hub.js'
import { namePattern, namespacePattern, revisionPath } from '../../src/api/names.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { ensureFolder } from '../../src/lib/durable-file.js'
import { SeccoError, toSeccoError } from '../../src/lib/errors.js'
import { isPidAlive } from '../../src/lib/process-identity.js'
import { digestOf } from '../../src/lib/digest.js'
import { type PlainFile, readPlainFile } from '../lib/plain-file.js'
import { parseRevision } from './parse-revision.js'

const digestPattern = /^sha256:[0-9a-f]{64}$/
const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants

export interface InstallDependencies {
  /** Loads the profile in a child process; default: the launcher of native/. */
  trial?: (seccomp: LinuxSeccomp) => Promise<TrialResult>
  /** Checks whether this node accepts the revision, before anything is written. @throws SeccoError */
  accept?: (revision: Revision, seccomp: LinuxSeccomp) => void
  /** Checks whether this node accepts a file that is there already: an earlier run may have had a weaker floor. @throws SeccoError */
  acceptHeld?: (ref: RevisionRef, bytes: Uint8Array) => Promise<void>
  /** Checks whether this node accepts what libseccomp built of the revision, before anything is written. @throws SeccoError */
  acceptFilter?: (revision: Revision, filter: CompiledFilter) => Promise<void>
  /** A file on disk did not match its name and was restored. */
  onDrift?: (path: string) => void
}

function checkNames(revision: RevisionRef): void {
  if (!new RegExp(namespacePattern).test(revision.namespace)) {
    throw new SeccoError(
      'INVALID_NAME',
      `namespace ${JSON.stringify(revision.namespace)}: not a valid name`,
      { field: 'namespace' }
    )
  }
  if (!new RegExp(namePattern).test(revision.profile) || revision.profile.includes('..')) {
    throw new SeccoError(
      'INVALID_NAME',
      `profile ${JSON.stringify(revision.profile)}: not a valid name`,
      { field: 'profile' }
    )
  }
  if (!digestPattern.test(revision.digest)) {
    throw new SeccoError(
      'INVALID_ARGUMENT',
      `digest ${JSON.stringify(revision.digest)} is not sha256:<64 hex digits>`,
      { field: 'digest' }
    )
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Creates `root` and the folders below it, one by one. A symbolic link among them is an error, and never followed. */
async function makeFolders(root: string, names: readonly string[]): Promise<string> {
  await ensureFolder(root)
  let path = root
  for (const name of names) {
    const parent = path
    path = join(path, name)
    try {
      await mkdir(path, { mode: 0o755 })
      await syncFolder(parent)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const found = await lstat(path)
    if (!found.isDirectory()) {
      throw new SeccoError(
        'WRITE_FAILED',
        `${path} is not a folder (symbolic links are not followed)`
      )
    }
  }
  return path
}

/** Reads a revision's file; undefined if there is none. Anything but a regular file counts as wrong content. */
async function readRevision(path: string): Promise<Buffer | 'wrong' | undefined> {
  let file: PlainFile | undefined
  try {
    file = await readPlainFile(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    // A symbolic link; a socket, or a device without a driver.
    if (code === 'ELOOP' || code === 'ENXIO') return 'wrong'
    throw error
  }
  if (file === undefined) return 'wrong'
  const { uid, mode } = file.stat
  if (uid !== (process.getuid?.() ?? 0) || (mode & 0o7777) !== 0o644) return 'wrong'
  return file.bytes
}

/** Returns the bytes of an installed revision; undefined if its file is missing or has another digest. */
export async function readInstalled(root: string, ref: RevisionRef): Promise<Buffer | undefined> {
  const path = join(root, revisionPath(ref.namespace, ref.profile, ref.digest))
  const bytes = await readRevision(path).catch(() => undefined)
  return bytes instanceof Buffer && digestOf(bytes) === ref.digest ? bytes : undefined
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`
  await unlink(temporary).catch(() => undefined)
  const file = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644)
  try {
    try {
      await file.writeFile(bytes)
      // The umask may have removed bits, and kubelet and runtime may run as other users.
      await file.chmod(0o644)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(() => undefined)
    throw error
  }
  await syncFolder(dirname(path))
}

async function install(
  root: string,
  revision: Revision,
  dependencies: InstallDependencies
): Promise<void> {
  checkNames(revision)
  const found = digestOf(revision.json)
  if (found !== revision.digest) {
    throw new SeccoError(
      'DIGEST_MISMATCH',
      `${revision.namespace}/${revision.profile}: the bytes are ${found}, not ${revision.digest}`
    )
  }
  const seccomp = await parseRevision(revision.json)
  const path = join(root, revisionPath(revision.namespace, revision.profile, revision.digest))
  const before = await readRevision(path)
  if (before instanceof Buffer && digestOf(before) === revision.digest) {
    await dependencies.acceptHeld?.(revision, before)
    return
  }
  dependencies.accept?.(revision, seccomp)
  const trial = await (dependencies.trial ?? trialLoad)(seccomp)
  if (!trial.ok) {
    throw new SeccoError(
      'TRIAL_LOAD_FAILED',
      `${revision.namespace}/${revision.profile}: ${trial.reason}`
    )
  }
  await dependencies.acceptFilter?.(revision, trial)
  await makeFolders(root, ['secco', revision.namespace, revision.profile])
  await writeDurably(path, revision.json)
  if (before !== undefined) dependencies.onDrift?.(path)
}

/**
 * Installs a revision on this node: checks names and digest, parses it strictly, loads it in a trial, then writes
 * `<root>/secco/<namespace>/<profile>/<hex>.json`, durable when the promise resolves. Installing it again writes
 * nothing; a file that was changed is restored. Never rejects: a failure is in the status (`code`, `message`), and only
 * WRITE_FAILED can be retried.
 */
export async function installRevision(
  root: string,
  revision: Revision,
  dependencies: InstallDependencies = {}
): Promise<RevisionStatus> {
  const { namespace, profile, digest } = revision
  try {
    await install(root, revision, dependencies)
    return { namespace, profile, digest, ready: true, code: '', message: '' }
  } catch (error) {
    const system = (error as NodeJS.ErrnoException).syscall !== undefined
    const known = system
      ? new SeccoError('WRITE_FAILED', error instanceof Error ? error.message : String(error), {
          cause: error
        })
      : toSeccoError(error)
    return { namespace, profile, digest, ready: false, code: known.code, message: known.message }
  }
}

async function foldersOf(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
}

export interface Installed {
  /** Revisions whose files match their names. */
  held: RevisionRef[]
  /** Paths of files that do not: drift. */
  wrong: string[]
  /** Revisions whose files match, and that this node does not accept any more. */
  rejected: RevisionRef[]
}

/**
 * Reads every revision file below the root and verifies its digest. Temporary files are skipped.
 * @param acceptHeld see `InstallDependencies`
 */
export async function verifyInstalled(
  root: string,
  acceptHeld?: InstallDependencies['acceptHeld']
): Promise<Installed> {
  const installed: Installed = { held: [], wrong: [], rejected: [] }
  const base = join(root, 'secco')
  for (const namespace of await foldersOf(base)) {
    for (const profile of await foldersOf(join(base, namespace))) {
      const folder = join(base, namespace, profile)
      for (const name of await readdir(folder).catch((): string[] => [])) {
        const hex = /^([0-9a-f]{64})\.json$/.exec(name)?.[1]
        if (hex === undefined) continue
        const path = join(folder, name)
        const bytes = await readRevision(path).catch(() => 'wrong' as const)
        const digest = `sha256:${hex}`
        if (bytes instanceof Buffer && digestOf(bytes) === digest) {
          const ref = { namespace, profile, digest }
          const isAccepted = await acceptHeld?.(ref, bytes).then(
            () => true,
            () => false
          )
          installed[isAccepted === false ? 'rejected' : 'held'].push(ref)
        } else if (bytes !== undefined) installed.wrong.push(path)
      }
    }
  }
  return installed
}

/**
 * Removes revision files that the hub does not want and no container uses, and temporary files that a crash left.
 * @returns the removed paths.
 */
export async function collectRevisions(
  root: string,
  desired: readonly RevisionRef[],
  referred: ReadonlySet<string>
): Promise<string[]> {
  const wanted = new Set(desired.map((one) => revisionPath(one.namespace, one.profile, one.digest)))
  const removed: string[] = []
  const base = join(root, 'secco')
  for (const namespace of await foldersOf(base)) {
    for (const profile of await foldersOf(join(base, namespace))) {
      const folder = join(base, namespace, profile)
      for (const name of await readdir(folder).catch((): string[] => [])) {
        const hex = /^([0-9a-f]{64})\.json(?:\.(\d+)\.tmp)?$/.exec(name)
        if (hex?.[1] === undefined) continue
        const left = hex[2] !== undefined && !isPidAlive(Number(hex[2]))
        const relative = revisionPath(namespace, profile, `sha256:${hex[1]}`)
        const unwanted =
          hex[2] === undefined && !wanted.has(relative) && !referred.has(`sha256:${hex[1]}`)
        if (!left && !unwanted) continue
        await unlink(join(folder, name))
        removed.push(join(folder, name))
      }
      await rmdir(folder).catch(() => undefined)
    }
  }
  return removed
}
