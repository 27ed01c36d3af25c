import { revisionPath } from '../../src/api/names.js'
import { machine } from 'node:os'
import { join } from 'node:path'
import type { Condition, Revision, RevisionRef, RevisionStatus } from '../../src/api/gen/hub.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import type { Logger } from '../../src/lib/log.js'
import { Worker } from '../../src/lib/worker.js'
import type { Container } from '../containers/runtime.js'
import { revisionOf } from '../containers/seccomp-digest.js'
import { checkFloor, checkHeld, CompiledFloor } from './floor.js'
import type { Floor } from './floors.js'
import { type Generations, openGenerations } from './generations.js'
import { readHeld } from './held-bytes.js'
import {
  collectRevisions,
  type InstallDependencies,
  installRevision,
  verifyInstalled
} from './installer.js'

const [firstRetryMs, longestRetryMs] = [1000, 60_000]
/** A pod that was admitted with a file has started by then. */
const usualKeepMs = 10 * 60_000
/** How often files are verified at least. */
const verifyMs = 60_000

export interface RevisionFilesOptions {
  root: string
  logger: Logger
  containers: () => readonly Container[]
  /** Called when a status changed after the revision came: a retry that worked, a damaged file that was restored. */
  onStatus: (status: RevisionStatus) => void
  dependencies?: InstallDependencies
  /** Default `approved`. */
  floor?: Floor | undefined
  /** How long files stay that neither the hub nor a container needs (ms); default ten minutes. */
  keepUnusedMs?: number | undefined
  /** How often files are verified (ms). */
  verifyMs?: number
}

const keyOf = (ref: RevisionRef): string => `${ref.namespace}/${ref.profile}/${ref.digest}`

/** The status of a file that was valid on this node and is not any more: only the hub has its bytes. */
const missing = ({ namespace, profile, digest }: RevisionRef): RevisionStatus => ({
  ...{ namespace, profile, digest, ready: false, code: 'NOT_FOUND' },
  message: 'the file is gone from this node, or its content does not match its name'
})

/** Verifies the files on disk and maintains them until closed; `root` does not have to exist yet. */
export async function openRevisionFiles(options: RevisionFilesOptions): Promise<RevisionFiles> {
  const files = new RevisionFiles(options, await openGenerations(options.root, options.logger))
  await files.verify()
  return files
}

/** RevisionFiles maintains the revisions of this node: installs, retries, verifies, restores, and removes unused ones. */
export class RevisionFiles {
  readonly #options: RevisionFilesOptions
  readonly #generations: Generations
  readonly #floor: Floor
  readonly #compiledFloor: CompiledFloor
  readonly #keepUnusedMs: number
  readonly #verifier: Worker
  readonly #received = new Map<string, Revision>()
  readonly #retries = new Map<string, Worker>()
  readonly #attempts = new Map<string, Promise<RevisionStatus>>()
  readonly #unwantedSince = new Map<string, number>()
  #holding = new Map<string, RevisionRef>()
  #held = new Set<string>()
  /** What the hub wants on this node; undefined until it said so. */
  #desired: readonly RevisionRef[] | undefined
  #failure: Condition | undefined
  /** Files that were held to the floor: their content cannot change under their digest. */
  readonly #acceptedHeld = new Set<string>()
  /** Settles when unused files are removed: a folder that is empty then could be one that an installation just made. */
  #collecting: Promise<unknown> = Promise.resolve()

  constructor(options: RevisionFilesOptions, generations: Generations) {
    this.#options = options
    this.#generations = generations
    this.#floor = options.floor ?? 'approved'
    this.#compiledFloor = new CompiledFloor(this.#floor, machine())
    this.#keepUnusedMs = options.keepUnusedMs ?? usualKeepMs
    this.#verifier = new Worker(() => this.verify(), {
      everyMs: options.verifyMs ?? Math.min(verifyMs, this.#keepUnusedMs),
      onError: (error) => options.logger.error({ err: error }, 'revisions could not be verified')
    })
  }

  /** Installs a revision that the hub sent; never rejects. A failed write is retried. */
  async install(revision: Revision): Promise<RevisionStatus> {
    this.#received.set(keyOf(revision), revision)
    const status = await this.#attempt(revision)
    if (status.code === 'WRITE_FAILED') this.#retry(revision)
    return status
  }

  /** Sets the complete list of revisions that the hub wants on this node. */
  desire(revisions: readonly RevisionRef[]): void {
    this.#desired = revisions
  }

  /** Digests on disk and verified. */
  held(): ReadonlySet<string> {
    return this.#held
  }

  /** Revisions on disk and verified. */
  holding(): RevisionRef[] {
    return [...this.#holding.values()]
  }

  /** Returns the bytes of a revision: of its file, else as a container's configuration has them. */
  read({ digest }: RevisionRef): Promise<Uint8Array | undefined> {
    const { root, containers } = this.#options
    return readHeld(digest, { root, holding: this.#holding.values(), containers: containers() })
  }

  conditions(): Condition[] {
    return this.#failure === undefined ? [] : [this.#failure]
  }

  async close(): Promise<void> {
    const retries = [...this.#retries.values()].map((worker) => worker.close())
    await Promise.all([this.#verifier.close(), ...retries, this.#generations.flush()])
  }

  /** Compares every file with its name, restores damaged ones, and removes unused ones. */
  async verify(): Promise<void> {
    const { root, logger, onStatus } = this.#options
    const before = this.#holding
    const installed = await verifyInstalled(root, this.#acceptHeld)
    this.#hold(new Map(installed.held.map((ref) => [keyOf(ref), ref])))
    const present = new Set(this.#holding.keys())
    for (const key of this.#acceptedHeld) if (!present.has(key)) this.#acceptedHeld.delete(key)
    for (const path of installed.wrong) {
      logger.warn({ path }, 'revision file does not match its name')
    }
    for (const [key, revision] of this.#received) {
      if (present.has(key) || this.#retries.has(key) || !this.#isWanted(revision)) continue
      const status = await this.#attempt(revision)
      onStatus(status)
      if (status.code === 'WRITE_FAILED') this.#retry(revision)
    }
    for (const [key, ref] of before) {
      if (!present.has(key) && !this.#received.has(key)) onStatus(missing(ref))
    }
    // A container may use what this node does not accept any more: such a file goes as every other one.
    await this.#collect([...installed.held, ...installed.rejected])
  }

  readonly #acceptHeld = async (ref: RevisionRef, bytes: Uint8Array): Promise<void> => {
    const key = keyOf(ref)
    if (this.#acceptedHeld.has(key)) return
    await checkHeld(ref, bytes, this.#floor)
    this.#acceptedHeld.add(key)
  }

  /** Calls for a revision during an attempt share its result: two attempts would write the same file. */
  #attempt(revision: Revision): Promise<RevisionStatus> {
    const key = keyOf(revision)
    const attempt =
      this.#attempts.get(key) ??
      this.#attemptNow(revision).finally(() => this.#attempts.delete(key))
    this.#attempts.set(key, attempt)
    return attempt
  }

  /** Of a profile one after the other: which one is the newest is known when its attempt has ended. */
  async #attemptNow(revision: Revision): Promise<RevisionStatus> {
    const { root, logger, dependencies } = this.#options
    const ofProfile = keyOf({ ...revision, digest: '' })
    const earlier = [...this.#attempts].filter(([key]) => key.startsWith(ofProfile))
    await Promise.all([this.#collecting, ...earlier.map(([, attempt]) => attempt)])
    const status = await installRevision(root, revision, {
      accept: (given, seccomp) => this.#accept(given, seccomp),
      acceptHeld: this.#acceptHeld,
      acceptFilter: (given, { bytes }) => this.#compiledFloor.check(given, bytes),
      ...dependencies,
      onDrift: (path) => logger.warn({ path }, 'revision file had been changed; restored')
    })
    this.#note(status)
    if (status.ready) this.#generations.note(revision)
    return status
  }

  /** @throws SeccoError if this node does not accept the revision. */
  #accept(revision: Revision, seccomp: LinuxSeccomp): void {
    this.#generations.check(revision)
    const { namespace, profile, origin } = revision
    const beyond = checkFloor(revision, seccomp, this.#floor)
    if (beyond.length === 0) return
    const { approvedBy, approvedAt } = origin ?? {}
    const facts = { namespace, profile, beyond, approvedBy, approvedAt }
    this.#options.logger.warn(facts, 'revision allows more than RuntimeDefault, as approved')
  }

  #note(status: RevisionStatus): void {
    const { namespace, profile, digest, code: reason, message } = status
    if (status.ready) {
      this.#holding.set(keyOf(status), { namespace, profile, digest })
      this.#held.add(digest)
      if (this.#retries.size === 0) this.#failure = undefined
      return
    }
    this.#holding.delete(keyOf(status))
    this.#hold(this.#holding)
    this.#options.logger.error({ ...status }, 'revision not installed')
    if (reason !== 'WRITE_FAILED') return
    const lastTransitionTime = this.#failure?.lastTransitionTime ?? new Date().toISOString()
    this.#failure = {
      type: 'ProfilesWritable',
      status: 'False',
      reason,
      message,
      lastTransitionTime
    }
  }

  #hold(holding: Map<string, RevisionRef>): void {
    this.#holding = holding
    this.#held = new Set([...holding.values()].map(({ digest }) => digest))
  }

  #isWanted(revision: Revision): boolean {
    return this.#desired?.some((ref) => keyOf(ref) === keyOf(revision)) ?? true
  }

  #retry(revision: Revision): void {
    const key = keyOf(revision)
    if (this.#retries.has(key)) return
    const worker = new Worker(() => this.#retryNow(revision), {
      retry: { firstMs: 2 * firstRetryMs, mostMs: longestRetryMs },
      unref: true,
      // The failure is in the status.
      onError: () => undefined
    })
    this.#retries.set(key, worker)
    worker.request(firstRetryMs)
  }

  /** Throws if the write failed again. */
  async #retryNow(revision: Revision): Promise<void> {
    const status = this.#isWanted(revision) ? await this.#attempt(revision) : undefined
    if (status?.code === 'WRITE_FAILED') throw new Error(status.message)
    this.#retries.delete(keyOf(revision))
    if (this.#retries.size === 0) this.#failure = undefined
    if (status?.ready === true) this.#options.onStatus(status)
  }

  /** Removes unused files after the installations that run now; those that start meanwhile wait for the end of it. */
  async #collect(present: readonly RevisionRef[]): Promise<void> {
    const collecting = Promise.all(this.#attempts.values()).then(() => this.#removeUnused(present))
    this.#collecting = collecting.catch(() => undefined)
    await collecting
  }

  /** Removes files that neither the hub nor a container needs any more. */
  async #removeUnused(present: readonly RevisionRef[]): Promise<void> {
    const desired = this.#desired
    if (desired === undefined) return
    const { root, logger, onStatus } = this.#options
    const wanted = new Set(desired.map(keyOf))
    const inUse = this.#digestsInUse(present)
    const kept = present.filter((ref) => this.#isKept(ref, wanted, inUse))
    const removed = await collectRevisions(root, [...desired, ...kept], inUse)
    if (removed.length > 0) logger.info({ removed }, 'unused revisions removed')
    const isRemoved = (ref: RevisionRef): boolean =>
      removed.includes(join(root, revisionPath(ref.namespace, ref.profile, ref.digest)))
    for (const ref of present.filter(isRemoved)) {
      this.#holding.delete(keyOf(ref))
      onStatus(missing(ref))
    }
    this.#hold(this.#holding)
    for (const key of this.#received.keys()) if (!wanted.has(key)) this.#received.delete(key)
  }

  #digestsInUse(present: readonly RevisionRef[]): Set<string> {
    const digests = new Set(present.map(({ digest }) => digest))
    return new Set(
      this.#options.containers().flatMap(({ pid, seccomp }) => {
        const digest = pid > 0 ? revisionOf(seccomp, digests) : ''
        return digest === '' ? [] : [digest]
      })
    )
  }

  #isKept(ref: RevisionRef, wanted: ReadonlySet<string>, inUse: ReadonlySet<string>): boolean {
    const key = keyOf(ref)
    if (wanted.has(key) || inUse.has(ref.digest)) {
      this.#unwantedSince.delete(key)
      return true
    }
    const now = performance.now()
    const since = this.#unwantedSince.get(key) ?? now
    this.#unwantedSince.set(key, since)
    return now - since < this.#keepUnusedMs
  }
}
