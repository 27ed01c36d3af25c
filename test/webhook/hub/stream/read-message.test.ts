import { t, test } from 'tap'
import {
  Denials,
  Hello,
  Inventory,
  NodeStatus,
  Observation,
  SatelliteMessage,
  TraceCounts,
  UsedSets
} from '../../../../src/api/gen/hub.js'
import { largestStatus, readMessage } from '../../../../webhook/hub/stream/read-message.js'
import { messageSize, streamService } from '../../../../webhook/hub/stream/stream-service.js'
import { limitedHello, longHello } from '../../../../webhook/hub/stream/limited-status.js'

// Other tests may have the machine at the same time.
t.setTimeout(150_000)

type Body = NonNullable<SatelliteMessage['body']>

const bytesOf = (body: Body): Buffer => Buffer.from(SatelliteMessage.encode({ body }).finish())
const many = <T>(count: number, one: T): T[] => Array.from({ length: count }, () => one)
const half = 500_000

const syscalls = (count: number) => ({ abis: [{ abi: 'x86_64', syscalls: many(count, {}) }] })

/** What gRPC lets in: each is less than 1 MiB, and would become half a million objects. */
const long: [what: string, body: Body][] = [
  [
    'inventory',
    { $case: 'inventory', value: Inventory.fromPartial({ containers: many(half, {}) }) }
  ],
  ['sets', { $case: 'used', value: UsedSets.fromPartial({ sets: many(half, {}) }) }],
  ['denials', { $case: 'denials', value: Denials.fromPartial({ containers: many(half, {}) }) }],
  ['trace', { $case: 'trace', value: TraceCounts.fromPartial({ calls: many(half, {}) }) }],
  ['status', { $case: 'nodeStatus', value: NodeStatus.fromPartial({ conditions: many(half, {}) }) }]
]

test('a report that is too long is not decoded, and its size shows that it does not count', (t) => {
  for (const [what, body] of long) {
    const bytes = bytesOf(body)
    const empty = SatelliteMessage.fromPartial({ body: { $case: body.$case, value: {} } })
    for (const [order, sent] of [
      ['alone', bytes],
      [
        'after another',
        Buffer.concat([bytesOf({ $case: 'heartbeat', value: { sequence: 1 } }), bytes])
      ]
    ] as const) {
      const message = streamService.connect.requestDeserialize(sent)
      t.same(message, empty, `${what} ${order}`)
      t.equal(message.body && messageSize(message.body.value), sent.length, what)
    }
  }
  t.end()
})

test('observations have a limited number of parts', (t) => {
  for (const partial of [
    syscalls(half),
    { denied: many(half, {}) },
    { arguments: many(half, {}) },
    { startup: [{ abi: 'x86_64', names: many(half, '') }] }
  ]) {
    const value = Observation.fromPartial(partial)
    const batch = { observations: [value] }
    for (const bytes of [
      bytesOf({ $case: 'observation', value }),
      bytesOf({ $case: 'observations', value: batch })
    ])
      t.throws(() => readMessage(bytes), { message: /more than \d+ members/ })
  }
  const value = Observation.fromPartial({ id: 'a', ...syscalls(500) })
  const observations = many(64, value)
  t.match(readMessage(bytesOf({ $case: 'observations', value: { observations } })), {
    body: { value: { observations: { length: 64 } } }
  })
  t.end()
})

test('a Hello keeps its paths, and loses a status that is too long', (t) => {
  const holding = many(9000, `secco/shop/web.app/${'a'.repeat(64)}.json`)
  const conditions = many(largestStatus, {})
  const hello = Hello.fromPartial({
    node: 'n',
    holding,
    status: { conditions },
    sendsRevisions: true
  })
  const bytes = bytesOf({ $case: 'hello', value: hello })
  const { body } = streamService.connect.requestDeserialize(bytes)
  t.same(body?.value, { ...hello, status: undefined })
  t.match(longHello(body?.value as Hello), { reason: 'status-too-large' })
  const short = Hello.fromPartial({ node: 'n', holding, status: { kernel: '6.1' } })
  const read = streamService.connect.requestDeserialize(bytesOf({ $case: 'hello', value: short }))
  t.same(read.body?.value, short, 'one that is long for its paths alone')
  t.equal(longHello(read.body?.value as Hello), undefined)
  t.end()
})

test('what is kept of a status is short', (t) => {
  const text = 'x'.repeat(5000)
  const condition = { type: text, status: 'False', reason: text, message: text }
  const status = { kernel: text, conditions: many(1000, condition), abis: many(1000, text) }
  const hello = Hello.fromPartial({ node: 'n', version: text, bootId: text, status })
  const kept = limitedHello(hello)
  const { conditions = [], abis = [], kernel = '' } = kept.status ?? {}
  const message = conditions[0]?.message ?? ''
  const lengths = [kept.version, kept.bootId, kernel, conditions, abis, message].map(
    ({ length }) => length
  )
  t.same(lengths, [64, 64, 1024, 256, 256, 1024])
  const plain = Hello.fromPartial({ node: 'n', version: '1', status: { kernel: '6.1' } })
  t.same(limitedHello(plain), plain)
  t.end()
})
