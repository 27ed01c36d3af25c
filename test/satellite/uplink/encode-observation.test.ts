import fc from 'fast-check'
import { test } from 'tap'
import { encodeObservation } from '../../../satellite/uplink/encode-observation.js'
import { Observation } from '../../../src/api/gen/hub.js'
import { runs } from '../../helpers/fuzz.js'

const detail = {
  ...{ abi: 'x86_64', errno: 1, signal: '', pid: 7, comm: 'sh', at: 'now', expected: false },
  ...{ succeeded: 2, arguments: '' }
}
const count = fc.oneof(
  fc.nat(300),
  fc.constantFrom(0, 127, 128, 0xffffffff, 0x100000000, Number.MAX_SAFE_INTEGER)
)
const name = fc.oneof(
  fc.constantFrom('read', 'rt_sigaction', 'syscall_9999', ''),
  fc.string({ unit: 'grapheme', maxLength: 200 })
)
const call = fc.oneof(
  { weight: 9, arbitrary: fc.record({ name, count }).map((one) => ({ ...one, action: '' })) },
  fc.record({ name, count }).map((one) => ({ ...one, action: 'SCMP_ACT_LOG', detail }))
)
const abis = fc.array(
  fc.record({
    abi: fc.constantFrom('x86_64', 'i386', 'x32', ''),
    syscalls: fc.oneof(fc.array(call), fc.array(call, { minLength: 90, maxLength: 90 }))
  })
)
const observation = fc
  .record({ abis, id: fc.string(), sequence: fc.nat(), denied: fc.array(call, { maxLength: 3 }) })
  .map((given) => Observation.fromPartial({ ...given, container: { id: 'c', labels: { a: 'b' } } }))

test('the bytes decode to the same message as those of the generated code', (t) => {
  fc.assert(
    fc.property(observation, (given) => {
      const before = structuredClone(given)
      const bytes = encodeObservation(given)
      t.strictSame(given, before, 'the input is not changed')
      t.strictSame(
        Observation.decode(bytes),
        Observation.decode(Observation.encode(given).finish())
      )
      t.equal(bytes.length, Observation.encode(given).finish().length)
    }),
    { numRuns: runs(50) }
  )
  t.end()
})

test('several ABIs in the same memory; an invalid count fails as with the generated code', (t) => {
  const abis = ['x86_64', 'i386'].map((abi, at) => ({
    abi,
    syscalls: [{ name: `call_${at}`, count: at + 1, action: '', detail: undefined }]
  }))
  const given = Observation.fromPartial({ id: 'two', abis })
  t.strictSame(Observation.decode(encodeObservation(given)).abis, abis)
  const [first] = abis
  for (const count of [-1, 0.5, NaN]) {
    const wrong = {
      ...given,
      abis: [
        {
          abi: 'x32',
          syscalls: [{ ...first?.syscalls[0], name: 'x', action: '', detail: undefined, count }]
        }
      ]
    }
    t.throws(() => Observation.encode(wrong).finish(), `${count}`)
    t.throws(() => encodeObservation(wrong), `${count}`)
  }
  t.end()
})

test('bytes have their own memory, and a failure leaves nothing behind', (t) => {
  const one = Observation.fromPartial({
    id: 'one',
    abis: [{ abi: 'x32', syscalls: [{ name: 'read' }] }]
  })
  const first = encodeObservation(one)
  const copy = first.slice()
  encodeObservation(Observation.fromPartial({ id: 'another', lost: 9 }))
  t.strictSame(first, copy)
  t.throws(() => encodeObservation({ ...one, lost: -1 }))
  t.strictSame(encodeObservation(one), copy)
  t.end()
})
