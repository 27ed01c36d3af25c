import { test } from 'tap'
import { type Link, walkLinks } from '../../../cli/doctor/doctor-links.js'
import { captureIo } from '../../helpers/captured-io.js'

test('a proof that is stopped ends at once, so that what it made is removed', async (t) => {
  const stopping = new AbortController()
  const links: Link<object>[] = [
    { what: 'one that holds', fix: 'fix it', prove: () => Promise.resolve('found') },
    {
      ...{ what: 'one that takes long', fix: 'fix it' },
      prove: () => {
        stopping.abort('SIGTERM')
        return new Promise(() => undefined)
      }
    },
    { what: 'one after it', fix: 'fix it', prove: () => Promise.resolve('found') }
  ]
  const { io, printed } = captureIo()
  const steps = await walkLinks(io, 'table', links, {}, stopping.signal)
  t.same(
    steps.map(({ ok, found, next }) => [ok, found, next]),
    [
      [true, 'found', ''],
      [false, 'stopped by SIGTERM', ''],
      [false, 'not tried', '']
    ]
  )
  t.match(printed.stdout, /✗ one that takes long +stopped by SIGTERM/)
})
