// The identity of a test run. Each run has a temporary folder of its own, `secco-run-PID-START`: everything that its tests
// leave lies in it, or has its name as a mark, so a later run can tell what belongs to a run that was killed.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  writeFileSync
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import process from 'node:process'

/** Matches the mark in a path or a name. The start is in base 36: a Unix socket's path has at most 107 bytes. */
export const markPattern = /secco-run-\d+-[0-9a-z]+/
const isMark = (name) => markPattern.exec(name)?.[0] === name
const ownerFile = 'owner.json'

/**
 * Returns the parent of a process and when it started, in clock ticks since the boot (proc_pid_stat(5), fields 4 and 22).
 * With the pid the start names a process once and for all. Undefined: it has ended, perhaps without being waited for.
 */
export function statOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command's name, in parentheses, can contain anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (['Z', 'X'].includes(fields[0])) return undefined
    return { parent: Number(fields[1]), start: Number(fields[19]) }
  } catch {
    return undefined
  }
}

/** Returns what makes a pid comparable. A container, or another machine, can share the temporary folder. */
const here = () => ({
  host: hostname(),
  boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
  namespace: readlinkSync('/proc/self/ns/pid')
})

function outsideOfRuns(folder) {
  const at = folder.split('/').findIndex(isMark)
  return at === -1 ? folder : folder.split('/').slice(0, at).join('/') || '/'
}

/**
 * Returns the folder that holds the folders of all runs: inside of a run, it is the one outside. The kernel names mounts
 * by real paths, so this is one. The folder of a run may be gone already; a link may lead into one.
 */
export function baseFolder(folder = tmpdir()) {
  return outsideOfRuns(realpathSync(outsideOfRuns(resolve(folder))))
}

/** Makes the folder of a run that a process owns. It appears together with its owner. */
export function makeRunFolder(base = baseFolder(), pid = process.pid) {
  const { start } = statOf(pid)
  const work = mkdtempSync(join(base, 'secco-run-'))
  writeFileSync(join(work, ownerFile), JSON.stringify({ pid, start, ...here() }))
  const folder = join(base, `secco-run-${pid}-${start.toString(36)}`)
  // Programs of other users find what tests gave to them.
  chmodSync(work, 0o755)
  renameSync(work, folder)
  return folder
}

/** Tells whether the owner of a run's folder has ended. Undefined: that cannot be known from here. */
function hasEnded({ pid, start, host, boot, namespace }) {
  const now = here()
  if (host !== now.host) return undefined
  if (boot !== now.boot) return true
  return namespace === now.namespace ? statOf(pid)?.start !== start : undefined
}

/**
 * Returns the runs of this user that have ended and whose folder is still there: `{ name, folder, pid }`.
 * @param ownRun name of a run that is at its end, although its process is still there
 */
export function endedRuns(base = baseFolder(), ownRun = undefined) {
  return readdirSync(base)
    .filter(isMark)
    .flatMap((name) => {
      const folder = join(base, name)
      try {
        const found = lstatSync(folder)
        // What is in a folder of somebody else could be made up.
        if (!found.isDirectory() || found.uid !== process.getuid()) return []
        const owner = JSON.parse(readFileSync(join(folder, ownerFile), 'utf8'))
        return name === ownRun || hasEnded(owner) === true ? [{ name, folder, pid: owner.pid }] : []
      } catch {
        // Another run is removing it now.
        return []
      }
    })
}

const program = join(import.meta.dirname, 'remove-leftovers.mjs')

/** Starts the program that removes, alone: a second run waits for the lock on the folder of all runs. */
function runRemoval(base, ...args) {
  const flock = '/usr/bin/flock'
  const lock = existsSync(flock) ? [flock, '--no-fork', '--wait', '60', base] : []
  const [command, ...rest] = [...lock, process.execPath, program, base, ...args]
  const how = { stdio: ['ignore', 'inherit', 'inherit'], timeout: 180_000 }
  const { status, signal, error } = spawnSync(command, rest, how)
  if (status !== 0)
    console.log(`what ended runs left was not removed: ${error?.message ?? signal ?? status}`)
}

/**
 * Removes what interrupted runs left, says so, and gives this process and what it starts a temporary folder of its own.
 * @returns a function for the end of the run, which removes that folder and says what else tests have left
 */
export function beginRun() {
  if (process.platform !== 'linux') return () => undefined
  const base = baseFolder()
  runRemoval(base)
  const folder = makeRunFolder(base)
  process.env.TMPDIR = folder
  return () => {
    process.env.TMPDIR = dirname(folder)
    runRemoval(base, folder.slice(base.length).replace(/^\//, ''))
  }
}
