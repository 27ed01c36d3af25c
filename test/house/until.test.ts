import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'tap'
import { GivenUp, type Note, until } from '../helpers/until.js'

test('every wait ends, and prints what it saw last', async (t) => {
  const never = (): Promise<undefined> => new Promise(() => undefined)
  const fails = () => Promise.reject(new Error('connection rejected'))
  const seeing = (seen: unknown) => (note: Note) => {
    note(seen)
    return undefined
  }
  // [what, probe, message]
  const table: [string, (note: Note) => Promise<undefined> | undefined, RegExp][] = [
    ['nothing seen', () => undefined, /^waited 50 ms for nothing seen$/],
    ['an error', fails, /^waited 50 ms for an error: connection rejected$/],
    ['an object', seeing({ ready: [1, 2] }), /an object: { ready: \[ 1, 2 \] }$/],
    ['a text', seeing('1 of 3'), /a text: 1 of 3$/],
    ['silence', never, /^waited 50 ms for silence: no answer$/],
    [
      'silence after a word',
      (note) => {
        note('connected')
        return never()
      },
      /silence after a word: no answer: connected$/
    ]
  ]
  for (const [what, probe, message] of table) {
    const started = Date.now()
    await t.rejects(until(what, probe, { timeoutMs: 50, everyMs: 5 }), { message }, what)
    t.ok(Date.now() - started < 10_000, `${what}: it ends`)
  }
  await t.rejects(
    until('what cannot be', () => Promise.reject(new GivenUp('it ended'))),
    { message: 'it ended' }
  )
  await t.rejects(
    until('what nobody wants', () => undefined, { signal: AbortSignal.abort(new Error('enough')) }),
    { message: 'enough' }
  )
  let count = 0
  const counted = () => {
    count += 1
    return count === 3 ? count : undefined
  }
  t.equal(await until('the third', counted, { everyMs: 1 }), 3)
  const slow = () => delay(60, 'late but there')
  t.equal(await until('a slow answer', slow, { timeoutMs: 10 }), 'late but there')
  const asked: number[] = []
  const dear = async () => {
    asked.push(performance.now())
    await delay(40)
    return asked.length === 3 ? asked : undefined
  }
  const [first = 0, , third = 0] = await until('a dear probe', dear, { everyMs: 1 })
  t.ok(third - first >= 2 * 6 * 39, 'who waits works at most a sixth of the time')
})
