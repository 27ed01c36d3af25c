import { test } from 'tap'
import { BoundedPermissions } from '../../../webhook/access/bounded-permissions.js'
import type { Access, ClusterUser } from '../../../webhook/access/rights.js'

/** Permissions by an API server that allows what is in namespace `shop`; counts what it is asked. */
function rig() {
  const world = { now: 0, asked: 0, isSlow: false, answers: [] as (() => void)[] }
  const permissions = new BoundedPermissions(
    async (_user, { namespace }) => {
      world.asked += 1
      if (world.isSlow) await new Promise<void>((answer) => world.answers.push(answer))
      return namespace === 'shop'
    },
    () => world.now
  )
  const allows = (
    user: string | ClusterUser,
    name = 'web',
    others: Partial<Access> = {}
  ): Promise<boolean> =>
    permissions.allows(typeof user === 'string' ? { username: user, groups: [] } : user, {
      ...{ verb: 'get', resource: 'denials', namespace: 'shop', name },
      ...others
    })
  /** Asks about so many names; returns how many questions were rejected. */
  async function flood(count: number, user: (n: number) => string, from = 0): Promise<number> {
    let limited = 0
    for (let n = from; n < from + count; n++)
      await allows(user(n), `web-${n}`).catch(() => (limited += 1))
    return limited
  }
  return { world, allows, flood }
}

test('a question is all that its answer depends on', async (t) => {
  const { world, allows } = rig()
  const vera = { username: 'vera', groups: ['a', 'b'], uid: '1', extra: { scopes: ['x'] } }
  const questions: [
    what: string,
    user: string | ClusterUser,
    name?: string,
    others?: Partial<Access>
  ][] = [
    ['a user', vera],
    ['another user', 'olga'],
    ['other groups', { ...vera, groups: ['a'] }],
    ['groups that read as one', { ...vera, groups: ['a,b'] }],
    ['another uid', { ...vera, uid: '2' }],
    ['other scopes', { ...vera, extra: { scopes: ['y'] } }],
    ['another name', vera, 'web-2'],
    ['another verb', vera, 'web', { verb: 'approve' }],
    ['another resource', vera, 'web', { resource: 'nodes' }],
    ['another namespace', vera, 'web', { namespace: 'bank' }],
    ['all namespaces', vera, 'web', { namespace: undefined }]
  ]
  for (const [what, ...question] of questions) {
    world.asked = 0
    await allows(...question)
    await allows(...question)
    t.equal(world.asked, 1, what)
  }
  t.equal(await allows(vera, 'web', { namespace: 'bank' }), false, 'and keeps its answer')
  t.equal(await allows(vera), true)
})

test('one user asks for so much, and takes nothing from another one', async (t) => {
  const { world, flood, allows } = rig()
  t.equal(await flood(11_000, () => 'vera'), 1000)
  await t.rejects(allows('vera', 'more'), {
    ...{ code: 'UNAVAILABLE', retryAfter: 1, hint: /try again in a second/ },
    message: 'too many questions about permissions from user vera'
  })
  t.equal(await allows('olga'), true)
  world.now += 1000
  t.equal(await flood(200, () => 'vera', 20_000), 100, 'a second later there is some room')
})

test('the accounts of a namespace are one, and all together are limited', async (t) => {
  const { flood, allows } = rig()
  const accountOf = (n: number): string => `system:serviceaccount:mine:a${n}`
  t.equal(await flood(11_000, accountOf), 1000)
  t.equal(await allows('system:serviceaccount:shop:web'), true, 'those of another namespace')
  t.ok((await flood(12_000, (n) => `user-${n}`, 20_000)) > 1900)
  await t.rejects(allows('olga'), { retryAfter: 1, message: /at once/ })
})

test('an API server that is slow is asked only so much at a time', async (t) => {
  const { world, allows } = rig()
  world.isSlow = true
  const questions = Array.from({ length: 50 }, (_, n) => allows('vera', `web-${n}`))
  await t.rejects(allows('vera', 'web-50'), { retryAfter: 1, message: /from user vera/ })
  const again = allows('vera', 'web-0')
  t.equal(world.asked, 50, 'the same question is not asked again')
  for (const user of ['a', 'b', 'c'])
    for (let n = 0; n < 50; n++) questions.push(allows(user, `web-${n}`))
  await t.rejects(allows('olga'), { retryAfter: 1, message: /at once/ })
  for (const answer of world.answers) answer()
  t.same([...new Set(await Promise.all([...questions, again]))], [true])
  world.isSlow = false
  t.equal(await allows('olga'), true, 'then there is room')
  t.equal(await allows('vera', 'web-99'), true)
})
