import { test } from 'tap'
import { createLiveFeed, type LiveMessage } from '../../../satellite/inspector/live-feed.js'
import { RefusedCalls } from '../../../src/api/gen/hub.js'
import { defaultLimits } from '../../../webhook/hub/observations/cardinality.js'

const calls = (instance: number, names: number): RefusedCalls =>
  RefusedCalls.fromPartial({
    instance: `n1/${instance}`,
    container: { id: `c${instance}`, name: 'app' },
    denied: Array.from({ length: names }, (_, at) => ({ name: `call_${at}`, count: 1 }))
  })

test('refused calls of many containers are in messages that a hub accepts', (t) => {
  for (const [what, reported] of [
    ['none', []],
    ['one', [calls(1, 3)]],
    ['more than a message may hold', Array.from({ length: 1000 }, (_, at) => calls(at, 50))]
  ] as const) {
    const sent: LiveMessage[] = []
    createLiveFeed({ send: (message) => sent.push(message) > 0, list: () => [] }).refused(reported)
    const messages = sent.flatMap((one) => (one.$case === 'refused' ? [one.value] : []))
    t.equal(messages.length, sent.length, what)
    t.strictSame(
      messages.flatMap(({ containers }) => containers.map(({ instance }) => instance)),
      reported.map(({ instance }) => instance),
      what
    )
    for (const { containers } of messages) {
      const bytes = containers.reduce(
        (sum, one) => sum + RefusedCalls.encode(one).finish().length + 8,
        0
      )
      t.ok(containers.length > 0 && bytes < defaultLimits.statusBytes, `${what}: ${bytes} bytes`)
    }
  }
  t.end()
})
