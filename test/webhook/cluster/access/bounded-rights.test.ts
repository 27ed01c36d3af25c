import { test } from 'tap'
import { clusterRights } from '../../../../webhook/cluster/access/rights.js'
import { type AskedReview, reviewServer } from '../../../helpers/review-server.js'

/** Rights at an API server that knows the tokens `ok-NAME`, and lets everybody do what is in namespace `shop`. */
async function rig(teardown: (work: () => Promise<void>) => void) {
  const world = { now: 0, asked: [] as AskedReview[] }
  const config = await reviewServer(teardown, (review) => {
    world.asked.push(review)
    const { token = '', resourceAttributes } = review.spec ?? {}
    if (review.kind === 'SubjectAccessReview')
      return { allowed: resourceAttributes?.['namespace'] === 'shop' }
    if (!token.startsWith('ok-')) return { authenticated: false }
    return { authenticated: true, user: { username: token.slice(3), groups: ['people'] } }
  })
  const rights = clusterRights(config, () => world.now)
  /** Returns how many reviews of a kind were made meanwhile. */
  async function count(kind: string, work: () => Promise<unknown>): Promise<number> {
    const before = world.asked.length
    await work()
    return world.asked.slice(before).filter((one) => one.kind === kind).length
  }
  return { world, rights, count }
}

test('the token of a session is one question, however many requests come at once', async (t) => {
  const { world, rights, count } = await rig((work) => t.teardown(work))
  const vera = await rights.ofToken('ok-vera', undefined, '10.0.0.1')
  world.now += 61_000
  const checks = () => Promise.all(Array.from({ length: 100 }, async () => vera?.mustBeValid?.()))
  t.equal(await count('TokenReview', checks), 1)
})

test('a permission is one question for some seconds, whichever requests ask', async (t) => {
  const { world, rights, count } = await rig((work) => t.teardown(work))
  const ask = async (namespace: string): Promise<boolean | undefined> => {
    const vera = await rights.ofToken('ok-vera', undefined, '10.0.0.1')
    return vera?.can('list', 'seccompprofiles', namespace)
  }
  const many = () => Promise.all(Array.from({ length: 100 }, () => ask('shop')))
  t.equal(await count('SubjectAccessReview', many), 1, 'a hundred requests at once')
  t.equal(await ask('shop'), true)
  t.equal(await ask('bank'), false)
  t.equal(await count('SubjectAccessReview', many), 0, 'and a hundred more')
  world.now += 2000
  t.equal(await count('SubjectAccessReview', many), 1)
  const [first] = world.asked.filter(({ kind }) => kind === 'SubjectAccessReview')
  t.same(first?.spec, {
    ...{ user: 'vera', groups: ['people'] },
    resourceAttributes: {
      ...{ group: 'secco.dev', resource: 'seccompprofiles', verb: 'list', namespace: 'shop' }
    }
  })
})

test('a viewer does not make the hub ask without limit', async (t) => {
  const { rights, count } = await rig((work) => t.teardown(work))
  const askFor = async (user: string, name: string): Promise<boolean | undefined> => {
    const identity = await rights.ofToken(`ok-${user}`, undefined, '10.0.0.1')
    return identity?.can('get', 'denials', 'shop', name)
  }
  const flood = () =>
    Promise.all(
      Array.from({ length: 1000 }, (_, n) =>
        askFor('vera', `web-${n}`).catch((error: unknown) => {
          t.match(error, { code: 'UNAVAILABLE', retryAfter: 1, message: /from user vera/ })
        })
      )
    )
  t.equal(await count('SubjectAccessReview', flood), 50, 'so many are asked at a time')
  t.equal(await askFor('olga', 'web-1'), true, 'another person is not limited')
})
