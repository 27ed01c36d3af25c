import { test } from 'tap'
import type { DueSlots } from '../../../../satellite/recorder/slots/due-slots.js'
import { observationId } from '../../../../satellite/recorder/slots/observation.js'
import { resendObservations } from '../../../../satellite/recorder/slots/resend.js'
import type { TrackedSlot } from '../../../../satellite/recorder/slots/tracked-slot.js'

const tracked = (cgroupId: bigint, id: string | undefined, ended = false) =>
  ({
    slot: { mntns: 1, cgroupId, generation: 1, part: 'entry' },
    ...(id === undefined ? {} : { container: { id } }),
    ...{ ended, sent: 7, dueAt: Infinity }
  }) as unknown as TrackedSlot

test('observations are sent again by their ids, or by those of their containers', (t) => {
  const slots = {
    web: tracked(1n, 'c1'),
    probe: tracked(2n, 'c1'),
    api: tracked(3n, 'c2'),
    gone: tracked(4n, 'c1', true),
    unnamed: tracked(5n, undefined)
  }
  const idOf = (name: keyof typeof slots) => observationId('node/boot', slots[name].slot)
  for (const [what, ids, expected] of [
    ['a container', ['c1'], ['web', 'probe']],
    ['an observation', [idOf('api')], ['api']],
    ['one whose container is not known', [idOf('unnamed')], ['unnamed']],
    ['one that has ended', [idOf('gone')], []],
    ['nothing', [''], []]
  ] as const) {
    for (const one of Object.values(slots)) Object.assign(one, { sent: 7, dueAt: Infinity })
    let rescans = 0
    const due = { rescan: () => (rescans += 1) } as unknown as DueSlots
    resendObservations(new Map(Object.entries(slots)), due, 'node/boot', ids)
    const again = Object.entries(slots).filter(([, one]) => one.sent === -1)
    t.same(
      again.map(([name]) => name),
      expected,
      what
    )
    t.ok(again.every(([, one]) => one.dueAt < Infinity))
    t.equal(rescans, 1)
  }
  t.end()
})
