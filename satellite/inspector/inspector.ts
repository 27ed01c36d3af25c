import { readKernelFilters } from '../../native/kernel-filters.js'
import type { RevisionRef, RunningContainer } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/lib/log.js'
import { Worker } from '../../src/lib/worker.js'
import type { Abi } from '../../src/syscalls/abi.js'
import { hasProcess } from '../containers/processes.js'
import type { ContainerRegistry } from '../containers/registry.js'
import type { Container } from '../containers/runtime.js'
import { ContainerChanges } from './container-changes.js'
import { factsOf, type InspectedContainer } from './container-facts.js'
import { declaredOf, isSameProfile } from './declared.js'
import { createDiskFiles } from './disk-files.js'
import { FilterChecks } from './filter-checks.js'
import { InspectedSet } from './inspected-set.js'
import { KnownRevisions } from './known-revisions.js'
import { hasBegun, seccompStatusOf } from './process-facts.js'

export interface InspectorOptions {
  registry: Pick<ContainerRegistry, 'all' | 'refresh' | 'onAppear' | 'onChange'>
  seccompRoot: string
  /** Revisions that this node holds. */
  holding: () => readonly RevisionRef[]
  /** The machine's own ABI first. */
  abis: readonly Abi[]
  logger: Logger
  /** Called after each scan that found something new. */
  onChange: (changed: readonly RunningContainer[], gone: readonly string[]) => void
  /** Milliseconds between two scans of what changed (default 1000), and of everything (default 120,000). */
  scanMs?: number
  rescanMs?: number
}

/** A young container is read again and again: runtimes need a moment to set it up. */
const youngMs = 15_000
/** A container that ends at once is not worth reading its filter. */
const filterAfterMs = 250
/** New containers are read after this time: on a busy node most have ended by then. */
const newMs = 200
/** Time between two readings of filters: each starts a helper process. */
const filterPauseMs = 1000
const diskEveryMs = 2000
/** The end of a process is reported by its runtime's state folder; a runtime that keeps the folder reports nothing. */
const endsEveryMs = 10_000
/** A young container is read again when it is twice as old, but not before this time. */
const youngStepMs = 500
/** A container that was created may be started at any time. */
const createdStepMs = 2000

/** Starts an inspector; `close` ends it. */
export function startInspector(options: InspectorOptions): Inspector {
  return new Inspector(options)
}

/**
 * Inspector follows every running container of the node: what it declares, what is on disk, and what the kernel
 * enforces. It reads a container when the registry reports it and again while it is young, its end when the
 * registry reports it or its process is gone, files when they change, and everything from time to time. The
 * kernel's filters are read once per container, and again when their number or what is declared changes.
 */
export class Inspector {
  readonly #options: InspectorOptions
  readonly #inspected = new InspectedSet()
  readonly #changes: ContainerChanges
  readonly #known = new KnownRevisions()
  readonly #files: ReturnType<typeof createDiskFiles>
  readonly #checks: FilterChecks
  readonly #scans: Worker
  readonly #unsubscribe: () => void
  #closed = false
  #all = false
  #rescannedAt = performance.now()
  #filesAt = 0
  #endsAt = 0
  #filtersAt = 0
  /** The last reason why filters could not be read. */
  #unreadable = ''

  constructor(options: InspectorOptions) {
    const { registry, logger, scanMs = 1000 } = options
    this.#options = options
    this.#changes = new ContainerChanges(registry, this.#inspected)
    this.#files = createDiskFiles(options.seccompRoot)
    this.#checks = new FilterChecks(options.abis)
    this.#scans = new Worker(() => this.#scan(), {
      delayMs: newMs,
      everyMs: scanMs,
      onError: (error) => logger.error({ err: error }, 'containers could not be inspected')
    })
    this.#unsubscribe = registry.onAppear(({ pid }) => {
      if (pid !== 0) this.#scans.request()
    })
  }

  /** Every running container as of the last scan. */
  list(): RunningContainer[] {
    return [...this.#inspected.all()].filter(({ reported }) => reported).map(({ facts }) => facts)
  }

  /** Scans everything now; resolves when the filters were compared too. */
  scan(): Promise<void> {
    this.#all = true
    return this.#scans.runNow()
  }

  /** The key under which a container of the registry is listed. */
  keyOf(container: Container): string | undefined {
    return this.#inspected.keyOf(container)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#unsubscribe()
    this.#changes.close()
    await this.#scans.close()
  }

  async #scan(): Promise<void> {
    const { registry, onChange, rescanMs = 120_000 } = this.#options
    const all = this.#all || performance.now() - this.#rescannedAt >= rescanMs
    this.#all = false
    if (all) {
      this.#rescannedAt = performance.now()
      await registry.refresh()
    }
    const { changed, gone } = this.#readDue(all)
    if (changed.length + gone.length > 0) onChange(changed, gone)
    const compared = await this.#readFilters(all)
    if (compared.length > 0 && !this.#closed) onChange(compared, [])
  }

  /** Reads the containers that are due, or all of them. */
  #readDue(all: boolean): { changed: RunningContainer[]; gone: string[] } {
    const at = performance.now()
    const changed: RunningContainer[] = []
    const gone: string[] = []
    for (const one of this.#due(all, at)) {
      const facts = this.#read(one)
      if (facts === undefined) {
        this.#inspected.remove(one)
        if (one.reported) gone.push(one.key)
        continue
      }
      if (this.#inspected.young.has(one)) this.#planNext(one, at)
      if (isNew(one, facts)) changed.push(facts)
      one.facts = facts
      one.reported = true
    }
    return { changed, gone }
  }

  #due(all: boolean, at: number): Iterable<InspectedContainer> {
    const due = new Set(this.#changes.take(at, all ? 0 : newMs))
    const readFiles = all || at - this.#filesAt >= diskEveryMs
    const hasNewRevision = readFiles && this.#known.add(this.#options.holding())
    if (all || hasNewRevision) for (const one of this.#inspected.all()) due.add(one)
    for (const one of this.#inspected.young) if (one.dueAt <= at) due.add(one)
    if (readFiles) {
      this.#filesAt = at
      this.#addChangedFiles(due)
    }
    if (at - this.#endsAt >= endsEveryMs) {
      this.#endsAt = at
      this.#inspected.forEach((one) => {
        if (!hasProcess(one.container)) due.add(one)
      })
    }
    return due
  }

  /** Adds the containers whose file changed; a file that many containers share is read once. */
  #addChangedFiles(due: Set<InspectedContainer>): void {
    const states = new Map<string, string>()
    this.#inspected.forEach((one) => {
      if (one.file === undefined) return
      const path = one.facts.diskPath
      const state = states.get(path) ?? this.#files.read(one.file).state
      states.set(path, state)
      if (state !== one.facts.disk) due.add(one)
    })
  }

  /** The container's facts as of now; undefined if its process is gone. */
  #read(one: InspectedContainer): RunningContainer | undefined {
    const { container } = one
    // A program may have the name of a runtime; the runtime says when it has started it.
    one.begun ||= container.status === 'running' || hasBegun(container.pid)
    const status = seccompStatusOf(container.pid)
    if (status === undefined) return undefined
    // The earlier check stays until the filters are read again, a second later.
    if (one.readFilters !== status.filters) one.readFilters = -1
    // Whoever is root on the node can change what a container declares: the check says nothing about that.
    if (one.tried && !isSameProfile(one.comparedWith, container.seccomp)) {
      one.readFilters = -1
      one.tried = false
      one.check = undefined
    }
    if (status.mode === 2 && one.readFilters === -1) this.#inspected.unread.add(one)
    const declared = declaredOf(container, (digest) => this.#known.withDigest(digest))
    one.file = declared.file
    const disk = one.file === undefined ? undefined : this.#files.read(one.file)
    one.read = { declared, disk, status }
    return factsOf(one, one.read)
  }

  #planNext(one: InspectedContainer, at: number): void {
    const age = at - one.seenAt
    if (one.begun && age >= youngMs) {
      this.#inspected.young.delete(one)
      return
    }
    one.dueAt = at + (one.begun ? Math.max(age, youngStepMs) : createdStepMs)
  }

  /** Reads and compares the filters that are due. Returns the facts that changed. */
  async #readFilters(force: boolean): Promise<RunningContainer[]> {
    const at = performance.now()
    if (!force && at - this.#filtersAt < filterPauseMs) return []
    const due = [...this.#inspected.unread].filter(
      (one) => one.begun && (force || at - one.seenAt >= filterAfterMs)
    )
    if (due.length === 0) return []
    this.#filtersAt = at
    const found = await readKernelFilters(due.map(({ container }) => container.pid))
    if (found.how === 'none') this.#warnUnreadable(found.reason)
    const changed: RunningContainer[] = []
    for (const one of due) {
      const facts = await this.#compare(one, found.byPid.get(one.container.pid))
      if (facts !== undefined) changed.push(facts)
    }
    return changed
  }

  /** Returns the container's facts if they changed. */
  async #compare(
    one: InspectedContainer,
    filters: readonly (Buffer | undefined)[] | undefined
  ): Promise<RunningContainer | undefined> {
    this.#inspected.unread.delete(one)
    one.readFilters = one.facts.filters
    one.tried = true
    const isFirst = one.check === undefined && filters !== undefined
    const { seccomp } = one.container
    one.comparedWith = seccomp
    one.check = filters === undefined ? undefined : await this.#checks.check(filters, seccomp)
    // The rest was read a moment ago; only the check is new.
    if (one.read === undefined || !this.#inspected.has(one)) return undefined
    const facts = factsOf(one, one.read)
    const hasChanged = isFirst || isNew(one, facts)
    one.facts = facts
    return hasChanged ? facts : undefined
  }

  #warnUnreadable(reason: string): void {
    if (this.#unreadable === reason) return
    this.#unreadable = reason
    this.#options.logger.warn(
      { reason },
      'filters cannot be read; reporting only whether there is one'
    )
  }
}

/** Compares facts as texts, which are not kept: there may be thousands. */
function isNew(one: InspectedContainer, facts: RunningContainer): boolean {
  return !one.reported || JSON.stringify(one.facts) !== JSON.stringify(facts)
}
