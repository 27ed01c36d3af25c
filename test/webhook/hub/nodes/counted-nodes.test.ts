import fc from 'fast-check'
import { test } from 'tap'
import { createNodes } from '../../../../webhook/hub/nodes/nodes.js'
import { waitingText } from '../../../../webhook/hub/nodes/readiness.js'
import { readinessOf } from '../../../helpers/listed-fleet.js'

const wall = Date.parse('2026-11-01T10:00:00Z')
const graceMs = 60_000
const digests = ['a', 'b'].map((one) => `sha256:${one.repeat(64)}`)
const paths = digests.map((one) => `secco/shop/web/${one.slice(7)}.json`)
const names = ['n1', 'n2', 'n3', 'n4', 'n5']

const name = fc.constantFrom(...names)
const nth = fc.nat({ max: 1 })
const steps = fc.array(
  fc.oneof(
    fc.record({ what: fc.constant('connect' as const), name, held: fc.subarray(paths) }),
    fc.record({ what: fc.constant('disconnect' as const), name }),
    fc.record({ what: fc.constant('forget' as const), name }),
    fc.record({ what: fc.constant('wait' as const), ms: fc.constantFrom(10, graceMs + 1) }),
    fc.record({
      ...{ what: fc.constant('report' as const), name, nth, ready: fc.boolean() },
      code: fc.constantFrom('NOT_FOUND', 'WRITE_FAILED')
    }),
    fc.record({ what: fc.constant('ask' as const) })
  )
)

test('what is counted by change is what a look at all nodes counts', (t) => {
  fc.assert(
    fc.property(steps, (all) => {
      let monotonic = 0
      const clock = { wallMs: () => wall + monotonic, monotonicMs: () => monotonic }
      const now = () => new Date(clock.wallMs()).toISOString()
      const nodes = createNodes([{ name: 'n5', lastSeen: now(), holding: paths }], clock)
      const compare = (): void => {
        const readiness = nodes.readiness(graceMs)
        for (const path of paths) {
          const { first, ...counted } = readiness(path)
          const listed = readinessOf(path, nodes.counted(graceMs))
          t.same({ ...counted, waiting: [...counted.waiting] }, listed)
          t.equal(waitingText({ ...counted, ...(first && { first }) }), waitingText(listed))
        }
      }
      for (const step of all) {
        if (step.what === 'connect') {
          const hello = { node: step.name, bootId: '', version: '', holding: step.held }
          const no = { takesAcksTogether: false, takesTraces: false, sendsRevisions: false }
          nodes.connected({ ...hello, ...no, status: undefined }, now())
        } else if (step.what === 'disconnect') nodes.disconnected(step.name, now())
        else if (step.what === 'forget') nodes.forget(step.name)
        else if (step.what === 'wait') monotonic += step.ms
        else if (step.what === 'report') {
          const { ready, code } = step
          const digest = digests[step.nth] ?? ''
          const ref = { namespace: 'shop', profile: 'web', digest }
          nodes.revision(step.name, { ...ref, ready, code: ready ? '' : code, message: code })
        } else compare()
      }
      compare()
    }),
    { numRuns: 100 }
  )
  t.end()
})

test('a node that comes back while a pass goes on is not left out', (t) => {
  const at = new Date(wall).toISOString()
  const [path = ''] = paths
  const nodes = createNodes([{ name: 'n1', lastSeen: at, holding: paths }])
  const hello = { node: 'n2', bootId: '', version: '', holding: [] }
  const no = { takesAcksTogether: false, takesTraces: false, sendsRevisions: false }
  const connect = () => nodes.connected({ ...hello, ...no, status: undefined }, at)
  connect()
  const readiness = nodes.readiness(graceMs)
  const { ready, total } = readiness(path)
  nodes.disconnected('n2', at)
  connect()
  const after = readiness(path)
  t.same([after.ready, after.total], [ready, total], 'one of two has it')
  t.end()
})
