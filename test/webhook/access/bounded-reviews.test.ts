import { test } from 'tap'
import { SeccoError } from '../../../src/lib/errors.js'
import { BoundedReviews } from '../../../webhook/access/bounded-reviews.js'

/** Reviews by an API server that knows the tokens that begin with `ok-`; counts what it is asked. */
function rig() {
  const world = { now: 0, asked: 0, isUp: true, revoked: '' }
  const reviews = new BoundedReviews({
    review: (token) => {
      world.asked += 1
      if (!world.isUp) return Promise.reject(new SeccoError('UNAVAILABLE', 'API server'))
      const isValid = token.startsWith('ok-') && token !== world.revoked
      return Promise.resolve(isValid ? token.slice(3) : undefined)
    },
    isAccepted: (user) => user !== undefined,
    keptMs: () => 10_000,
    mostAnswers: 100,
    ofOne: { perSecond: 2, burst: 20 },
    ofAll: { perSecond: 20, burst: 200 },
    now: () => world.now
  })
  /** Sends invented tokens; returns how many of them were not asked about. */
  async function invent(count: number, client: (i: number) => string): Promise<number> {
    let limited = 0
    for (let i = 0; i < count; i++) {
      await reviews.answerOf(`invented-${world.asked}-${i}`, client(i)).catch(() => (limited += 1))
    }
    return limited
  }
  return { world, reviews, invent }
}

test('a token is one question for some seconds', async (t) => {
  const { world, reviews } = rig()
  for (const [token, user] of [
    ['ok-vera', 'vera'],
    ['invented', undefined]
  ] as const) {
    world.asked = 0
    const both = [reviews.answerOf(token, 'a'), reviews.answerOf(token, 'b')]
    t.same(await Promise.all(both), [user, user])
    t.equal(await reviews.answerOf(token, 'a'), user)
    t.equal(world.asked, 1, `${token}: one question`)
    world.now += 10_000
    await reviews.answerOf(token, 'a')
    t.equal(world.asked, 2, 'and another one later')
  }
  world.revoked = 'ok-vera'
  world.now += 10_000
  t.equal(await reviews.answerOf('ok-vera', 'a'), undefined, 'a revoked token')
})

test('a flood of invented tokens', async (t) => {
  const { world, reviews, invent } = rig()
  await reviews.answerOf('ok-known', '10.0.0.1')
  t.ok((await invent(1000, () => '10.0.0.1')) > 950, 'is not asked about')
  t.ok(world.asked < 50, `${world.asked} questions`)
  await t.rejects(reviews.answerOf('ok-new', '10.0.0.1'), {
    ...{ code: 'UNAVAILABLE', retryAfter: 1, hint: /try again in a second/ },
    message: /too many unknown tokens from 10\.0\.0\.1/
  })
  t.equal(await reviews.answerOf('ok-other', '10.0.0.2'), 'other', 'another address is not limited')
  world.now += 10_000
  t.ok((await invent(1000, () => '10.0.0.1')) > 900)
  t.equal(await reviews.answerOf('ok-known', '10.0.0.1'), 'known', 'nor a token that was accepted')
  world.now += 1000
  t.equal(await reviews.answerOf('ok-new', '10.0.0.1'), 'new', 'a second later there is room')
})

test('addresses without end', async (t) => {
  const { world, reviews, invent } = rig()
  await reviews.answerOf('ok-known', 'a')
  t.equal(await invent(300, (i) => `127.0.${i >> 8}.${i & 255}`), 200, 'the loopback is one')
  t.equal(await reviews.answerOf('ok-new', '10.1.0.1'), 'new', 'and leaves room for others')
  world.asked = 0
  t.ok((await invent(2000, (i) => `10.0.${i >> 8}.${i & 255}`)) > 1700, 'together they are limited')
  t.ok(world.asked <= 200, `${world.asked} questions`)
  world.now += 10_000
  t.equal(await reviews.answerOf('ok-known', 'a'), 'known', 'an accepted token is not limited')
})

test('what is invented drops no accepted token', async (t) => {
  const { world, reviews, invent } = rig()
  await reviews.answerOf('ok-known', 'a')
  await invent(200, (i) => `10.0.0.${i}`)
  world.asked = 0
  t.equal(await reviews.answerOf('ok-known', 'a'), 'known')
  t.equal(world.asked, 0, 'its answer is still there')
})

test('an IPv6 network has as many addresses as anybody in it wants', async (t) => {
  const { reviews, invent } = rig()
  t.equal(await invent(300, (i) => `2001:db8::${i.toString(16)}`), 200, 'it is one, of half of all')
  await t.rejects(reviews.answerOf('ok-new', '2001:db8::ffff'), {
    message: /too many unknown tokens from 2001:db8:0:0::\/64/
  })
  t.equal(await reviews.answerOf('ok-new', '2001:db8:1::1'), 'new', 'and leaves room for others')
})

test('a person of the loopback does not keep the others there out', async (t) => {
  const { reviews, invent } = rig()
  await invent(60, () => '127.0.0.1')
  t.equal(await reviews.answerOf('ok-new', '127.0.0.1'), 'new')
})

test('an answer that does not come is no answer', async (t) => {
  const { world, reviews } = rig()
  world.isUp = false
  await t.rejects(reviews.answerOf('ok-vera', 'a'), { code: 'UNAVAILABLE' })
  world.isUp = true
  t.equal(await reviews.answerOf('ok-vera', 'a'), 'vera')
})
