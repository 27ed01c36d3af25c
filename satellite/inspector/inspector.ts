import { readKernelFilters } from '../../native/kernel-filters.js'
import type { RevisionRef, RunningContainer } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/log.js'
import type { Abi } from '../../src/seccomp/abi.js'
import { isSandbox } from '../containers/labels.js'
import type { ContainerRegistry } from '../containers/registry.js'
import type { Container } from '../containers/runtime.js'
import { containerRef } from '../observation.js'
import { type Declared, declaredOf } from './declared.js'
import { createDiskFiles } from './disk-files.js'
import { createFilterChecks, type FilterCheck } from './filter-checks.js'
import { exists, hasBegun, seccompStatusOf, startTicksOf, timeOfTicks } from './process-facts.js'

export interface InspectorOptions {
  registry: Pick<ContainerRegistry, 'all' | 'refresh' | 'onAppear'>
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

interface Tracked {
  key: string
  container: Container
  startedAt: string
  metAt: number
  /** Its own program runs. */
  begun: boolean
  /** Filters of the process when they were last read; -1: never. */
  readFilters: number
  check: FilterCheck | undefined
  told: string
  facts: RunningContainer
}

/** So long after its start a container's state is looked at again and again: runtimes need a moment. */
const youngMs = 15_000
/** A container that ends at once is not worth reading its filter. */
const filterAfterMs = 250
/** Attempts are this far apart: each starts the helper. */
const filterPauseMs = 1000
const diskEveryMs = 2000

function factsOf(
  one: Pick<Tracked, 'key' | 'container' | 'startedAt' | 'check' | 'begun'>,
  declared: Declared,
  disk: { state: string; path: string } | undefined,
  status: { mode: number; filters: number }
): RunningContainer {
  const { container, check } = one
  const read = check !== undefined && check.checked !== 'none' && status.mode === 2
  const { assigned } = declared
  return {
    key: one.key,
    container: containerRef(container),
    pid: container.pid,
    startedAt: one.startedAt,
    running: one.begun,
    privileged: container.privileged === true,
    declared: declared.kind,
    digest: declared.digest,
    declaredMode: declared.mode,
    assigned:
      assigned === undefined || assigned.revision === ''
        ? ''
        : `${assigned.profile}@${assigned.revision}`,
    disk: disk?.state ?? '',
    diskPath: disk?.path ?? '',
    mode: status.mode,
    filters: status.filters,
    checked: read ? check.checked : status.mode === 2 ? 'mode' : 'none',
    same: read && check.same,
    difference: read ? check.difference : '',
    others: read ? check.others : 0,
    allowed: read ? check.allowed : 0
  }
}

/**
 * Follows the registry: what appears is looked at at once, what lives is asked for its pid once a second,
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
  const disk = createDiskFiles(options.seccompRoot)
  const checks = createFilterChecks(options.abis)
  const known = new Map<string, RevisionRef[]>()
  const state = {
    closed: false,
    rescannedAt: performance.now(),
    diskAt: 0,
    filtersAt: 0,
    silent: ''
  }
  const isClosed = (): boolean => state.closed
  const now = (): number => performance.now()

  function learnRevisions(): void {
    for (const ref of options.holding()) {
      const list = known.get(ref.digest) ?? []
      const isNew = !list.some(
        ({ namespace, profile }) => namespace === ref.namespace && profile === ref.profile
      )
      if (isNew) known.set(ref.digest, [...list, ref])
    }
  }

  /** The container's facts as of now; undefined when its process is gone. */
  function inspect(one: Tracked): RunningContainer | undefined {
    one.begun ||= hasBegun(one.container.pid)
    const status = seccompStatusOf(one.container.pid)
    if (status === undefined) return undefined
    if (one.readFilters !== status.filters && one.readFilters !== -1) {
      one.readFilters = -1
      one.check = undefined
    }
    const declared = declaredOf(one.container, (digest) => known.get(digest) ?? [])
    const file = declared.file === undefined ? undefined : disk.look(declared.file)
    return factsOf(one, declared, file, status)
  }

  function meet(container: Container, at: number): Tracked | undefined {
    const ticks = startTicksOf(container.pid)
    if (ticks === undefined) return undefined
    const key = `${container.id}@${ticks}`
    keys.set(container, key)
    const before = tracked.get(key)
    if (before !== undefined) {
      before.container = container
      return before
    }
    const one: Tracked = {
      ...{ key, container, startedAt: timeOfTicks(ticks), metAt: at, readFilters: -1 },
      ...{ check: undefined, told: '', begun: container.status === 'running' },
      facts: undefined as unknown as RunningContainer
    }
    tracked.set(key, one)
    return one
  }

  function needsLook(one: Tracked, at: number): boolean {
    return !one.begun || at - one.metAt < youngMs
  }

  /** One look. `all`: at everything, whatever is known of it. */
  function look(all: boolean): { changed: RunningContainer[]; gone: string[] } {
    const at = now()
    const changed: RunningContainer[] = []
    const gone: string[] = []
    const lookAtDisk = all || at - state.diskAt >= diskEveryMs
    if (lookAtDisk) {
      state.diskAt = at
      learnRevisions()
    }
    const news = new Set<Tracked>()
    for (const container of registry.all()) {
      if (container.pid === 0 || keys.has(container) || isSandbox(container.labels)) continue
      const one = meet(container, at)
      if (one !== undefined) news.add(one)
    }
    for (const one of tracked.values()) {
      const isYoung = needsLook(one, at)
      if (!lookAtDisk && !isYoung && !news.has(one)) continue
      const isThere = exists(one.container.pid)
      const isDue = all || news.has(one) || isYoung || (lookAtDisk && one.facts.disk !== '')
      if (isThere && !isDue) continue
      const facts = isThere ? inspect(one) : undefined
      if (facts === undefined) {
        tracked.delete(one.key)
        if (one.told !== '') gone.push(one.key)
        continue
      }
      tell(one, facts, changed)
    }
    return { changed, gone }
  }

  function tell(one: Tracked, facts: RunningContainer, changed: RunningContainer[]): void {
    one.facts = facts
    const text = JSON.stringify(facts)
    if (one.told === text) return
    one.told = text
    changed.push(facts)
  }

  async function readFilters(force: boolean): Promise<RunningContainer[]> {
    const at = now()
    if (!force && at - state.filtersAt < filterPauseMs) return []
    const due = [...tracked.values()].filter(
      (one) =>
        one.readFilters === -1 &&
        one.facts.mode === 2 &&
        one.begun &&
        (force || at - one.metAt >= filterAfterMs)
    )
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
      one.readFilters = one.facts.filters
      const filters = byPid.get(one.container.pid)
      if (filters === undefined) continue
      one.check = await checks.check(filters, one.container.seccomp)
      const facts = tracked.has(one.key) ? inspect(one) : undefined
      if (facts !== undefined) tell(one, facts, changed)
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
  const leave = registry.onAppear(() => {
    soon ??= setTimeout(() => {
      soon = undefined
      void alone(false)
    }, 50)
  })

  return {
    list: () => [...tracked.values()].filter(({ told }) => told !== '').map(({ facts }) => facts),
    scan: () => alone(true),
    keyOf: (container) => keys.get(container),
    async close() {
      state.closed = true
      clearInterval(timer)
      clearTimeout(soon)
      leave()
      await running
    }
  }
}
