import { test } from 'tap'
import { createOutbox } from '../../../../webhook/hub/stream/outbox.js'

test('messages go to a satellite as fast as it reads them', async (t) => {
  const taken: (() => void)[] = []
  const outbox = createOutbox((_message, callback) => taken.push(callback))
  let left = 3
  outbox.send(Buffer.alloc(70_000))
  outbox.feed(() => Promise.resolve(left-- > 0 ? Buffer.alloc(10) : undefined))
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(taken.length, 1, 'a full reader is not fed')
  t.ok(outbox.stalledMs(Date.now() + 11_000) > 10_000)
  taken.shift()?.()
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(taken.length, 3)
  for (const callback of taken) callback()
  t.equal(outbox.stalledMs(Date.now() + 11_000), 0)

  const written: string[] = []
  const feeder = createOutbox((message, callback) => {
    written.push(message.toString())
    setImmediate(callback)
  })
  let fetched: (message: Buffer) => void = () => undefined
  feeder.feed(() => new Promise((resolve) => (fetched = resolve)))
  const rest = ['second']
  feeder.feed(() => {
    const next = rest.shift()
    return Promise.resolve(next === undefined ? undefined : Buffer.from(next))
  })
  fetched(Buffer.from('first'))
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  t.same(written, ['first', 'second'], 'what was fetched when a newer list came is sent, too')
})
