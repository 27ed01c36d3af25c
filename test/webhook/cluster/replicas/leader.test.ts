import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'tap'
import { SeccoError } from '../../../../src/lib/errors.js'
import type { ApiCall } from '../../../../src/store/kubernetes-call.js'
import { Leader } from '../../../../webhook/cluster/replicas/leader.js'
import { until, within } from '../../../helpers/until.js'
import { collectLog } from '../../hub/rig.js'

test('listeners get the end of a lapse that a late renewal ends', async (t) => {
  const leaseMs = 600
  let lease: object = { metadata: { name: 'secco', namespace: 'a' }, spec: {} }
  let writes = 0
  const call: ApiCall = async (method, _path, { body } = {}) => {
    if (method === 'GET') return lease
    writes += 1
    // The renewal before it is too old by now, this one is not when it is done.
    if (writes === 2) await delay(leaseMs * 0.5)
    lease = body as object
    return lease
  }
  const leader = new Leader({
    ...{ call, namespace: 'a', name: 'secco', identity: 'hub', leaseMs, retryMs: 200 },
    logger: collectLog().logger
  })
  t.teardown(() => leader.close())
  const news: boolean[] = []
  const lapse = new Promise<void>((resolve) => {
    leader.onChange((leads) => {
      news.push(leads)
      if (leads && news.includes(false)) resolve()
    })
  })
  await within('the end of a lapse', lapse, 20_000, () => `; heard: ${news.join()}`)
  t.same(news.slice(0, 3), [true, false, true])
})

/** A Lease as an API server keeps it: a write with an older version is a conflict. */
function leaseServer() {
  let lease: { metadata: { resourceVersion: string }; spec: Record<string, unknown> } | undefined
  const call: ApiCall = (method, _path, { body } = {}) => {
    if (method === 'GET') {
      if (lease !== undefined) return Promise.resolve(structuredClone(lease))
      return Promise.reject(new SeccoError('NOT_FOUND', 'no lease'))
    }
    const given = structuredClone(body) as NonNullable<typeof lease>
    const version = given.metadata.resourceVersion
    if (lease !== undefined && version !== lease.metadata.resourceVersion)
      return Promise.reject(new SeccoError('CONFLICT', 'another one was faster'))
    const next = String(Number(lease?.metadata.resourceVersion ?? '0') + 1)
    lease = { ...given, metadata: { ...given.metadata, resourceVersion: next } }
    return Promise.resolve(structuredClone(lease))
  }
  return {
    call,
    holder: () => lease?.spec['holderIdentity'],
    renewed: () => lease?.spec['renewTime']
  }
}

const bound = { timeoutMs: 20_000 }

test('of two replicas one leads; the other one takes over when it renews no longer', async (t) => {
  const server = leaseServer()
  let isCut = false
  const first: ApiCall = (...args) =>
    isCut ? Promise.reject(new SeccoError('UNAVAILABLE', 'cut off')) : server.call(...args)
  const options = { namespace: 'a', name: 'secco', leaseMs: 2000, retryMs: 100 }
  const { logger } = collectLog()
  const one = new Leader({ ...options, call: first, identity: 'one', logger })
  t.teardown(() => one.close())
  await until('the first leader', () => one.isLeader() || undefined, bound)
  const two = new Leader({ ...options, call: server.call, identity: 'two', logger })
  t.teardown(() => two.close())
  const both = { ever: false }
  const watch = setInterval(() => (both.ever ||= one.isLeader() && two.isLeader()), 1)
  t.teardown(() => clearInterval(watch))
  await new Promise((wake) => setTimeout(wake, 3 * options.leaseMs))
  t.ok(one.isLeader() && !two.isLeader(), 'a lease that is renewed is not taken')
  t.equal(one.lastSign(), undefined, 'nobody led before')
  t.equal(one.vacantSince(), undefined, 'nobody led before')
  isCut = true
  await until('the end', () => !one.isLeader() || undefined, { everyMs: 2, ...bound })
  t.notOk(two.isLeader(), 'it ends before another one leads')
  const renewed = server.renewed()
  await until('the next leader', () => two.isLeader() || undefined, bound)
  t.match(server.holder(), /^two_/)
  t.equal(two.lastSign(), renewed, 'when the one before renewed the lease last')
  t.equal(two.vacantSince(), renewed, 'since then nobody led')
  isCut = false
  await new Promise((wake) => setTimeout(wake, options.leaseMs))
  t.notOk(one.isLeader(), 'who returns waits for its turn')
  await two.close()
  t.equal(server.holder(), '', 'a leader that closes releases the lease')
  const released = server.renewed()
  await until('the first one again', () => one.isLeader() || undefined, bound)
  t.equal(one.lastSign(), undefined, 'it was released')
  t.equal(one.vacantSince(), released, 'then')
  t.notOk(both.ever, 'never two at once')
})

test('a leader writes its address into the lease, and the end of a renewal that hangs is on time', async (t) => {
  const server = leaseServer()
  let hangs = false
  const never = new Promise<never>(() => undefined)
  const first: ApiCall = (...args) => (hangs ? never : server.call(...args))
  const options = { namespace: 'a', name: 'secco', leaseMs: 900, retryMs: 50 }
  const { logger } = collectLog()
  const address = () => '10.0.0.1:9444'
  const one = new Leader({ ...options, call: first, identity: 'one', logger, address })
  await until('the first leader', () => one.isLeader() || undefined, bound)
  const two = new Leader({ ...options, call: server.call, identity: 'two', logger })
  t.teardown(() => two.close())
  await until('its address', () => two.leaderAddress() === address() || undefined, bound)
  t.equal(one.leaderAddress(), undefined, 'a leader needs no address of another one')
  const ended = new Promise<boolean>((resolve) => {
    one.onChange((leads) => {
      if (!leads) resolve(two.isLeader())
    })
  })
  hangs = true
  t.equal(await within('the end', ended, 20_000), false, 'it ends before another one leads')
  await until('the next leader', () => two.isLeader() || undefined, bound)
  t.equal(two.leaderAddress(), undefined)
})

test('a leader that is cut off knows the replica that waits, until that is old', async (t) => {
  const server = leaseServer()
  const options = { namespace: 'a', name: 'secco', leaseMs: 1500, retryMs: 100 }
  const { logger } = collectLog()
  const cut = new Set<string>()
  const start = (identity: string) => {
    const call: ApiCall = (...args) =>
      cut.has(identity)
        ? Promise.reject(new SeccoError('UNAVAILABLE', 'cut off'))
        : server.call(...args)
    const address = () => `${identity}:9444`
    const leader = new Leader({ ...options, call, identity, logger, address })
    t.teardown(() => leader.close())
    return leader
  }
  const one = start('one')
  await until('the first leader', () => one.isLeader() || undefined, bound)
  const two = start('two')
  await until('the standby', () => one.standbyAddress() === 'two:9444' || undefined, bound)
  t.equal(two.standbyAddress(), undefined, 'a replica waits for no other one than itself')
  await new Promise((wake) => setTimeout(wake, 3 * options.leaseMs))
  t.equal(one.standbyAddress(), 'two:9444', 'it is announced again')
  t.ok(one.isLeader(), 'and the leader stays')
  cut.add('one')
  const led = { everyMs: 5, ...bound }
  t.equal(
    await until('its end', () => (one.isLeader() ? undefined : one.standbyAddress()), led),
    'two:9444'
  )
  await until('the next leader', () => two.isLeader() || undefined, bound)
  await until('the end of the news', () => one.standbyAddress() === undefined || undefined, bound)
  cut.delete('one')
  await until('the other one waits', () => two.standbyAddress() === 'one:9444' || undefined, bound)
})

test('a leader that closes reports its end before another one can lead', async (t) => {
  const server = leaseServer()
  const options = { namespace: 'a', name: 'secco', leaseMs: 900, retryMs: 20 }
  const { logger } = collectLog()
  const one = new Leader({ ...options, call: server.call, identity: 'one', logger })
  await until('the first leader', () => one.isLeader() || undefined, bound)
  let holderAtEnd: unknown
  one.onChange((leads) => {
    if (!leads) holderAtEnd = server.holder()
  })
  await Promise.all([one.close(), one.close()])
  t.match(holderAtEnd, /^one_/)
  t.equal(server.holder(), '')
})
