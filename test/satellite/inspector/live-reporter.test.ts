import { test } from 'tap'
import { LiveReporter, type LiveMessage } from '../../../satellite/inspector/live-reporter.js'
import { createLogger } from '../../../src/lib/log.js'
import { quiet } from '../../helpers/quiet.js'
import { DeniedCalls } from '../../../src/api/gen/hub.js'
import { defaultLimits } from '../../../webhook/hub/observations/cardinality.js'

const calls = (instance: number, names: number): DeniedCalls =>
  DeniedCalls.fromPartial({
    instance: `n1/${instance}`,
    container: { id: `c${instance}`, name: 'app' },
    denied: Array.from({ length: names }, (_, at) => ({ name: `call_${at}`, count: 1 }))
  })

test('denials of many containers are in messages that a hub accepts', (t) => {
  for (const [what, reported] of [
    ['none', []],
    ['one', [calls(1, 3)]],
    ['more than a message may hold', Array.from({ length: 1000 }, (_, at) => calls(at, 50))]
  ] as const) {
    const sent: LiveMessage[] = []
    const logger = createLogger('test', quiet)
    new LiveReporter((message) => sent.push(message) > 0, logger).denied(reported)
    const messages = sent.flatMap((one) => (one.$case === 'denials' ? [one.value] : []))
    t.equal(messages.length, sent.length, what)
    t.strictSame(
      messages.flatMap(({ containers }) => containers.map(({ instance }) => instance)),
      reported.map(({ instance }) => instance),
      what
    )
    for (const { containers } of messages) {
      const bytes = containers.reduce(
        (sum, one) => sum + DeniedCalls.encode(one).finish().length + 8,
        0
      )
      t.ok(containers.length > 0 && bytes < defaultLimits.statusBytes, `${what}: ${bytes} bytes`)
    }
  }
  t.end()
})
