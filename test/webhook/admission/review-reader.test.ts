import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import t, { test } from 'tap'
import { createReviewReader } from '../../../webhook/admission/review-reader.js'

/** Returns a body that is long enough for the thread. */
function longBody(): Buffer<ArrayBuffer> {
  const text = JSON.stringify({ kind: 'AdmissionReview', other: 'x'.repeat(100_000) })
  const body = Buffer.allocUnsafeSlow(Buffer.byteLength(text))
  body.write(text)
  return body
}

/** The thread does not keep the process alive; in the program the listener does. */
const alive = setInterval(() => undefined, 1000)
t.teardown(() => clearInterval(alive))

test('a thread that failed takes only its own bodies with it', async (t) => {
  const reader = createReviewReader()
  t.teardown(() => reader.close())
  const started = once(process, 'worker') as Promise<[Worker]>
  const lost = Promise.resolve(reader.read(longBody()))
  const [thread] = await started
  thread.emit('error', new Error('out of memory'))
  await t.rejects(lost, { code: 'INTERNAL' })
  const next = Promise.resolve(reader.read(longBody()))
  thread.emit('exit', 1)
  t.match(await next, { kept: '{"kind":"AdmissionReview"}' }, 'another thread reads it')
})

test('a reader that closes leaves nobody waiting', async (t) => {
  const reader = createReviewReader()
  const lost = Promise.resolve(reader.read(longBody()))
  const closed = reader.close()
  await t.rejects(lost, { code: 'INTERNAL' })
  await closed
})
