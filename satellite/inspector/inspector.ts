import { readKernelFilters } from '../../native/kernel-filters.js'
import type { RevisionRef, RunningContainer } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/lib/log.js'
import type { Abi } from '../../src/syscalls/abi.js'
import { isThere, startTimeOf } from '../containers/processes.js'
import type { ContainerRegistry } from '../containers/registry.js'
import type { Container } from '../containers/runtime.js'
import { factsOf, followed, type Tracked } from './container-facts.js'
import { declaredOf } from './declared.js'
import { createDiskFiles } from './disk-files.js'
import { createFilterChecks } from './filter-checks.js'
import { createRegistryNews } from './registry-news.js'
import { hasBegun, seccompStatusOf, timeOfTicks } from './process-facts.js'

export interface InspectorOptions {
  registry: Pick<ContainerRegistry, 'all' | 'refresh' | 'onAppear' | 'onChange'>
  seccompRoot: string
  /** Revisions that this node holds. */
  holding: () => readonly RevisionRef[]
  /** The machine's own ABI first. */
  abis: readonly Abi[]
  logger: Logger
  /** Called after each look that found something new. */
  onChange: (changed: readonly RunningContainer[], gone: readonly string[]) => void
  /** Milliseconds between two looks at what is there (default 1000) and at everything again (default 120,000). */
  lookMs?: number
  rescanMs?: number
}

/** Every running container of the node: what it declares × what is on disk × what the kernel enforces. */
export interface Inspector {
  /** As of the last look; by key. */
  list(): RunningContainer[]
  /** Looks at everything now; resolves when the filters were compared too. */
  scan(): Promise<void>
  /** The key under which a container of the registry runs. */
  keyOf(container: Container): string | undefined
  close(): Promise<void>
}

/** So long after its start a container's state is looked at again and again: runtimes need a moment. */
const youngMs = 15_000
/** A container that ends at once is not worth reading its filter. */
const filterAfterMs = 250
/** What ended within this time was never looked at: on a busy node that is most. */
const newMs = 200
/** Attempts are this far apart: each starts the helper. */
const filterPauseMs = 1000
const diskEveryMs = 2000
/** The end of a process is told by its runtime's folder; by nobody where that is kept. */
const endsEveryMs = 10_000
/** A young container is looked at again when it is twice as old, at least so far apart. */
const youngStepMs = 500
/** One that was made and not started may begin at any time. */
const madeStepMs = 2000

/**
 * Follows the registry: what appears is looked at at once and again while it is young, what ends when the
 * registry says so or its process is missing,
 * files when they change, and everything again from time to time. The kernel's filters are read once per
 * container and change of their number.
 */
export function startInspector(options: InspectorOptions): Inspector {
  const { registry, logger } = options
  const lookMs = options.lookMs ?? 1000
  const rescanMs = options.rescanMs ?? 120_000
  const tracked = new Map<string, Tracked>()
  /** Containers of the registry by their objects: an object that changed is a container with news. */
  const keys = new WeakMap<Container, string>()
  const byPid = new Map<number, Tracked>()
  const young = new Set<Tracked>()
  /** Those with filters that were not read yet. */
  const unread = new Set<Tracked>()
  const disk = createDiskFiles(options.seccompRoot)
  const checks = createFilterChecks(options.abis)
  const known = new Map<string, RevisionRef[]>()
  const state = {
    closed: false,
    rescannedAt: performance.now(),
    diskAt: 0,
    endsAt: 0,
    filtersAt: 0,
    silent: ''
  }
  const isClosed = (): boolean => state.closed
  const now = (): number => performance.now()

  /** @returns whether there was one that was not known. */
  function learnRevisions(): boolean {
    let learned = false
    for (const ref of options.holding()) {
      const list = known.get(ref.digest) ?? []
      const isNew = !list.some(
        ({ namespace, profile }) => namespace === ref.namespace && profile === ref.profile
      )
      if (!isNew) continue
      known.set(ref.digest, [...list, ref])
      learned = true
    }
    return learned
  }

  /** The container's facts as of now; undefined when its process is gone. */
  function inspect(one: Tracked): RunningContainer | undefined {
    one.begun ||= hasBegun(one.container.pid)
    const status = seccompStatusOf(one.container.pid)
    if (status === undefined) return undefined
    // What was read before is what is known until the next reading, a second later.
    if (one.readFilters !== status.filters) one.readFilters = -1
    if (status.mode === 2 && one.readFilters === -1) unread.add(one)
    const declared = declaredOf(one.container, (digest) => known.get(digest) ?? [])
    one.file = declared.file
    const file = one.file === undefined ? undefined : disk.look(one.file)
    one.seen = { declared, disk: file, status }
    return factsOf(one, one.seen)
  }

  function meet(container: Container, at: number): Tracked | undefined {
    const ticks = startTimeOf(container.pid)
    if (ticks === undefined) return undefined
    const key = `${container.id}@${ticks}`
    keys.set(container, key)
    const before = tracked.get(key)
    if (before !== undefined) {
      before.container = container
      return before
    }
    const one = followed(key, container, timeOfTicks(ticks), at)
    tracked.set(key, one)
    byPid.set(container.pid, one)
    young.add(one)
    return one
  }

  function forget(one: Tracked): void {
    tracked.delete(one.key)
    if (byPid.get(one.container.pid) === one) byPid.delete(one.container.pid)
    young.delete(one)
    unread.delete(one)
  }

  /** The process' id may be another container's meanwhile. */
  function metBefore({ id, firstPid }: Container): Tracked | undefined {
    const before = byPid.get(firstPid ?? 0)
    return before?.container.id === id ? before : undefined
  }

  const news = createRegistryNews<Tracked>({
    registry,
    metBefore,
    meet,
    isMet: (one) => keys.has(one)
  })

  /** Adds those whose file is another one than before; a file that many share is looked at once. */
  function addChangedOnDisk(due: Set<Tracked>): void {
    const states = new Map<string, string>()
    tracked.forEach((one) => {
      if (one.file === undefined) return
      const path = one.facts.diskPath
      const state = states.get(path) ?? disk.look(one.file).state
      states.set(path, state)
      if (state !== one.facts.disk) due.add(one)
    })
  }

  /** What has to be looked at now. */
  function dueNow(all: boolean, at: number): Iterable<Tracked> {
    const due = new Set<Tracked>(news.take(at, all ? 0 : newMs))
    const lookAtDisk = all || at - state.diskAt >= diskEveryMs
    const learned = lookAtDisk && learnRevisions()
    if (all || learned) for (const one of tracked.values()) due.add(one)
    for (const one of young) if (one.lookAt <= at) due.add(one)
    if (lookAtDisk) {
      state.diskAt = at
      addChangedOnDisk(due)
    }
    if (at - state.endsAt >= endsEveryMs) {
      state.endsAt = at
      tracked.forEach((one) => {
        if (!isThere(one.container.pid)) due.add(one)
      })
    }
    return due
  }

  function grow(one: Tracked, at: number): void {
    const age = at - one.metAt
    if (one.begun && age >= youngMs) {
      young.delete(one)
      return
    }
    one.lookAt = at + (one.begun ? Math.max(age, youngStepMs) : madeStepMs)
  }

  /** One look. `all`: at everything, whatever is known of it. */
  function look(all: boolean): { changed: RunningContainer[]; gone: string[] } {
    const at = now()
    const changed: RunningContainer[] = []
    const gone: string[] = []
    for (const one of dueNow(all, at)) {
      const facts = inspect(one)
      if (facts === undefined) {
        forget(one)
        if (one.told) gone.push(one.key)
        continue
      }
      if (young.has(one)) grow(one, at)
      if (isNews(one, facts)) changed.push(facts)
      one.facts = facts
      one.told = true
    }
    return { changed, gone }
  }

  /** Compared as texts, which are not kept: there may be thousands. */
  const isNews = (one: Tracked, facts: RunningContainer): boolean =>
    !one.told || JSON.stringify(one.facts) !== JSON.stringify(facts)

  async function readFilters(force: boolean): Promise<RunningContainer[]> {
    const at = now()
    if (!force && at - state.filtersAt < filterPauseMs) return []
    const due = [...unread].filter((one) => one.begun && (force || at - one.metAt >= filterAfterMs))
    if (due.length === 0) return []
    state.filtersAt = at
    const { byPid, how, reason } = await readKernelFilters(
      due.map(({ container }) => container.pid)
    )
    if (how === 'none' && state.silent !== reason) {
      state.silent = reason
      logger.warn({ reason }, "the kernel's filters cannot be read here: only whether there is one")
    }
    const changed: RunningContainer[] = []
    for (const one of due) {
      unread.delete(one)
      one.readFilters = one.facts.filters
      one.tried = true
      const filters = byPid.get(one.container.pid)
      const isFirst = one.check === undefined && filters !== undefined
      one.check =
        filters === undefined ? undefined : await checks.check(filters, one.container.seccomp)
      // Looked at a moment ago: what is new is the check alone.
      if (one.seen === undefined || !tracked.has(one.key)) continue
      const facts = factsOf(one, one.seen)
      if (isFirst || isNews(one, facts)) changed.push(facts)
      one.facts = facts
    }
    return changed
  }

  let running: Promise<void> = Promise.resolve()
  /** Looks are taken one after the other. */
  function alone(all: boolean): Promise<void> {
    running = running
      .then(async () => {
        if (isClosed()) return
        if (all) await registry.refresh()
        const { changed, gone } = look(all)
        if (changed.length + gone.length > 0) options.onChange(changed, gone)
        const more = await readFilters(all)
        if (more.length > 0 && !isClosed()) options.onChange(more, [])
      })
      .catch((error: unknown) => logger.error({ err: error }, 'inspector'))
    return running
  }

  const timer = setInterval(() => {
    const due = now() - state.rescannedAt >= rescanMs
    if (due) state.rescannedAt = now()
    void alone(due)
  }, lookMs)
  timer.unref()
  let soon: NodeJS.Timeout | undefined
  const leave = registry.onAppear(({ pid }) => {
    if (pid === 0) return
    soon ??= setTimeout(() => {
      soon = undefined
      void alone(false)
    }, newMs)
  })

  return {
    list: () => [...tracked.values()].filter(({ told }) => told).map(({ facts }) => facts),
    scan: () => alone(true),
    keyOf: (container) => keys.get(container),
    async close() {
      state.closed = true
      clearInterval(timer)
      clearTimeout(soon)
      leave()
      news.close()
      await running
    }
  }
}
