import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { DeferredQueue } from '../../../satellite/uplink/deferred-queue.js'
import { openSpool } from '../../../satellite/uplink/spool.js'
import type { BacklogLimits } from '../../../satellite/uplink/backlog-items.js'
import { type Backlog, openBacklog } from '../../../satellite/uplink/backlog.js'
import { encodeBody, encodeObservations } from '../../../satellite/uplink/messages.js'
import { Observation, SatelliteMessage } from '../../../src/api/gen/hub.js'
import { createCardinality, defaultLimits } from '../../../webhook/hub/observations/cardinality.js'
import { collectLog, observationOf } from '../../webhook/hub/rig.js'

async function open(t: Test, limits: Partial<BacklogLimits> = {}) {
  const dir = await mkdtemp(join(tmpdir(), 'secco-backlog-'))
  t.teardown(() => rm(dir, { recursive: true }))
  const log = collectLog()
  const again = async (): Promise<Backlog> =>
    openBacklog(await openSpool(dir), log.logger, { inMemory: 8, ...limits })
  return { dir, log, again, backlog: await again() }
}

function namesIn(bytes: Uint8Array | undefined): string[] {
  if (bytes === undefined) return []
  return Observation.decode(bytes)
    .abis.flatMap(({ syscalls }) => syscalls.map(({ name }) => name))
    .sort()
}

/** Everything that is due, with observations that only the disk holds. */
async function allDue(backlog: Backlog, nowMs: number) {
  const due = backlog.due(nowMs, 60_000)
  const stored = due.filter(({ bytes }) => bytes === undefined).map(({ id }) => id)
  return [...due.filter(({ bytes }) => bytes !== undefined), ...(await backlog.fetch(stored))]
}

test('waiting observations are on disk, and few of them in memory', async (t) => {
  const { dir, again, backlog } = await open(t)
  const ids = Array.from({ length: 100 }, (_, n) => `c${n}`)
  for (const id of ids) backlog.put(observationOf(id, [`own_${id}`], { ended: true }))
  await backlog.spool()
  t.same([backlog.size, (await readdir(dir)).length], [100, 100])
  t.ok(backlog.inMemory <= 8, `${backlog.inMemory} in memory`)
  const due = await allDue(backlog, 0)
  t.same(due.map(({ id }) => id).sort(), [...ids].sort(), 'nothing is missing')
  for (const { id, bytes } of due) t.same(namesIn(bytes), [`own_${id}`], id)
  t.ok(backlog.inMemory <= 8, 'observations read for sending are not kept')

  const next = await again()
  t.ok(next.inMemory <= 8, 'nor are those that a restarted process finds')
  t.equal((await allDue(next, 0)).length, 100)
  for (const id of ids) next.acked(id, 1)
  await next.spool()
  await next.durable()
  t.same([next.size, next.inMemory], [0, 0])
  t.equal((await readdir(dir)).length, 0)
})

test('an observation on disk is merged with a newer one before it is sent or saved', async (t) => {
  const { again, backlog } = await open(t, { inMemory: 1 })
  backlog.put(observationOf('first', ['read']))
  backlog.put(observationOf('second', ['read']))
  await backlog.spool()
  t.equal(backlog.inMemory, 1)
  backlog.put(observationOf('first', ['write']))
  t.notOk(
    backlog.due(0, 1000).some(({ id }) => id === 'first'),
    'not before they are merged'
  )
  await backlog.durable()
  const [joined] = (await allDue(backlog, 5000)).filter(({ id }) => id === 'first')
  t.same(namesIn(joined?.bytes), ['read', 'write'])
  const kept = (await allDue(await again(), 0)).find(({ id }) => id === 'first')
  t.same(namesIn(kept?.bytes), ['read', 'write'], 'also for a process that starts after a kill')
})

test('a newer observation is not sent without what the disk has, during a read or after a rejection', async (t) => {
  const { again, backlog: before } = await open(t, { inMemory: 0 })
  for (const id of ['a', 'b']) before.put(observationOf(id, ['ptrace']))
  await before.spool()
  const backlog = await again()
  backlog.restart()
  const stored = backlog.due(0, 1000).filter(({ bytes }) => bytes === undefined)
  const ids = stored.map(({ id }) => id).sort()
  t.same(ids, ['a', 'b'], 'only the disk has them')
  const read = backlog.fetch(ids)
  backlog.put(observationOf('b', ['write']))
  const both = ['ptrace', 'write']
  const { a, b = both } = Object.fromEntries(
    (await read).map(({ id, bytes }) => [id, namesIn(bytes)])
  )
  t.same(a, ['ptrace'])
  t.same(b, both, 'left out; or the disk was faster, and they are merged')
  backlog.defer('a', 5000, true)
  backlog.put(observationOf('a', ['write']))
  t.notOk(
    backlog.due(6000, 1000).some(({ id }) => id === 'a'),
    'not before they are merged'
  )
  await backlog.spool()
  const sent = new Map<string, string[]>()
  for (let at = 1; at < 4; at += 1)
    for (const { id, bytes } of await allDue(backlog, at * 3_600_000)) sent.set(id, namesIn(bytes))
  t.same(Object.fromEntries(sent), { a: both, b: both })
})

test('a burst is saved without waiting for the hub', async (t) => {
  const { dir, backlog } = await open(t, { inMemory: 1000 })
  for (let n = 0; n < 127; n += 1) backlog.put(observationOf(`c${n}`, ['read'], { ended: true }))
  const few = backlog.durable()
  await new Promise((resolve) => setImmediate(resolve))
  t.equal((await readdir(dir)).length, 0, 'for a few observations acks may come first')
  backlog.put(observationOf('one more', ['read'], { ended: true }))
  await Promise.all([few, backlog.durable()])
  t.equal((await readdir(dir)).length, 128)
})

test('a full backlog gives up what can be offered again, counts it, and logs it', async (t) => {
  const { log, backlog } = await open(t, { instances: 10 })
  for (let n = 0; n < 10; n += 1) backlog.put(observationOf(`e${n}`, ['read'], { ended: n !== 3 }))
  backlog.put(observationOf('more', ['read'], { ended: true }))
  backlog.put(observationOf('most', ['read'], { ended: true }))
  t.same([backlog.size, backlog.dropped], [10, 2])
  const left = (await allDue(backlog, 0)).map(({ id }) => id)
  t.notOk(left.includes('e3') || left.includes('e0'), 'first a running one, then the oldest')
  t.ok(left.includes('most'))
  t.match(await log.seen(/too many observations wait/), { code: 'TOO_LARGE', dropped: 1 })

  const small = await open(t, { bytes: 400 })
  for (let n = 0; n < 100; n += 1) small.backlog.put(observationOf(`b${n}`, ['read']))
  t.ok(small.backlog.size < 10, 'bytes are bounded too')
  t.equal(small.backlog.size + small.backlog.dropped, 100)
})

test('thousands of new workloads are accepted over time, with about one attempt each', async (t) => {
  const { backlog } = await open(t, { inMemory: 64 })
  const hub = createCardinality(defaultLimits)
  const count = 2500
  for (let n = 0; n < count; n += 1) {
    backlog.put(observationOf(`c${n}`, ['read'], { ended: true }))
    if (n % 250 === 0) await backlog.spool()
  }
  await backlog.spool()
  let [sent, rejections, mostInMemory, second] = [0, 0, 0, 0]
  for (; backlog.size > 0 && second < 3 * 3600; second += 1) {
    const nowMs = second * 1000
    for (const { id, sequence } of await allDue(backlog, nowMs)) {
      backlog.markSent(id, sequence, nowMs)
      sent += 1
      const rejected = hub.admit('node', id, id, nowMs)
      if (rejected === undefined) backlog.acked(id, sequence)
      else {
        rejections += 1
        backlog.defer(id, nowMs + (rejected.retryAfter ?? 0) * 1000, true)
      }
    }
    mostInMemory = Math.max(mostInMemory, backlog.inMemory)
  }
  t.equal(backlog.size, 0, 'all of them')
  t.equal(sent, count + rejections)
  t.ok(mostInMemory <= 64, `${mostInMemory} in memory at most`)
  t.ok(second < 45 * 60, `${second} s: as fast as the hub accepts them`)
  t.ok(rejections < 2 * count, `${rejections} rejections of ${count}`)
})

test('the deferred queue: a few first, more as they are accepted, none after a rejection', (t) => {
  const deferred = new DeferredQueue()
  for (let n = 0; n < 100; n += 1) deferred.add(`c${n}`, 1000)
  t.same(deferred.take(999), [])
  const first = deferred.take(1000)
  t.same(first, ['c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7'])
  t.same(deferred.take(1000), [], 'each once')
  for (const id of first.slice(0, 4)) deferred.remove(id)
  t.equal(deferred.take(1001).length, 8, 'two for each that was accepted')
  deferred.add('c9', 9000)
  t.same(deferred.take(2500), [], 'a rejection stops the others')
  t.ok(deferred.has('c9') && deferred.has('c50'))
  deferred.restart()
  const again = deferred.take(9000)
  t.equal(again.length, 8)
  t.same(deferred.take(9001), [])
  t.equal(deferred.take(11_500).length > 0, true, 'what was not rejected for a while was accepted')
  t.notOk(deferred.has(again[0] ?? ''))
  t.end()
})

test('several encoded observations are one message', (t) => {
  const all = ['a', 'b', 'c'].map((id) => observationOf(id, ['read', 'write']))
  const encoded = all.map((one) => Observation.encode(one).finish())
  t.same(SatelliteMessage.decode(encodeObservations(encoded)).body, {
    $case: 'observations',
    value: { observations: all }
  })
  const [only] = all
  t.same(SatelliteMessage.decode(encodeObservations(encoded.slice(0, 1))).body, {
    $case: 'observation',
    value: only
  })
  const beat = { $case: 'heartbeat', value: { sequence: 7 } } as const
  t.same(SatelliteMessage.decode(encodeBody(beat)).body, beat)
  t.end()
})

test('the spool writes many files at once, and names the one that failed', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'secco-spool-'))
  t.teardown(() => rm(dir, { recursive: true }))
  const spool = await openSpool(dir)
  const encode = (id: string, name: string) => ({
    id,
    bytes: Observation.encode(observationOf(id, [name])).finish()
  })
  const ids = Array.from({ length: 200 }, (_, n) => `c${n}`)
  await spool.save(ids.map((id) => encode(id, 'read')))
  await spool.save([encode('c7', 'write')])
  t.equal((await readdir(dir)).length, 200, 'nothing temporary is left')
  t.equal((await stat(join(dir, (await readdir(dir))[0] ?? ''))).mode & 0o777, 0o600)
  t.same(namesIn(await spool.read('c7')), ['write'])
  const loaded: string[] = []
  t.same(await spool.load((one) => loaded.push(one.id)), [])
  t.same(loaded.sort(), [...ids].sort())
  await spool.remove([...ids.slice(1), 'never there'])
  t.equal((await readdir(dir)).length, 1)

  const [blocked = ''] = await readdir(dir)
  await rm(join(dir, blocked))
  await mkdir(join(dir, blocked, 'inside'), { recursive: true })
  await t.rejects(spool.save([encode('c1', 'read'), encode('c0', 'read'), encode('c2', 'read')]), {
    code: 'WRITE_FAILED',
    message: new RegExp(`${blocked}.*(EISDIR|ENOTEMPTY|EEXIST)`)
  })
  t.same(namesIn(await spool.read('c1')), ['read'], 'what was written before stays')
  t.equal((await readdir(dir)).length, 2, 'and a failed write leaves nothing')
  await rm(dir, { recursive: true })
  await t.rejects(spool.remove(['c1']), { code: 'WRITE_FAILED', message: /ENOENT/ })
  await mkdir(dir)
})
