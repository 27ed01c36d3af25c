import { type FSWatcher, statSync, watch } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ErrorCode } from '../../src/errors.js'
import type { Logger } from '../../src/log.js'
import type { Container, ContainerRuntime } from './runtime.js'

/** Containers kept after their end, so that what is learned of short ones keeps its name and labels. */
const remembered = 2048

/** A container's folder is watched for so long after its state was written. */
const settledMs = 5000

/** Everything that is known of containers now and was known lately. */
export interface ContainerRegistry {
  /** Asks every runtime; calls that arrive meanwhile share the answer. Never rejects. */
  refresh(): Promise<void>
  /** Live ones and remembered ones, oldest first. */
  all(): readonly Container[]
  /** Names and versions of the runtimes that answered with a version. */
  versions(): Promise<{ name: string; version: string }[]>
  /**
   * Calls back when a folder appears below a watched root (undefined: a runtime begins to make a
   * container, some milliseconds before its first instruction) and when a container is met for the
   * first time. @returns how to leave.
   */
  onAppear(listener: (container: Container | undefined) => void): () => void
  close(): void
}

/** One container told by two sources: the process' facts of whoever has them, the name that is not an id. */
export function mergeContainers(older: Container, newer: Container): Container {
  const live = newer.pid > 0 ? newer : older.pid > 0 ? older : newer
  const specific = newer.runtime === 'runc' || newer.runtime === 'unknown' ? older : newer
  const pick = <K extends keyof Container>(key: K): Pick<Container, K> | undefined =>
    newer[key] !== undefined ? newer : older[key] !== undefined ? older : undefined
  const image = pick('image')?.image
  const pod = pick('pod')?.pod
  const seccomp = pick('seccomp')?.seccomp
  const bundle = pick('bundle')?.bundle
  const privileged = pick('privileged')?.privileged
  const firstPid = live.firstPid ?? pick('firstPid')?.firstPid
  const cgroupId = live.cgroupId ?? pick('cgroupId')?.cgroupId
  const cgroupFolder = live.cgroupFolder ?? pick('cgroupFolder')?.cgroupFolder
  return {
    id: newer.id,
    runtime: specific.runtime,
    name: newer.name !== newer.id ? newer.name : older.name,
    pid: live.pid,
    status: live.status,
    labels: { ...older.labels, ...newer.labels },
    ...(firstPid === undefined ? {} : { firstPid }),
    ...(live.mntns === undefined ? {} : { mntns: live.mntns }),
    ...(cgroupId === undefined ? {} : { cgroupId }),
    ...(cgroupFolder === undefined ? {} : { cgroupFolder }),
    ...(image === undefined ? {} : { image }),
    ...(pod === undefined ? {} : { pod }),
    ...(seccomp === undefined ? {} : { seccomp }),
    ...(bundle === undefined ? {} : { bundle }),
    ...(privileged === undefined ? {} : { privileged })
  }
}

/** An id of somebody's choice comes again and again: its cgroup's number tells one run from the next. */
function instanceOf(container: Container): string {
  return `${container.id} ${container.cgroupId ?? ''}`
}

/** True when both speak of one run of a container, not of two that had the same id one after the other. */
function sameInstance(left: Container, right: Container): boolean {
  return (
    left.cgroupId === undefined || right.cgroupId === undefined || left.cgroupId === right.cgroupId
  )
}

/** One run of one container, as far as ids, cgroups and processes tell: ids are unique in a namespace only. */
export function isSameRun(left: Container, right: Container): boolean {
  const samePid = left.pid === 0 || right.pid === 0 || left.pid === right.pid
  return left.id === right.id && sameInstance(left, right) && samePid
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

/** Two runtimes often speak of one container: containerd, and the runc that it calls. */
function mergeAnswers(answers: readonly Container[]): Container[] {
  const byId = new Map<string, Container[]>()
  for (const container of answers) {
    const others = byId.get(container.id) ?? []
    const at = others.findIndex((other) => isSameRun(other, container))
    const other = others[at]
    if (other === undefined) others.push(container)
    else others[at] = mergeContainers(other, container)
    byId.set(container.id, others)
  }
  return [...byId.values()].flat()
}

/**
 * Watches the runtimes' state folders and remembers what was there. A folder that appears is read
 * when its `state.json` does: that is before the container's first instruction.
 */
export function openRegistry(
  runtimes: readonly ContainerRuntime[],
  logger: Logger
): ContainerRegistry {
  const known = new Map<string, Container>()
  const watchers = new Map<string, FSWatcher>()
  /** Folders whose state was read, and when: runc writes no news into them. */
  const settled = new Map<string, number>()
  const silenced = new Set<string>()
  const listeners = new Set<(container: Container | undefined) => void>()
  const lifecycle = { closed: false, again: false }
  const isClosed = (): boolean => lifecycle.closed
  const isDue = (): boolean => lifecycle.again
  let running: Promise<void> | undefined

  const remember = (container: Container): void => {
    // One that a runtime only names (docker's socket) is the newest instance with its id.
    const before =
      known.get(instanceOf(container)) ??
      [...known.values()].findLast((one) => one.id === container.id && sameInstance(one, container))
    const merged = before === undefined ? container : mergeContainers(before, container)
    if (before !== undefined) known.delete(instanceOf(before))
    known.set(instanceOf(merged), merged)
    if (before === undefined) for (const listener of listeners) listener(merged)
    for (const [key, one] of known) {
      if (known.size <= remembered) break
      if (one.pid === 0) known.delete(key)
    }
  }

  const listAll = async (): Promise<void> => {
    const answers = await Promise.all(
      runtimes.map(async (runtime) => {
        try {
          const list = await runtime.list()
          silenced.delete(runtime.name)
          return list
        } catch (error) {
          if (!silenced.has(runtime.name))
            logger.warn(
              {
                code: 'RUNTIME_UNREACHABLE' satisfies ErrorCode,
                runtime: runtime.name,
                err: error
              },
              `${runtime.name} does not answer: its containers have no names until it does`
            )
          silenced.add(runtime.name)
          return []
        }
      })
    )
    const seen = mergeAnswers(answers.flat())
    for (const container of seen) remember(container)
    const present = new Set(seen.map(({ id, pid }) => `${id} ${pid}`))
    for (const [key, container] of known) {
      if (container.pid > 0 && !present.has(`${container.id} ${container.pid}`)) {
        known.set(key, { ...container, pid: 0, status: 'stopped' })
      }
    }
  }

  const refresh = (): Promise<void> => {
    if (isClosed()) return Promise.resolve()
    if (running !== undefined) {
      // What started before this call may have missed what the caller waits for.
      lifecycle.again = true
      return running
    }
    running = (async () => {
      do {
        lifecycle.again = false
        await listAll()
      } while (isDue() && !isClosed())
      running = undefined
    })()
    return running
  }

  const readFolder = async (runtime: ContainerRuntime, folder: string): Promise<void> => {
    const container = await runtime.read?.(folder).catch(() => undefined)
    if (container !== undefined) remember(container)
  }

  const watchFolder = (runtime: ContainerRuntime, folder: string, depth: number): void => {
    if (isClosed() || watchers.has(folder)) return
    try {
      const watcher = watch(folder, (event, name) => {
        if (name === null || name.endsWith('.sock')) return
        if (name === 'state.json') {
          void readFolder(runtime, folder)
          settled.set(folder, performance.now())
          return
        }
        if (depth === 0 || event !== 'rename') return
        // Gone or made: an old watch of that name looks at a folder that no longer exists.
        const path = join(folder, name)
        if (listeners.size > 0 && isFolder(path)) {
          for (const listener of listeners) listener(undefined)
        }
        watchers.get(path)?.close()
        watchers.delete(path)
        watchFolder(runtime, path, depth - 1)
      })
      const forget = (): void => {
        watcher.close()
        if (watchers.get(folder) === watcher) watchers.delete(folder)
      }
      watcher.on('error', forget)
      watchers.set(folder, watcher)
      void readdir(folder, { withFileTypes: true }).then((entries) => {
        for (const entry of entries) {
          if (entry.name === 'state.json') {
            void readFolder(runtime, folder)
            settled.set(folder, performance.now())
          } else if (depth > 0 && entry.isDirectory()) {
            watchFolder(runtime, join(folder, entry.name), depth - 1)
          }
        }
      }, forget)
    } catch {
      // Not there yet: the next sweep tries again.
    }
  }

  const sweep = (): void => {
    for (const [folder, at] of settled) {
      if (performance.now() - at < settledMs) continue
      watchers.get(folder)?.close()
      watchers.delete(folder)
      settled.delete(folder)
    }
    // inotify does not tell fs.watch that the folder itself went away.
    void Promise.all(
      [...watchers].map(async ([folder, watcher]) => {
        await readdir(folder).catch(() => {
          watcher.close()
          if (watchers.get(folder) === watcher) watchers.delete(folder)
        })
      })
    ).then(() => {
      for (const runtime of runtimes) {
        for (const root of runtime.watched ?? []) watchFolder(runtime, root, 2)
      }
    })
  }
  sweep()
  const timer = setInterval(sweep, 5000)
  timer.unref()

  return {
    refresh,
    all: () => [...known.values()],
    versions: async () => {
      const told = await Promise.all(
        runtimes.map(async (runtime) => ({
          name: runtime.name,
          version: await runtime.version().catch(() => '')
        }))
      )
      return told.filter(({ version }) => version !== '')
    },
    onAppear: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: () => {
      lifecycle.closed = true
      clearInterval(timer)
      for (const watcher of watchers.values()) watcher.close()
      for (const runtime of runtimes) runtime.close?.()
    }
  }
}
