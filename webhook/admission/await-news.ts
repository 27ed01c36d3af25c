import type { Snapshot } from '../../src/rules/snapshot.js'
import type { ReviewAnswer } from './review-cache.js'

/** SnapshotNews is how a replica hears of new snapshots. */
export interface SnapshotNews {
  /** Calls the listener after each new snapshot. Returns a function that stops this. */
  onSnapshot: (listener: () => void) => () => void
  /** Returns whether another replica is the active hub, so that this one hears later of what is ready. */
  isFollower: () => boolean
}

/** Most reviews that wait at the same time: others are answered with what is known. */
const mostWaiting = 32
const defaultWaitMs = 800

function lacksReadiness({ admission }: ReviewAnswer): boolean {
  return admission.decision.containers.some(({ reason }) => reason === 'not-ready')
}

/** Resolves with true at the next snapshot, and with false when the time is up. */
function nextSnapshot({ onSnapshot }: SnapshotNews, limit: AbortSignal): Promise<boolean> {
  return new Promise((done) => {
    const end = (isNew: boolean): void => {
      stop()
      limit.removeEventListener('abort', timeUp)
      done(isNew)
    }
    const timeUp = (): void => end(false)
    const stop = onSnapshot(() => end(true))
    limit.addEventListener('abort', timeUp)
  })
}

/**
 * Creates a function that makes an answer, and makes it again when this replica may only be behind: the active hub
 * writes that a revision is ready, a client sees it, and the review of its pod can arrive before the same news. A
 * review whose profile is not ready waits for the next snapshots, at most `waitMs`, which is well within the webhook's
 * two seconds.
 */
export function answerWithNews(
  getSnapshot: () => Snapshot,
  news: SnapshotNews,
  waitMs = defaultWaitMs
): (answer: (snapshot: Snapshot) => ReviewAnswer) => ReviewAnswer | Promise<ReviewAnswer> {
  let waiting = 0

  async function whenReady(
    answer: (snapshot: Snapshot) => ReviewAnswer,
    first: ReviewAnswer
  ): Promise<ReviewAnswer> {
    const limit = AbortSignal.timeout(waitMs)
    let made = first
    while (lacksReadiness(made) && !limit.aborted) {
      if (await nextSnapshot(news, limit)) made = answer(getSnapshot())
    }
    return made
  }

  return (answer) => {
    const snapshot = getSnapshot()
    const first = answer(snapshot)
    const isAnswered = !lacksReadiness(first) || !news.isFollower()
    // A canary counts pods: each is decided once.
    if (isAnswered || snapshot.canaries || waiting >= mostWaiting) return first
    waiting += 1
    return whenReady(answer, first).finally(() => (waiting -= 1))
  }
}
