import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Condition, Revision, RevisionRef, RevisionStatus } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/lib/log.js'
import { revisionPath } from '../../src/rules/profile-state.js'
import type { Container } from '../containers/runtime.js'
import { checkFloor, type Floor } from './floor.js'
import { openGenerations } from './generations.js'
import {
  collectRevisions,
  type InstallDependencies,
  installRevision,
  verifyInstalled
} from './installer.js'
import { revisionOf } from '../recorder/slots/observation.js'

const firstRetryMs = 1000
const longestRetryMs = 60_000
/** Unwanted and unused for ten minutes: a pod that was admitted with it has started by then. */
const defaultTiming = { verifyMs: 60_000, collectMs: 10 * 60_000 }

export interface RevisionKeeperOptions {
  root: string
  logger: Logger
  containers: () => readonly Container[]
  /** A status that changed later than its revision came: a retry that worked, drift that was mended. */
  onStatus: (status: RevisionStatus) => void
  dependencies?: InstallDependencies
  /** Default `approved`. */
  floor?: Floor
  /** How often files are verified, and how long unwanted and unused ones stay (ms). */
  timing?: { verifyMs: number; collectMs: number }
}

/** Keeps the revisions of this node: installs, retries, verifies, mends, and removes what nobody wants. */
export interface RevisionKeeper {
  install(revision: Revision): Promise<RevisionStatus>
  desire(revisions: readonly RevisionRef[]): void
  /** Digests on disk and verified. */
  held(): ReadonlySet<string>
  /** The same with the names they are filed under. */
  holding(): RevisionRef[]
  conditions(): Condition[]
  close(): Promise<void>
}

/** A file that was sound here and is not any more: its bytes come from the hub alone. */
const notHere = ({ namespace, profile, digest }: RevisionRef): RevisionStatus => ({
  ...{ namespace, profile, digest, ready: false },
  ...{ code: 'NOT_FOUND', message: 'the file is gone from this node, or is not what its name says' }
})

const keyOf = (one: RevisionRef): string => `${one.namespace}/${one.profile}/${one.digest}`

const digestsOf = (held: ReadonlyMap<string, RevisionRef>): Set<string> =>
  new Set([...held.values()].map(({ digest }) => digest))

/** Verifies what is on disk and goes on keeping it until closed; `root` may not exist yet. */
export async function openRevisionKeeper(options: RevisionKeeperOptions): Promise<RevisionKeeper> {
  const { root, logger, timing = defaultTiming } = options
  const generations = await openGenerations(root, logger)
  const stop = new AbortController()
  const isStopped = (): boolean => stop.signal.aborted
  const received = new Map<string, Revision>()
  const retrying = new Map<string, Promise<void>>()
  const underWay = new Map<string, Promise<RevisionStatus>>()
  const unwantedSince = new Map<string, number>()
  let holding = new Map<string, RevisionRef>()
  let held = new Set<string>()
  let desired: readonly RevisionRef[] | undefined
  let failure: Condition | undefined

  const note = (status: RevisionStatus): void => {
    const { namespace, profile, digest } = status
    if (status.ready) {
      holding.set(keyOf(status), { namespace, profile, digest })
      held.add(digest)
      if (retrying.size === 0) failure = undefined
      return
    }
    holding.delete(keyOf(status))
    held = digestsOf(holding)
    logger.error({ ...status }, 'revision not installed')
    if (status.code !== 'WRITE_FAILED') return
    const lastTransitionTime = failure?.lastTransitionTime ?? new Date().toISOString()
    const { code: reason, message } = status
    failure = { type: 'ProfilesWritable', status: 'False', reason, message, lastTransitionTime }
  }

  /** Whoever asks while one attempt at a revision is under way gets its answer: two would write one file. */
  const attempt = (revision: Revision): Promise<RevisionStatus> => {
    const key = keyOf(revision)
    const attempting = underWay.get(key) ?? attemptNow(revision).finally(() => underWay.delete(key))
    underWay.set(key, attempting)
    return attempting
  }

  const attemptNow = async (revision: Revision): Promise<RevisionStatus> => {
    const status = await installRevision(root, revision, {
      accept: (given, seccomp) => {
        generations.check(given)
        const { namespace, profile, origin } = given
        const beyond = checkFloor(given, seccomp, options.floor ?? 'approved')
        if (beyond.length > 0) {
          const { approvedBy, approvedAt } = origin ?? {}
          const who = { namespace, profile, beyond, approvedBy, approvedAt }
          logger.warn(who, 'a revision goes beyond RuntimeDefault, as approved')
        }
      },
      ...options.dependencies,
      onDrift: (path) => logger.warn({ path }, 'revision file had been changed: written again')
    })
    note(status)
    if (status.ready) generations.note(revision)
    return status
  }

  const isWanted = (revision: Revision): boolean =>
    desired === undefined || desired.some((one) => keyOf(one) === keyOf(revision))

  const retry = async (revision: Revision): Promise<void> => {
    for (let wait = firstRetryMs; ; wait = Math.min(wait * 2, longestRetryMs)) {
      await delay(wait, undefined, { signal: stop.signal, ref: false }).catch(() => undefined)
      if (isStopped() || !isWanted(revision)) return
      const status = await attempt(revision)
      if (status.ready) {
        options.onStatus(status)
        return
      }
      if (status.code !== 'WRITE_FAILED') return
    }
  }

  const startRetry = (revision: Revision): void => {
    const key = keyOf(revision)
    if (retrying.has(key)) return
    const work = retry(revision).finally(() => {
      retrying.delete(key)
      if (retrying.size === 0) failure = undefined
    })
    retrying.set(key, work)
  }

  const install = async (revision: Revision): Promise<RevisionStatus> => {
    received.set(keyOf(revision), revision)
    const status = await attempt(revision)
    if (status.code === 'WRITE_FAILED') startRetry(revision)
    return status
  }

  const collect = async (present: readonly RevisionRef[]): Promise<void> => {
    if (desired === undefined) return
    const wanted = new Set(desired.map(keyOf))
    const now = performance.now()
    const digests = new Set(present.map(({ digest }) => digest))
    const referred = new Set(
      options.containers().flatMap(({ pid, seccomp }) => {
        const digest = pid > 0 ? revisionOf(seccomp, digests) : ''
        return digest === '' ? [] : [digest]
      })
    )
    const keep = present.filter((one) => {
      const key = keyOf(one)
      if (wanted.has(key) || referred.has(one.digest)) {
        unwantedSince.delete(key)
        return true
      }
      const since = unwantedSince.get(key) ?? now
      unwantedSince.set(key, since)
      return now - since < timing.collectMs
    })
    const removed = await collectRevisions(root, [...desired, ...keep], referred)
    if (removed.length > 0) logger.info({ removed }, 'revisions removed: nobody wants or uses them')
    for (const one of present) {
      if (!removed.includes(join(root, revisionPath(one.namespace, one.profile, one.digest))))
        continue
      holding.delete(keyOf(one))
      options.onStatus(notHere(one))
    }
    held = digestsOf(holding)
    for (const key of received.keys()) if (!wanted.has(key)) received.delete(key)
  }

  const verify = async (): Promise<void> => {
    const before = holding
    const installed = await verifyInstalled(root)
    holding = new Map(installed.held.map((one) => [keyOf(one), one]))
    held = digestsOf(holding)
    const present = new Set(holding.keys())
    for (const path of installed.wrong)
      logger.warn({ path }, 'revision file is not what its name says')
    for (const [key, revision] of received) {
      if (present.has(key) || retrying.has(key) || !isWanted(revision)) continue
      const status = await attempt(revision)
      options.onStatus(status)
      if (status.code === 'WRITE_FAILED') startRetry(revision)
    }
    for (const [key, one] of before) {
      if (!present.has(key) && !received.has(key)) options.onStatus(notHere(one))
    }
    await collect(installed.held)
  }

  await verify()
  let running = Promise.resolve()
  const timer = setInterval(() => {
    running = verify().catch((error: unknown) =>
      logger.error({ err: error }, 'revisions not verified')
    )
  }, timing.verifyMs)
  timer.unref()

  return {
    install,
    desire: (revisions) => {
      desired = revisions
    },
    held: () => held,
    holding: () => [...holding.values()],
    conditions: () => (failure === undefined ? [] : [failure]),
    close: async () => {
      clearInterval(timer)
      stop.abort()
      await Promise.all([running, ...retrying.values(), generations.flush()])
    }
  }
}
