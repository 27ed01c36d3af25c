import { revisionPath } from '../../src/api/names.js'
import type { Revision, RevisionRef, RevisionStatus } from '../../src/api/gen/hub.js'
import { toSeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import { TaskQueue } from '../lib/task-queue.js'

export interface RevisionHandlers {
  /** Installs a revision and returns its status. Called in order, for a few at a time. */
  onRevision: (revision: Revision) => Promise<RevisionStatus>
  /** Takes the complete list of revisions that the hub wants on this node. */
  onDesired?: (revisions: RevisionRef[]) => Promise<void> | void
}

/** Most of an installation is a wait, for the trial and for the disk. */
const mostAtOnce = 4

/** RevisionDeliveries handles what the hub delivers, in order, and reports the status of each revision. */
export class RevisionDeliveries {
  readonly #handlers: RevisionHandlers
  readonly #report: (status: RevisionStatus) => void
  /** In order: a list must not overtake the revision that came before it. */
  readonly #queue: TaskQueue
  readonly #failing = new Map<string, RevisionStatus>()
  readonly #installing = new Set<Promise<void>>()

  constructor(
    handlers: RevisionHandlers,
    logger: Logger,
    report: (status: RevisionStatus) => void
  ) {
    this.#handlers = handlers
    this.#report = report
    this.#queue = new TaskQueue(logger, 'delivery of the hub could not be handled')
  }

  revision(revision: Revision): void {
    void this.#queue.run(() => this.#begin(revision))
  }

  desired(revisions: RevisionRef[]): void {
    void this.#queue.run(async () => {
      await Promise.all(this.#installing)
      await this.#desire(revisions)
    })
  }

  /** Reports a revision's status now, and to each new hub while it is not ready. */
  note(status: RevisionStatus): void {
    const path = revisionPath(status.namespace, status.profile, status.digest)
    if (status.ready) this.#failing.delete(path)
    else this.#failing.set(path, status)
    this.#report(status)
  }

  /** Revisions that are not ready: a new hub process does not know of them. */
  failing(): Iterable<RevisionStatus> {
    return this.#failing.values()
  }

  async settled(): Promise<void> {
    await this.#queue.settled()
    await Promise.all(this.#installing)
  }

  /** Begins an installation once there is room for one more. */
  async #begin(revision: Revision): Promise<void> {
    while (this.#installing.size >= mostAtOnce) await Promise.race(this.#installing)
    const one = this.#install(revision).finally(() => this.#installing.delete(one))
    this.#installing.add(one)
  }

  async #install(revision: Revision): Promise<void> {
    const { namespace, profile, digest } = revision
    try {
      this.note(await this.#handlers.onRevision(revision))
    } catch (error) {
      const { code, message } = toSeccoError(error)
      this.note({ namespace, profile, digest, ready: false, code, message })
    }
  }

  async #desire(revisions: RevisionRef[]): Promise<void> {
    const wanted = new Set(revisions.map((r) => revisionPath(r.namespace, r.profile, r.digest)))
    for (const path of this.#failing.keys()) if (!wanted.has(path)) this.#failing.delete(path)
    await this.#handlers.onDesired?.(revisions)
  }
}
