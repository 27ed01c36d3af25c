import { modeOfRendering } from '../../src/confinement/profile-kind.js'
import { dropOldest } from '../../src/lib/drop-oldest.js'
import type { Logger } from '../../src/lib/log.js'
import { oncePer } from '../../src/lib/once-per.js'
import { isSandbox } from '../containers/labels.js'
import { mntnsOf } from '../containers/processes.js'
import { isSameRun } from '../containers/merge.js'
import type { ContainerRegistry } from '../containers/registry.js'
import type { Container } from '../containers/runtime.js'
import type { RecorderLoop } from './recorder-loop-types.js'
import { digestOfSeccomp } from '../containers/seccomp-digest.js'

/** Attached this long after the last need went away: containers often come one after the other. */
const lingerMs = 10_000
const checkEveryMs = 1000
/** Where it is attached for good what was missed is all that is looked at. */
const countEveryMs = 10_000
/** A container that ended gets this long to be named by its slot: a busy node is looked at every two seconds. */
const namingMs = 10_000

/** Equal profiles of containers are one object. */
const modeOf = oncePer(modeOfRendering)

/** Runs that are remembered. */
const mostKnown = 10_000

export interface AttachmentOptions {
  mode: 'always' | 'unprofiled'
  loop: Pick<RecorderLoop, 'attach' | 'detach'>
  attached: () => boolean
  registry: ContainerRegistry
  /** Digests of the revisions on this node. */
  held: () => ReadonlySet<string>
  logger: Logger
  onChange: () => void
  lingerMs?: number
}

/** Attaches while a container without a revision or in audit runs, one is being made, or somebody asks. */
export interface Attachment {
  /** Attached when it resolves, until the function it gives is called. */
  hold(): Promise<() => void>
  /** A container's calls are being counted. */
  named(container: Container): void
  /** Containers without a revision or in audit that ran while nothing was attached, unseen from start to end. */
  missed(): number
  close(): Promise<void>
}

interface Unseen {
  container: Container
  goneAt?: number
}

export function startAttachment(options: AttachmentOptions): Attachment {
  const { loop, registry, logger } = options
  const linger = options.lingerMs ?? lingerMs
  const unseen = new Set<Unseen>()
  /** Runs that were in it: a runtime may list for months what ended, and the registry forgets it in between. */
  const known = new Set<string>()
  const state = { holds: 0, neededAt: -Infinity, missed: 0, closed: false }
  let work = Promise.resolve()

  /** Does it run under a revision that refuses? In audit it is there to be watched: what it asks is the proof. */
  const isEnforced = ({ seccomp }: Container): boolean =>
    seccomp !== undefined &&
    options.held().has(digestOfSeccomp(seccomp)) &&
    modeOf(seccomp) === 'enforce'
  const isAlive = ({ pid, mntns }: Container): boolean =>
    pid > 0 && (mntns === undefined || mntnsOf(pid) === mntns)
  const matters = (container: Container): boolean =>
    !isSandbox(container.labels) && !isEnforced(container)

  const isNeeded = (): boolean => {
    if (state.closed) return false
    if (state.holds > 0 || registry.all().some((one) => isAlive(one) && matters(one))) {
      state.neededAt = performance.now()
    }
    return performance.now() - state.neededAt < linger
  }

  const countMissed = (): void => {
    const now = performance.now()
    for (const one of unseen) {
      if (isAlive(one.container)) continue
      one.goneAt ??= now
      if (now - one.goneAt < namingMs) continue
      unseen.delete(one)
      if (matters(one.container)) state.missed += 1
    }
  }

  const noteUnseen = (container: Container): void => {
    const { id, pid, firstPid = pid } = container
    // Over before anybody met it, long ago maybe.
    if (firstPid === 0) return
    const run = `${id} ${firstPid}`
    if (known.has(run)) return
    known.add(run)
    dropOldest(known, mostKnown)
    unseen.add({ container })
  }

  let attaching: Promise<void> | undefined
  const attachNow = (): Promise<void> => {
    if (attaching === undefined && (options.attached() || state.closed)) return Promise.resolve()
    attaching ??= attach().finally(() => {
      attaching = undefined
    })
    return attaching
  }
  const attach = async (): Promise<void> => {
    try {
      await loop.attach()
      logger.info('attached: something is to be recorded')
    } catch (error) {
      logger.error({ err: error }, 'the recorder cannot be attached; it is tried again')
    }
    options.onChange()
  }
  const detachUnneeded = (): void => {
    work = work.then(async () => {
      if (!options.attached() || isNeeded()) return
      await loop.detach(isNeeded)
      if (options.attached()) return
      logger.info('detached: nothing is to be recorded')
      options.onChange()
    })
    work = work.catch((error: unknown) => logger.error({ err: error }, 'detaching failed'))
  }

  const check = (): void => {
    countMissed()
    if (options.mode === 'always') return
    if (isNeeded()) void attachNow()
    else if (options.attached()) detachUnneeded()
  }

  const leave = [
    registry.onAppear((container) => {
      if (!options.attached() && matters(container)) noteUnseen(container)
      if (options.mode !== 'always') check()
    })
  ]
  if (options.mode !== 'always') {
    // Being made: whose it is, and under which profile, is known when it is too late.
    const begins = registry.onBegin(() => {
      state.neededAt = performance.now()
      void attachNow()
    })
    leave.push(begins)
  }
  const checkMs = options.mode === 'always' ? countEveryMs : Math.min(checkEveryMs, linger)
  const timer = setInterval(check, checkMs)
  timer.unref()
  check()

  return {
    hold: async () => {
      state.holds += 1
      let held = true
      await attachNow()
      return () => {
        if (held) state.holds -= 1
        held = false
      }
    },
    named: (container) => {
      for (const one of unseen) if (isSameRun(one.container, container)) unseen.delete(one)
    },
    missed: () => state.missed,
    close: async () => {
      state.closed = true
      clearInterval(timer)
      for (const one of leave) one()
      await work
    }
  }
}
