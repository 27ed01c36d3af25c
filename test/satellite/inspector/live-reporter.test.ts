import { test } from 'tap'
import { LiveReporter, type LiveMessage } from '../../../satellite/inspector/live-reporter.js'
import { createLogger } from '../../../src/lib/log.js'
import { quiet } from '../../helpers/quiet.js'
import { DeniedCalls, Inventory, RunningContainer } from '../../../src/api/gen/hub.js'
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

test('the containers of a large node are in messages that a hub accepts', (t) => {
  const logger = createLogger('test', quiet)
  const labels = Object.fromEntries(
    Array.from({ length: 20 }, (_, nth) => [`example.com/label-${nth}`, 'x'.repeat(60)])
  )
  const all = Array.from({ length: 300 }, (_, nth) =>
    RunningContainer.fromPartial({ key: `c${nth}@7`, container: { id: `c${nth}`, labels } })
  )
  for (const [what, report] of [
    ['at the start', (one: LiveReporter) => one.welcome(all)],
    ['later', (one: LiveReporter) => one.changed(all, ['gone@1'])],
    ['none', (one: LiveReporter) => one.welcome([])]
  ] as const) {
    const sent: LiveMessage[] = []
    report(new LiveReporter((message) => sent.push(message) > 0, logger))
    const parts = sent.flatMap((one) => (one.$case === 'inventory' ? [one.value] : []))
    for (const part of parts) {
      const bytes = Inventory.encode(part).finish().length
      t.ok(bytes < defaultLimits.statusBytes, `${what}: ${bytes} bytes`)
    }
    const keys = parts.flatMap(({ containers }) => containers.map(({ key }) => key))
    t.same(keys, what === 'none' ? [] : all.map(({ key }) => key), what)
    const isFirst = (at: number) => what !== 'later' && at === 0
    const isLast = (at: number) => what !== 'later' && at === parts.length - 1
    for (const [at, { first, last }] of parts.entries())
      t.same([first, last], [isFirst(at), isLast(at)], `${what}, part ${at}`)
    t.same(parts[0]?.gone, what === 'later' ? ['gone@1'] : [], what)
  }
  t.end()
})
