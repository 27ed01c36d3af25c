import { apiVersion } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { SeccoError, toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import { profileKey } from '../../../src/rules/profile-state.js'
import type { Store } from '../../../src/store/store.js'
import { withFindings } from './evidence.js'
import { joinFindings } from './finding-join.js'
import { withLearned } from './learned-status.js'
import type { Finding } from './observations.js'
import { createRhythm, type Rhythm, type RhythmTiming } from './rhythm.js'
import type { Target } from '../nodes/workload.js'

interface Waiting {
  node: string
  finding: Finding
  /** Called once the finding is durable. */
  stored: () => void
  /** Called when it will never be: the profile can hold no more. */
  refused: (message: string) => void
}

interface Lane {
  target: Target
  /** By node and instance; a newer finding of the same instance takes the older one in. */
  waiting: Map<string, Waiting>
  timer: NodeJS.Timeout | undefined
  /** When the timer fires. */
  due: number
  /** Something that waits brings what the profile has not. */
  isNews: boolean
  running: Promise<void> | undefined
  failures: number
}

/** Takes findings in and writes them to the store, a profile at a time. */
export interface Intake {
  offer(
    node: string,
    finding: Finding,
    stored: () => void,
    refused?: (message: string) => void
  ): void
  /** Writes what waits; resolves when it was tried. */
  flush(): Promise<void>
  /** The same, and takes nothing more. */
  close(): Promise<void>
}

export interface IntakeTiming extends RhythmTiming {
  /** First wait after a failed write; doubles up to half a minute. */
  retryMs: number
}

/** Instances that wait for one profile at most: what is left out is not acked, so it comes again. */
const mostWaiting = 1024
const longestRetryMs = 30_000
/** A profile of which nothing came for so long begins anew. */
const forgetMs = 2 * 3_600_000

/** A profile that learning began. */
export function newProfile({ ref, workload }: Target): SeccompProfile {
  return {
    apiVersion,
    kind: 'SeccompProfile',
    // Only to create: over an object that has any version this is a CONFLICT.
    metadata: { ...ref, resourceVersion: '0' },
    spec: { workload }
  }
}

async function ensureProfile(store: Store, target: Target): Promise<void> {
  try {
    await store.apply('SeccompProfile', newProfile(target))
  } catch (error) {
    // Somebody else made it first.
    if (!(error instanceof SeccoError) || error.code !== 'CONFLICT') throw error
  }
}

/**
 * @param known the profile as it was seen last: what it has already can wait. One that is not known
 *   makes everything news.
 */
export function createIntake(
  store: Store,
  logger: Logger,
  timing: IntakeTiming,
  known: (key: string) => SeccompProfile | undefined = () => undefined
): Intake {
  const lanes = new Map<string, Lane>()
  const rhythms = new Map<string, { rhythm: Rhythm; usedAt: number }>()
  let closed = false

  async function write(lane: Lane, batch: readonly Waiting[]): Promise<void> {
    const { ref } = lane.target
    const change = (profile: SeccompProfile) =>
      withFindings(profile, batch, new Date().toISOString())
    try {
      await store.update('SeccompProfile', ref, change)
    } catch (error) {
      if (!(error instanceof SeccoError) || error.code !== 'NOT_FOUND') throw error
      await ensureProfile(store, lane.target)
      await store.update('SeccompProfile', ref, change)
    }
  }

  function rhythmOf(key: string, now: number): Rhythm {
    const rhythm = rhythms.get(key)?.rhythm ?? createRhythm(timing)
    // In the order of use: the first is the one that rests longest.
    rhythms.delete(key)
    rhythms.set(key, { rhythm, usedAt: now })
    for (const [oldest, { usedAt }] of rhythms) {
      if (now - usedAt < forgetMs) break
      rhythms.delete(oldest)
    }
    return rhythm
  }

  function bringsNews(key: string, finding: Finding): boolean {
    const profile = known(key)
    if (profile === undefined) return true
    const { spec, status = {} } = profile
    return withLearned(spec, status, finding) !== status
  }

  async function drain(key: string, lane: Lane): Promise<void> {
    const batch = [...lane.waiting]
    const { isNews } = lane
    lane.waiting.clear()
    lane.isNews = false
    try {
      await write(
        lane,
        batch.map(([, waiting]) => waiting)
      )
      lane.failures = 0
      const now = Date.now()
      rhythmOf(key, now).wrote(isNews, now)
      for (const [, { stored }] of batch) stored()
    } catch (error) {
      const { code, message } = toSeccoError(error)
      if (code === 'TOO_LARGE') {
        for (const [, { refused }] of batch) refused(message)
        batch.length = 0
      }
      lane.failures += 1
      lane.isNews ||= isNews
      if (lane.failures === 1) {
        logger.error({ code, profile: key }, `observations wait: ${message}`)
      }
      for (const [id, waiting] of batch) take(lane, id, waiting, lane.waiting.get(id))
    }
    lane.running = undefined
    if (lane.waiting.size === 0) lanes.delete(key)
    else if (!closed) schedule(key, lane)
  }

  function run(key: string, lane: Lane): Promise<void> {
    clearTimeout(lane.timer)
    lane.timer = undefined
    lane.running ??= drain(key, lane)
    return lane.running
  }

  function schedule(key: string, lane: Lane): void {
    if (lane.running !== undefined) return
    const now = Date.now()
    const wait =
      lane.failures === 0
        ? rhythmOf(key, now).wait(lane.isNews, now)
        : Math.min(longestRetryMs, timing.retryMs * 2 ** (lane.failures - 1))
    if (lane.timer !== undefined && (lane.failures > 0 || lane.due <= now + wait)) return
    clearTimeout(lane.timer)
    lane.due = now + wait
    lane.timer = setTimeout(() => void run(key, lane), wait)
  }

  function take(lane: Lane, id: string, older: Waiting, newer: Waiting | undefined): void {
    if (newer === undefined) {
      lane.waiting.set(id, older)
      return
    }
    lane.waiting.set(id, { ...newer, finding: joinFindings(older.finding, newer.finding) })
  }

  async function flush(): Promise<void> {
    // A lane that is being written takes what waits behind it with the second round.
    for (let round = 0; round < 2; round += 1) {
      await Promise.all([...lanes].map(async ([key, lane]) => run(key, lane)))
    }
  }

  return {
    offer(node, finding, stored, refused = () => undefined) {
      if (closed) return
      const { ref } = finding.target
      const key = profileKey(ref.namespace, ref.name)
      let lane = lanes.get(key)
      if (lane === undefined) {
        const { target } = finding
        const idle = { timer: undefined, due: 0, running: undefined, failures: 0 }
        lane = { target, waiting: new Map(), isNews: false, ...idle }
        lanes.set(key, lane)
      }
      const id = `${node} ${finding.id}`
      const older = lane.waiting.get(id)
      if (older === undefined && lane.waiting.size >= mostWaiting) return
      const now = { node, finding, stored, refused }
      lane.isNews ||= bringsNews(key, finding)
      take(lane, id, older ?? now, older === undefined ? undefined : now)
      schedule(key, lane)
    },
    flush,
    async close() {
      closed = true
      await flush()
      for (const lane of lanes.values()) clearTimeout(lane.timer)
    }
  }
}
