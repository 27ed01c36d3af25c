import { test } from 'tap'
import { Listeners } from '../../../src/lib/listeners.js'
import { buildSnapshot, type Snapshot } from '../../../src/rules/snapshot.js'
import { answerWithNews } from '../../../webhook/admission/await-news.js'
import type { ReviewAnswer } from '../../../webhook/admission/review-cache.js'

const settings = {
  ...{ legacyAnnotations: false, joinTainted: false, allowIgnore: false },
  mode: 'enforce' as const
}

/** An answer of which only the reason is read. */
const answerFor = (reason: string): ReviewAnswer =>
  ({ admission: { decision: { containers: [{ reason }] } } }) as unknown as ReviewAnswer

function replica(options: { follower: boolean; canaries?: boolean }) {
  const listeners = new Listeners()
  let snapshot: Snapshot = {
    ...buildSnapshot({ rules: [], profiles: [], options: settings }),
    canaries: options.canaries === true
  }
  let reason = 'not-ready'
  let made = 0
  const become = (next: string): void => {
    reason = next
    snapshot = { ...snapshot }
    listeners.notify()
  }
  const answer = (): ReviewAnswer => ((made += 1), answerFor(reason))
  const news = { onSnapshot: listeners.add, isFollower: () => options.follower }
  return { become, answer, news, getSnapshot: () => snapshot, made: () => made }
}

const reasonOf = ({ admission }: ReviewAnswer): string | undefined =>
  admission.decision.containers[0]?.reason

test('a replica that follows waits for the news that a revision is ready', async (t) => {
  const { become, answer, news, getSnapshot } = replica({ follower: true })
  const current = answerWithNews(getSnapshot, news, 60_000)
  const answered = current(answer)
  t.ok(answered instanceof Promise)
  become('not-ready')
  await new Promise((wake) => setImmediate(wake))
  become('ready')
  t.equal(reasonOf(await answered), 'ready')
  t.notOk(current(answer) instanceof Promise, 'what is ready does not wait')
})

test('without news the answer is that of the beginning', async (t) => {
  const { answer, news, getSnapshot } = replica({ follower: true })
  // The limit of the wait does not hold the process; a server does.
  const server = setInterval(() => undefined, 1000)
  t.equal(reasonOf(await answerWithNews(getSnapshot, news, 20)(answer)), 'not-ready')
  clearInterval(server)
})

for (const [name, options] of Object.entries({
  'the active hub': { follower: false },
  'a replica during a canary': { follower: true, canaries: true }
})) {
  test(`${name} answers at once`, (t) => {
    const { answer, news, getSnapshot, made } = replica(options)
    t.notOk(answerWithNews(getSnapshot, news, 60_000)(answer) instanceof Promise)
    t.equal(made(), 1)
    t.end()
  })
}

test('32 reviews wait, others are answered at once, and a place is free again', async (t) => {
  const { become, answer, news, getSnapshot } = replica({ follower: true })
  const current = answerWithNews(getSnapshot, news, 60_000)
  const waiting = Array.from({ length: 32 }, () => current(answer))
  t.ok(waiting.every((one) => one instanceof Promise))
  t.notOk(current(answer) instanceof Promise)
  become('ready')
  for (const one of waiting) t.equal(reasonOf(await one), 'ready')
  become('not-ready')
  const again = current(answer)
  t.ok(again instanceof Promise)
  become('ready')
  await again
})
