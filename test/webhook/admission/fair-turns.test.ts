import { test } from 'tap'
import { FairTurns } from '../../../webhook/admission/fair-turns.js'

/** Turns whose clock and event loop are the test's. */
function rig() {
  const clock = { now: 0 }
  const next: (() => void)[] = []
  const served: string[] = []
  const turns = new FairTurns(
    () => clock.now,
    (run) => next.push(run)
  )
  const gone = new Set<string>()
  /** What is served after a wait takes this long. */
  const work = { ms: 2 }
  const send = (client: string, cost: number, times = 1, isFirst = false): void => {
    for (let i = 0; i < times; i++) {
      const turn = turns.take(client, cost, () => gone.has(client), isFirst)
      if (turn === undefined) served.push(client)
      else
        void turn.then(() => {
          served.push(client)
          clock.now += work.ms
        })
    }
  }
  /** Runs turns of the event loop, and returns whom they served. */
  const run = async (count: number): Promise<string> => {
    served.length = 0
    for (let i = 0; i < count; i++) {
      next.shift()?.()
      await Promise.resolve()
    }
    return served.join('')
  }
  return { turns, clock, work, gone, send, run, served, waiting: () => next.length }
}

test('turns', async (t) => {
  const { clock, send, run, served, waiting } = rig()
  send('a', 1)
  t.equal(await run(1), 'a')
  clock.now = 1000
  send('a', 1, 200)
  t.equal(served.length, 201, 'all at once')

  send('x', 10, 50)
  send('a', 1, 5)
  t.equal(await run(1), 'x', 'who comes first has less than who was served')
  // What was served alone counts no longer than until it is alone no more.
  t.match(await run(5), /^a{5}$/, 'an expensive request gives way to cheap ones')
  t.equal(await run(3), 'xxx', 'and nobody waits for nothing')
  send('a', 1, 30)
  const order = await run(30)
  const share = order.split('x').length - 1
  t.ok(share >= 2 && share <= 4, `${share} of 30 turns for requests that cost ten times as much`)

  send('b', 1)
  t.match(await run(2), /b/, 'a new client is not behind')
  await run(200)
  t.equal(waiting(), 0, 'all were served')
  send('y', 100)
  send('a', 1, 3)
  send('b', 1, 3)
  t.match((await run(7)).slice(1), /^(ab|ba){3}$/, 'clients of the same kind alternate')

  clock.now = 5000
  send('a', 1)
  send('a', 1)
  t.equal(await run(2), 'aa')
  clock.now = 6000
  served.length = 0
  send('a', 1)
  t.equal(served.length, 1, 'alone again')
})

test('a client that was idle has no credit', async (t) => {
  for (const [idle, other] of [
    ['a', 'b'],
    ['2001:db8::a', '2001:db8::b']
  ] as const) {
    const { send, run, served } = rig()
    send(idle, 1)
    await run(1)
    send(other, 1, 1000)
    await run(1000)
    send(idle, 1, 20)
    send(other, 1, 20)
    await run(20)
    const own = served.filter((client) => client === idle).length
    t.ok(own >= 9 && own <= 12, `${own} of 20`)
  }
})

test('who is gone is not served, and what it sent costs it nothing', async (t) => {
  const { send, run, gone, served, waiting } = rig()
  send('a', 1)
  send('b', 1)
  await run(2)
  send('a', 100, 20)
  send('b', 1, 3)
  gone.add('a')
  t.equal(await run(3), 'bbb')
  t.equal(waiting(), 0, 'nothing waits for it')
  gone.delete('a')
  served.length = 0
  send('b', 1, 2)
  send('a', 1, 2)
  t.match(await run(4), /^(ab|ba){2}$/, 'it is not behind')
})

test('a turn of the event loop serves requests for a short time', async (t) => {
  const { send, run, work, served, waiting } = rig()
  send('b', 1)
  await run(1)
  work.ms = 0.5
  send('a', 1, 100)
  await run(1)
  await settled()
  t.match(served.join(''), /^a{4}$/, 'more than one')
  t.equal(waiting(), 1, 'the others wait for the next turn')
})

test('the addresses of an IPv6 network share what one client is given', async (t) => {
  const { send, run, served } = rig()
  send('2001:db8::1', 1)
  for (let n = 1; n <= 100; n++) send(`2001:db8::${n.toString(16)}`, 1, 2)
  send('10.0.0.1', 1, 20)
  await run(40)
  const others = served.filter((client) => client === '10.0.0.1').length
  t.ok(others >= 19, `${others} of 40 turns for another client`)
  served.length = 0
  await run(60)
  t.ok(new Set(served).size >= 59, 'among themselves they take turns')
  send('2001:db8:1::1', 1, 20)
  served.length = 0
  await run(40)
  const fresh = served.filter((client) => client === '2001:db8:1::1').length
  t.ok(fresh >= 19 && fresh <= 21, `${fresh} of 40 turns for another network`)
})

test('who proved to be an API server is first, and these take turns', async (t) => {
  const { send, run, waiting } = rig()
  for (let n = 0; n < 100; n++) send(`x${n}`, 1, 2)
  send('a', 5, 4, true)
  send('b', 5, 4, true)
  t.match(await run(8), /^(ab|ba){4}$/, 'however many others wait, and whatever it costs')
  send('a', 1, 1)
  t.notMatch(await run(50), /a/, 'another connection of its address waits as others')
  await run(200)
  t.equal(waiting(), 0, 'all were served')
})

/** Resolves when microtasks have run. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('addresses without end take no memory', async (t) => {
  const { turns, send, run } = rig()
  send('waits', 1, 2)
  await run(1)
  for (let i = 0; i < 20_000; i++) {
    send(`x${i}`, 1)
    if (i % 100 === 99) await run(100)
  }
  t.ok(turns.size <= 4096, `${turns.size} clients are remembered`)
  await run(300)
  send('a', 1)
  t.equal(await run(1), 'a')
})
