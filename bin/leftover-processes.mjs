// Finds and ends the processes of a test run that was killed.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { statOf } from './test-run.mjs'

const cgroups = '/sys/fs/cgroup'

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const isBelow = (path, folder) => path === folder || path.startsWith(`${folder}/`)

/** Tells whether a process was started with its temporary files, or its home, in a folder. */
const hasEnvironment = (pid, folder) =>
  read(`/proc/${pid}/environ`)
    .split('\0')
    .map((pair) => /^(?:TMPDIR|HOME)=(.*)$/s.exec(pair)?.[1])
    .some((value) => value !== undefined && isBelow(value, folder))

/** Tells whether the root of a process is in a folder: a container's, which has no environment of the run. */
const hasRoot = (pid, folder) =>
  read(`/proc/${pid}/mountinfo`)
    .split('\n')
    .map((line) => line.split(' '))
    .some(([, , , root, target]) => target === '/' && isRootIn(root, folder))

/** The root of a mount is a path in its file system, which can be mounted anywhere, such as at /tmp. */
function isRootIn(root, folder) {
  const mark = folder.slice(folder.lastIndexOf('/'))
  const at = root.indexOf(`${mark}/`)
  return at !== -1 && folder.endsWith(root.slice(0, at) + mark)
}

/** Returns this process and those that it descends from: the run that removes leftovers. */
function ancestors() {
  const found = new Set()
  for (let pid = process.pid; pid > 0 && !found.has(pid); pid = statOf(pid)?.parent ?? 0)
    found.add(pid)
  return found
}

/** Returns the processes in a cgroup and below it. */
function processesIn(cgroup) {
  if (!existsSync(cgroup)) return []
  const below = readdirSync(cgroup, { withFileTypes: true }).filter((one) => one.isDirectory())
  return [
    ...read(join(cgroup, 'cgroup.procs')).split('\n').filter(Boolean).map(Number),
    ...below.flatMap(({ name }) => processesIn(join(cgroup, name)))
  ]
}

/**
 * Returns the processes of a run: with its folder in their environment, with their root in it, in its cgroups, known as
 * the first of its containers, or started by such a process. The first of a container that is being made has no root of
 * its own yet. The file that names it could be made up: it must be in a cgroup of that container, too.
 */
function processesOf({ folder, containers, ownedNow }) {
  const stats = new Map()
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    const stat = statOf(Number(name))
    if (stat !== undefined) stats.set(Number(name), stat)
  }
  const known = new Set([
    ...ownedNow().flatMap(processesIn),
    ...containers
      .filter(({ pid, start }) => stats.get(pid)?.start === start)
      .filter(({ pid, groups }) => groups.some((group) => processesIn(group).includes(pid)))
      .map(({ pid }) => pid)
  ])
  const own = ancestors()
  for (const pid of stats.keys())
    if (hasEnvironment(pid, folder) || hasRoot(pid, folder)) known.add(pid)
  for (const pid of own) known.delete(pid)
  // A child can have a smaller pid than its parent.
  for (let before = -1; before !== known.size; ) {
    before = known.size
    for (const [pid, { parent }] of stats) if (known.has(parent) && !own.has(pid)) known.add(pid)
  }
  return [...known].flatMap((pid) => (stats.has(pid) ? [{ pid, ...stats.get(pid) }] : []))
}

/** Lets a frozen process run: in the freezer of cgroup v1 not even SIGKILL reaches it. */
function thaw(pid) {
  const path = /^\d+:freezer:(.*)$/m.exec(read(`/proc/${pid}/cgroup`))?.[1]
  if (path === undefined) return
  const state = join(cgroups, 'freezer', path, 'freezer.state')
  if (read(state).trim() !== 'THAWED' && existsSync(state)) writeFileSync(state, 'THAWED')
}

function kill({ pid, start }) {
  try {
    thaw(pid)
    // Another process could have the number meanwhile.
    if (statOf(pid)?.start === start) process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended, or the next try succeeds.
  }
}

/**
 * Kills all processes of a run, also those that they start meanwhile.
 * @param run its folder, its containers, and a function that returns its cgroups: they can be another run's later
 * @param limitMs when to give up
 * @returns each process as `{ pid, name, isLeft }`
 */
export async function endProcesses(run, limitMs = 15_000) {
  const found = new Map()
  const deadline = Date.now() + limitMs
  for (;;) {
    const left = processesOf(run)
    for (const { pid, start } of left) {
      const key = `${pid} ${start}`
      if (!found.has(key)) found.set(key, { pid, name: read(`/proc/${pid}/comm`).trim() })
    }
    if (left.length === 0 || Date.now() > deadline) {
      for (const { pid, start } of left) found.get(`${pid} ${start}`).isLeft = true
      return [...found.values()]
    }
    left.forEach(kill)
    await delay(50)
  }
}
