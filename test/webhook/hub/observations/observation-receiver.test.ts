import { test } from 'tap'
import {
  ContainerRef,
  type ObservationAck,
  type SyscallCount
} from '../../../../src/api/gen/hub.js'
import {
  createCardinality,
  defaultLimits
} from '../../../../webhook/hub/observations/cardinality.js'
import { createObservationReceiver } from '../../../../webhook/hub/observations/observation-receiver.js'
import type { ObservationWriter } from '../../../../webhook/hub/observations/observation-writer.js'
import { createDenials } from '../../../../webhook/hub/denials/denials.js'
import { KnownRuns } from '../../../../webhook/hub/observations/known-runs.js'
import type { PodCheck } from '../../../../webhook/hub/observations/pod-check.js'
import { profileKey } from '../../../../src/rules/profile-state.js'
import { createRejections } from '../../../../webhook/hub/stream/rejections.js'
import type { Session } from '../../../../webhook/hub/stream/session.js'
import { collectLog, observationOf } from '../rig.js'
import { matchLists } from '../../../helpers/match-lists.js'

const denied = [{ name: 'mount', count: 2, action: 'SCMP_ACT_ERRNO', detail: undefined }]
const settle = () => new Promise((wake) => setImmediate(wake))

/** A receiver whose writes of findings, of denials and of the history end when the test says so. */
function receiver(podCheck?: Pick<PodCheck, 'known' | 'wait'>) {
  const { logger, lines } = collectLog()
  const stored: (() => void)[] = []
  const saved: (() => void)[] = []
  const recorded: (() => void)[] = []
  const acks: ObservationAck[] = []
  const runs = new KnownRuns()
  const receive = createObservationReceiver({
    writer: {
      offer: (_node: string, _finding: unknown, done: () => void) => stored.push(done)
    } as unknown as ObservationWriter,
    denials: createDenials(logger, () => undefined, []),
    rejections: createRejections(logger),
    ...(podCheck === undefined ? {} : { podCheck: podCheck as PodCheck }),
    runs,
    cardinality: createCardinality({ ...defaultLimits, instancesAtOnce: 10_000 }),
    podOf: () => undefined,
    profileOf: (key) => (key === profileKey('shop', 'web.app') ? {} : undefined),
    status: () => undefined,
    noted: () => undefined,
    denialsSaved: () => new Promise<void>((resolve) => saved.push(resolve)),
    recorded: () => new Promise<void>((resolve) => recorded.push(resolve)),
    logger
  })
  let rejected = 0
  const outbox = { send: () => (rejected += 1) }
  const session = {
    ...{ node: 'n', outbox },
    ack: (ack: ObservationAck) => acks.push(ack)
  } as unknown as Session
  return {
    ...{ stored, saved, recorded, acks, lines, runs, rejected: () => rejected },
    offerOf: (id: string, container: ContainerRef) =>
      receive(session, observationOf(id, ['read'], { container })),
    offerUnproven: (id: string, names: string[]) =>
      receive(
        session,
        observationOf(id, [...names, 'read'], { unproven: [{ abi: 'x86_64', names }] })
      ),
    offer: (id: string, calls: SyscallCount[]) =>
      receive(session, observationOf(id, ['read'], { denied: calls }))
  }
}

test('the last calls of a container whose pod was deleted while no hub ran are not lost', async (t) => {
  const gone = { reason: 'pod-unknown', message: 'it does not exist' } as const
  const { offerOf, stored, runs, rejected } = receiver({
    known: () => undefined,
    wait: () => Promise.resolve(gone)
  })
  const pod = { podNamespace: 'shop', podName: 'web-1', podUid: 'u' }
  const container = ContainerRef.fromPartial({ id: 'c1', name: 'app', ...pod })
  const target = {
    ref: { namespace: 'shop', name: 'web.app' },
    workload: { kind: 'Deployment', name: 'web' }
  }
  offerOf('n/b/1.1.1', container)
  await settle()
  t.same([stored.length, rejected()], [0, 1], 'nobody knows whose it was')
  runs.note('n', 'n/b/1.1.1', { target, container })
  offerOf('n/b/1.1.1', container)
  await settle()
  t.same([stored.length, rejected()], [1, 1], 'the node identified it while the pod existed')
  const ref = { namespace: 'shop', name: 'deleted' }
  runs.note('n', 'n/b/1.1.1', { target: { ...target, ref }, container })
  offerOf('n/b/1.1.1', container)
  await settle()
  t.same([stored.length, rejected()], [1, 2], 'its profile was deleted too')
})

test('an observation is acked when all of it is durable: the finding, its denials, the history', async (t) => {
  const plain = receiver()
  plain.offer('n/b/1', [])
  await settle()
  t.same(plain.acks, [], 'not before the write')
  plain.stored[0]?.()
  await settle()
  t.same(plain.acks, [], 'the history does not have it yet')
  plain.recorded[0]?.()
  await settle()
  matchLists(t, plain.acks, [{ id: 'n/b/1' }], 'nothing else is waited for')
  t.same(plain.saved, [], 'there are no denials to save')

  const both = receiver()
  both.offer('n/b/2', denied)
  both.stored[0]?.()
  both.recorded[0]?.()
  await settle()
  t.same(both.acks, [], 'the denials are not saved yet')
  both.saved[0]?.()
  await settle()
  matchLists(t, both.acks, [{ id: 'n/b/2' }])

  const other = receiver()
  other.offer('n/b/3', denied)
  other.saved[0]?.()
  other.recorded[0]?.()
  await settle()
  t.same(other.acks, [], 'the finding is not written yet')
  other.stored[0]?.()
  await settle()
  matchLists(t, other.acks, [{ id: 'n/b/3' }])
})

test('what an observation does not teach is logged once, and again when it changes', (t) => {
  const { offer, offerUnproven, lines } = receiver()
  const added = (run: () => void): number => {
    const before = lines.length
    run()
    return lines.length - before
  }
  const rows: [what: string, run: () => void, lines: number][] = [
    ['syscalls that nothing proves', () => offerUnproven('n/b/1', ['mount']), 1],
    ['the same, as every second', () => offerUnproven('n/b/1', ['mount']), 0],
    ['one more', () => offerUnproven('n/b/1', ['mount', 'bpf']), 1],
    ['of another container', () => offerUnproven('n/b/2', ['mount']), 1],
    [
      'a part that cannot be read, and is not proven',
      () => offerUnproven('n/b/3', ['NOT A CALL']),
      2
    ],
    ['that again', () => offerUnproven('n/b/3', ['NOT A CALL']), 0],
    ['nothing is left out', () => offer('n/b/1', []), 0],
    ['and then something is again', () => offerUnproven('n/b/1', ['mount', 'bpf']), 1]
  ]
  for (const [what, run, count] of rows) t.equal(added(run), count, what)
  for (let n = 0; n < 5000; n += 1) offerUnproven(`n/c/${n}`, ['mount'])
  t.equal(
    added(() => offerUnproven('n/c/0', ['mount'])),
    1,
    'the oldest are forgotten'
  )
  t.end()
})
