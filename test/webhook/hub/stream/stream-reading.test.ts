import { test } from 'tap'
import { StreamReading } from '../../../../webhook/hub/stream/stream-reading.js'
import { until } from '../../../helpers/until.js'

function reading() {
  const told: string[] = []
  const note = (what: string) => () => {
    told.push(what)
    return undefined as never
  }
  const call = { pause: note('pause'), resume: note('resume') }
  return { told, stream: new StreamReading(call, note('heard')) }
}

test('a stream that is held is read when it is released, and was not silent', (t) => {
  const { told, stream } = reading()
  stream.hold()
  t.equal(stream.isHeld, true)
  t.same(told, ['pause'])
  stream.release()
  t.same(told, ['pause', 'heard', 'resume'])
  t.equal(stream.isHeld, false)
  t.end()
})

test('a stream that rests is not read by a release, but after its rest', async (t) => {
  const { told, stream } = reading()
  stream.hold()
  stream.rest(20)
  stream.release()
  t.equal(told.at(-1), 'pause', 'it rests')
  await until('the end of the rest', () => told.at(-1) === 'resume' || undefined)
})

test('a stream that has ended is not read again', (t) => {
  const { told, stream } = reading()
  stream.hold()
  stream.close()
  stream.close()
  t.same(told, ['pause'])
  t.end()
})
