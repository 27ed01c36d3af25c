import { randomBytes } from 'node:crypto'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { SeccoError } from '../../src/lib/errors.js'
import { createDurable, ensureFolder, errnoOf, isDenied } from '../../src/lib/durable-file.js'
import { quoted } from '../../src/lib/shell-word.js'
import {
  isAlive,
  isEnding,
  isPidAlive,
  type ProcessIdentity
} from '../../src/lib/process-identity.js'
import type { Io } from './io.js'
import { readNodeRoots } from './node-roots.js'

/** Paths of everything that Secco keeps on one machine, below the state folder. */
export interface StatePaths {
  root: string
  objects: string
  certs: string
  revisions: string
  spool: string
  seccomp: string
  satelliteSocket: string
  /** When the satellite recorded on this machine. */
  recordingGaps: string
  /** Where the programs of this machine look for containers and write profiles (node-roots.ts). */
  nodeRoots: string
  /** When the clocks of this boot stood at zero. */
  clock: string
  /** The folder in which `secco up --pin FOLDER` pinned its recorder last. */
  pinFolder: string
  /** Addresses of the running programs, written when they are up. */
  addresses: string
  /** File with the token of the command line for the API of the hub; mode 0600. */
  uiToken: string
  /** The option that names this folder in a command for a shell; '' for the folder that commands use by themselves. */
  option: string
}

/** Returns the paths below --state, SECCO_STATE, /var/lib/secco for root, or the XDG state folder for other users. */
export function statePaths(
  io: Pick<Io, 'env'>,
  given: string | undefined,
  uid: number
): StatePaths {
  const home = io.env['XDG_STATE_HOME'] ?? join(io.env['HOME'] ?? '/', '.local', 'state')
  const usual = uid === 0 ? '/var/lib/secco' : join(home, 'secco')
  const root = given ?? io.env['SECCO_STATE'] ?? usual
  const path = resolve(root)
  return {
    root,
    objects: join(root, 'objects'),
    certs: join(root, 'certs'),
    revisions: join(root, 'revisions'),
    spool: join(root, 'spool'),
    seccomp: join(root, 'seccomp'),
    satelliteSocket: join(root, 'satellite.sock'),
    recordingGaps: join(root, 'recording-gaps.json'),
    nodeRoots: join(root, 'node-roots.json'),
    clock: join(root, 'clock.json'),
    pinFolder: join(root, 'pin-folder'),
    addresses: join(root, 'addresses.json'),
    uiToken: join(root, 'ui-token'),
    option: path === resolve(usual) ? '' : `--state ${quoted(path)}`
  }
}

/** Why a folder or a file cannot be made, by errno; others say it themselves. */
const reasons: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'the file system is read-only',
  EEXIST: 'a file is in its place',
  ENOTDIR: 'a part of the path is a file',
  EISDIR: 'a folder is in its place',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota of this user is used up'
}

/** Returns WRITE_FAILED for something below the state folder, with how to choose another one. */
function notWritable({ root }: StatePaths, path: string, error: unknown): SeccoError {
  const cause = error instanceof SeccoError ? error.cause : error
  const errno = errnoOf(cause) ?? ''
  const why = reasons[errno] ?? (cause instanceof Error ? cause.message : String(cause))
  const what =
    path === root
      ? `cannot use the state folder ${root}`
      : `cannot write ${path} of the state folder ${root}`
  const code = reasons[errno] === undefined ? '' : ` (${errno})`
  return new SeccoError('WRITE_FAILED', `${what}: ${why}${code}`, {
    cause,
    hint: 'choose a folder that this user can write, with --state DIR'
  })
}

/** Returns FORBIDDEN for a state folder of another user. The command line adds the command for root. */
const notReadable = ({ root }: StatePaths, cause: unknown): SeccoError =>
  new SeccoError('FORBIDDEN', `the state folder ${root} belongs to another user`, { cause })

/** Creates folders of the state folder, for its user alone. @throws SeccoError WRITE_FAILED that names the folder */
export async function ensureStateFolders(
  paths: StatePaths,
  folders: readonly string[]
): Promise<void> {
  for (const folder of folders) {
    try {
      await ensureFolder(folder, 0o700)
    } catch (error) {
      throw notWritable(paths, folder, error)
    }
  }
}

/** Opens a file of the state folder at its end, for its user alone. @throws SeccoError WRITE_FAILED that names the file */
export async function openInState(paths: StatePaths, path: string): Promise<FileHandle> {
  try {
    return await open(path, 'a', 0o600)
  } catch (error) {
    throw notWritable(paths, path, error)
  }
}

/** Addresses and process id of the running programs. */
export interface Addresses {
  pid: number
  /** Tells the process from a later one of its pid; absent: from an earlier version. */
  identity?: ProcessIdentity
  webhook: string
  hub: string
  ui: string
  caBundle: string
}

/** Addresses with the token for the API. */
interface ApiAccess extends Addresses {
  token: string
}

/** Returns the API token of the state folder; creates it when there is none. @throws SeccoError WRITE_FAILED */
export async function ensureUiToken(paths: StatePaths): Promise<string> {
  await createDurable(paths.uiToken, `${randomBytes(32).toString('base64url')}\n`, 0o600)
  return (await readFile(paths.uiToken, 'utf8')).trim()
}

/** Reads what the last program wrote, which may have ended. */
async function writtenAddresses(paths: StatePaths): Promise<Addresses> {
  return JSON.parse(await readFile(paths.addresses, 'utf8')) as Addresses
}

/** Reads the addresses of the running programs. @throws SeccoError UNAVAILABLE with how to start them */
export async function readAddresses(paths: StatePaths): Promise<ApiAccess> {
  const { options = '' } = (await readNodeRoots(paths)) ?? {}
  const hint = `start it with \`secco up --state ${quoted(paths.root)}${options === '' ? '' : ` ${options}`}\``
  let addresses: Addresses
  try {
    addresses = await writtenAddresses(paths)
  } catch (cause) {
    if (isDenied(cause)) throw notReadable(paths, cause)
    throw new SeccoError('UNAVAILABLE', `no hub runs on the state folder ${paths.root}`, {
      hint,
      cause
    })
  }
  if (!isRunning(addresses)) {
    throw new SeccoError(
      'UNAVAILABLE',
      `the hub on the state folder ${paths.root} (pid ${addresses.pid}) has ended`,
      {
        hint
      }
    )
  }
  const token = await readFile(paths.uiToken, 'utf8').catch((cause: unknown) => {
    if (isDenied(cause)) throw notReadable(paths, cause)
    return ''
  })
  return { ...addresses, token: token.trim() }
}

/** Returns whether the program that wrote its addresses runs. */
function isRunning({ pid, identity }: Addresses): boolean {
  const known = identity === undefined ? 'unknown' : isAlive(identity)
  // Of another pid namespace only the pid is known.
  return known === 'unknown' ? isPidAlive(pid) : known
}

/** For a program that was killed: until the kernel has closed what it held, at most. */
const endingMs = 10_000

/**
 * Rejects a state folder that another running Secco uses. Two hubs on one folder do not harm the data, but two
 * satellites would compete for one socket. @throws SeccoError CONFLICT that names the process
 */
export async function ensureRunnable(paths: StatePaths): Promise<void> {
  const last = await writtenAddresses(paths).catch(() => undefined)
  const until = Date.now() + endingMs
  while (last !== undefined && isEnding(last.pid) && Date.now() < until) await delay(20)
  const running = await readAddresses(paths).catch(() => undefined)
  if (running === undefined || running.pid === process.pid) return
  throw new SeccoError(
    'CONFLICT',
    `a Secco (pid ${running.pid}) runs on the state folder ${paths.root} already`,
    {
      hint: `use it (pages at ${running.ui}/), stop it, or choose another folder with --state`
    }
  )
}

/** The longest path of a socket: sun_path of unix(7) without its last byte. Node.js cuts longer ones off silently. */
const longestSocketPath = 107

/** Rejects a state folder in which the satellite's socket has no place. @throws SeccoError INVALID_ARGUMENT */
export function ensureSocketPath({ root, satelliteSocket }: StatePaths): void {
  const length = Buffer.byteLength(satelliteSocket)
  if (length <= longestSocketPath) return
  throw new SeccoError(
    'INVALID_ARGUMENT',
    `${satelliteSocket}: has ${length} bytes, and a socket's path can have ${longestSocketPath}`,
    { hint: `choose a folder with a shorter path than ${root} with --state` }
  )
}
