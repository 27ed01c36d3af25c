import { test } from 'tap'
import { mergeObservations } from '../../../satellite/uplink/merge-observations.js'
import { observationOf } from '../../webhook/hub/rig.js'

const unproven = (...names: string[]) => [{ abi: 'x86_64', names }]

test('one observation that proves a call is enough', (t) => {
  const doubtful = observationOf('i', ['mount', 'read'], { unproven: unproven('mount', 'read') })
  const table: [what: string, names: string[], unproven: string[], left: string[]][] = [
    ['nothing of it', ['write'], [], ['mount', 'read']],
    ['one of them', ['mount', 'write'], [], ['read']],
    ['the same doubt', ['mount'], ['mount'], ['mount', 'read']],
    ['all of them', ['mount', 'read'], [], []]
  ]
  for (const [what, names, doubts, left] of table) {
    const other = observationOf('i', names, {
      unproven: doubts.length === 0 ? [] : unproven(...doubts)
    })
    for (const merged of [mergeObservations(doubtful, other), mergeObservations(other, doubtful)]) {
      t.same(merged.unproven.flatMap((one) => one.names).sort(), left, what)
    }
  }
  t.end()
})

test('what ended has ended, what was lost is lost, and the earliest time counts', (t) => {
  const older = observationOf('i', ['read'], {
    ...{ ended: true, complete: true, filtered: true, lost: 3, events: ['start'] },
    ...{ firstSeen: '2026-01-01T00:00:00Z', lastSeen: '2026-01-01T00:10:00Z', revision: 'sha256:a' }
  })
  const newer = observationOf('i', ['read'], {
    ...{ ended: false, complete: false, lost: 1, events: ['stop'] },
    ...{ firstSeen: '2026-01-01T00:05:00Z', lastSeen: '2026-01-01T00:07:00Z' }
  })
  for (const merged of [mergeObservations(older, newer), mergeObservations(newer, older)]) {
    t.match(merged, {
      ...{ ended: true, complete: true, filtered: true, lost: 3, revision: 'sha256:a' },
      ...{ firstSeen: '2026-01-01T00:00:00Z', lastSeen: '2026-01-01T00:10:00Z' }
    })
    t.same([...merged.events].sort(), ['start', 'stop'])
  }
  t.end()
})
