import { test } from 'tap'
import { RunWatch } from '../../../cli/profiles/run-watch.js'
import { hubOf, hubWith, stopHub, view } from '../../helpers/hub-answers.js'
import { until } from '../../helpers/until.js'

const stream = '/api/v1/containers/stream'

test('what ran during the command, and when no hub was heard', async (t) => {
  const first = await hubWith(t, 'first', { [stream]: {}, '/api/v1/nodes': { items: [] } })
  const second = await hubWith(t, 'second', { [stream]: {}, '/api/v1/nodes': { items: [] } })
  const said: string[] = []
  let hub = hubOf([first])
  const send = (to: typeof first, event: string, data: unknown) =>
    to.streams[0]?.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
  const started = RunWatch.start({
    ...{ open: () => Promise.resolve(hub), key: 'shop/web', now: () => 0 },
    report: (text) => said.push(text)
  })
  await until('the stream', () => first.streams[0])
  send(first, 'snapshot', { items: [view('n1', 'other', { learned: 'shop/other' })] })
  const watch = await started
  t.teardown(() => watch.close())
  t.strictSame(watch.seen(), [])
  t.strictSame(watch.learned(), ['shop/other'])
  send(first, 'change', { changed: [view('n1', 'web', { learned: 'shop/web' })], gone: [] })
  send(first, 'change', { changed: [], gone: ['n1/web'] })
  await until('its end', () => watch.seen()[0]?.isRunning === false || undefined)
  t.match(watch.seen(), [{ name: 'web', node: 'n1', hasGap: false }])
  t.strictSame(said, ['container web on n1 runs'])
  t.equal(watch.hubAway(), undefined)
  await watch.nodes()
  t.equal(watch.hubAway(), undefined)
  hub = hubOf([second])
  await stopHub(first)
  await until('the next hub', () => second.streams[0])
  t.match(watch.hubAway(), /the hub went away during the run, at 00:00:00 UTC/)
  t.match(said[1], /went away/, 'it is said at once')
})

test('a hub that does not answer is an error before anything runs', async (t) => {
  const gone = await hubWith(t, 'gone', {})
  await stopHub(gone)
  const report = (): void => undefined
  const open = () => Promise.resolve(hubOf([gone]))
  await t.rejects(RunWatch.start({ open, key: 'shop/web', now: () => 0, report }), {
    code: 'UNAVAILABLE'
  })
})
