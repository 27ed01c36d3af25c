import { modeOfRendering } from '../../src/confinement/profile-kind.js'
import { dropOldest } from '../../src/lib/drop-oldest.js'
import type { Logger } from '../../src/lib/log.js'
import { oncePer } from '../../src/lib/once-per.js'
import { Worker } from '../../src/lib/worker.js'
import { isSandbox } from '../containers/labels.js'
import { isSameRun } from '../containers/merge.js'
import { mntnsOf } from '../containers/processes.js'
import type { ContainerRegistry } from '../containers/registry.js'
import type { Container } from '../containers/runtime.js'
import { digestOfSeccomp } from '../containers/seccomp-digest.js'
import type { RecorderLoop } from './recorder-loop.js'

/** The recorder stays attached this long after the last need: containers often start one after the other. */
const defaultLingerMs = 10_000
const checkEveryMs = 1000
/** With `always`, only missed containers are counted. */
const countEveryMs = 10_000
/** A container that ended counts as missed if its slot does not name it in this time: a busy node is scanned every two seconds. */
const namingMs = 10_000
/** Number of runs that are remembered. */
const mostKnown = 10_000

/** Equal profiles of containers are one object. */
const modeOf = oncePer(modeOfRendering)

interface AttachmentOptions {
  mode: 'always' | 'unprofiled'
  loop: Pick<RecorderLoop, 'attach' | 'detach'>
  attached: () => boolean
  registry: ContainerRegistry
  /** Digests of the revisions on this node. */
  held: () => ReadonlySet<string>
  logger: Logger
  /** Called after the recorder was attached or detached. */
  onChange: () => void
  lingerMs?: number | undefined
}

/** A container that started while the recorder was detached. */
interface UnseenRun {
  container: Container
  goneAt?: number
}

const isAlive = ({ pid, mntns }: Container): boolean =>
  pid > 0 && (mntns === undefined || mntnsOf(pid) === mntns)

/**
 * Attachment keeps the recorder attached while it is needed: while a container without a revision or in audit
 * mode runs, while a container is being created, or while a trace holds it.
 */
export class Attachment {
  readonly #options: AttachmentOptions
  readonly #lingerMs: number
  readonly #unseen = new Set<UnseenRun>()
  /** Runs that were unseen: a runtime may list for months what ended, and the registry forgets it in between. */
  readonly #known = new Set<string>()
  readonly #checks: Worker
  readonly #detaches: Worker
  readonly #unsubscribe: (() => void)[]
  #attaching: Promise<void> | undefined
  #holds = 0
  #neededAt = -Infinity
  #missed = 0
  #closed = false

  constructor(options: AttachmentOptions) {
    const { mode, registry, logger } = options
    this.#options = options
    this.#lingerMs = options.lingerMs ?? defaultLingerMs
    this.#detaches = new Worker(() => this.#detachUnneeded(), {
      onError: (error) => logger.error({ err: error }, 'recorder could not be detached')
    })
    this.#checks = new Worker(() => this.#check(), {
      everyMs: mode === 'always' ? countEveryMs : Math.min(checkEveryMs, this.#lingerMs),
      onError: (error) => logger.error({ err: error }, 'need for the recorder could not be checked')
    })
    this.#unsubscribe = [registry.onAppear((container) => this.#appeared(container))]
    if (mode === 'always') return
    this.#unsubscribe.push(registry.onBegin(() => this.#attachForNew()))
    this.#check()
  }

  /** Resolves when the recorder is attached; it stays so until the returned function is called. */
  async hold(): Promise<() => void> {
    this.#holds += 1
    await this.#attach()
    let held = true
    return () => {
      if (held) this.#holds -= 1
      held = false
    }
  }

  /** A container's slot was named: it is recorded. */
  named(container: Container): void {
    for (const run of this.#unseen) {
      if (isSameRun(run.container, container)) this.#unseen.delete(run)
    }
  }

  /** Number of containers without a revision or in audit mode that started and ended while the recorder was detached. */
  missed(): number {
    return this.#missed
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    await Promise.all([this.#checks.close(), this.#detaches.close()])
  }

  #appeared(container: Container): void {
    if (!this.#options.attached() && this.#isRelevant(container)) this.#noteUnseen(container)
    if (this.#options.mode !== 'always') this.#check()
  }

  /** A container is being created. Which profile it gets is known only when it is too late to attach. */
  #attachForNew(): void {
    this.#neededAt = performance.now()
    void this.#attach()
  }

  #check(): void {
    this.#countMissed()
    if (this.#options.mode === 'always') return
    if (this.#isNeeded()) void this.#attach()
    else if (this.#options.attached()) void this.#detaches.runNow()
  }

  #isNeeded(): boolean {
    if (this.#closed) return false
    const { registry } = this.#options
    const isUsed = (container: Container): boolean =>
      isAlive(container) && this.#isRelevant(container)
    if (this.#holds > 0 || registry.all().some(isUsed)) this.#neededAt = performance.now()
    return performance.now() - this.#neededAt < this.#lingerMs
  }

  #isRelevant(container: Container): boolean {
    return !isSandbox(container.labels) && !this.#isEnforced(container)
  }

  /** True under a revision that denies calls. In audit mode a container is recorded: its calls are the evidence. */
  #isEnforced({ seccomp }: Container): boolean {
    return (
      seccomp !== undefined &&
      this.#options.held().has(digestOfSeccomp(seccomp)) &&
      modeOf(seccomp) === 'enforce'
    )
  }

  #countMissed(): void {
    const now = performance.now()
    for (const run of this.#unseen) {
      if (isAlive(run.container)) continue
      run.goneAt ??= now
      if (now - run.goneAt < namingMs) continue
      this.#unseen.delete(run)
      if (this.#isRelevant(run.container)) this.#missed += 1
    }
  }

  #noteUnseen(container: Container): void {
    const { id, pid, firstPid = pid } = container
    // It ended before it was seen, maybe long ago.
    if (firstPid === 0) return
    const run = `${id} ${firstPid}`
    if (this.#known.has(run)) return
    this.#known.add(run)
    dropOldest(this.#known, mostKnown)
    this.#unseen.add({ container })
  }

  #attach(): Promise<void> {
    if (this.#attaching !== undefined) return this.#attaching
    if (this.#options.attached() || this.#closed) return Promise.resolve()
    this.#attaching = this.#attachNow().finally(() => {
      this.#attaching = undefined
    })
    return this.#attaching
  }

  async #attachNow(): Promise<void> {
    const { loop, logger, onChange } = this.#options
    try {
      await loop.attach()
      logger.info('recorder attached')
    } catch (error) {
      logger.error({ err: error }, 'recorder could not be attached; trying again')
    }
    onChange()
  }

  async #detachUnneeded(): Promise<void> {
    const { loop, attached, registry, logger, onChange } = this.#options
    if (!attached() || this.#isNeeded()) return
    // A container that was created meanwhile may not be known yet: a busy node takes changes seconds later.
    await registry.refresh()
    // A hook may take longer than any linger, and then the container starts at once.
    if (registry.isCreating()) this.#neededAt = performance.now()
    if (this.#isNeeded()) return
    await loop.detach(() => this.#isNeeded())
    if (attached()) return
    logger.info('recorder detached: nothing has to be recorded')
    onChange()
  }
}
