import { test } from 'tap'
import type { Slot } from '../../../../native/types.js'
import type { Container } from '../../../../satellite/containers/runtime.js'
import {
  type NamedSlot,
  trackSlot,
  withExactness
} from '../../../../satellite/recorder/slots/tracked-slot.js'
import { oneSlot } from '../../one-slot.js'

const [known] = oneSlot({
  distinct: 1,
  misses: 0,
  test: { expected: 1, counted: 1, ok: true }
}).slots()

test('when a slot is reported as complete', (t) => {
  const web: Container = {
    id: 'a',
    runtime: 'runc',
    name: 'web',
    pid: 7,
    status: 'running',
    labels: {}
  }
  const started = { complete: false, started: true, pid: 7 }
  const rows: [
    what: string,
    slot: Partial<Slot>,
    container: Partial<Container>,
    complete: boolean
  ][] = [
    ['its creation was seen', { complete: true, pid: 8 }, {}, true],
    ['its program began later', { ...started, started: false }, {}, false],
    ["its first process is the runtime's", started, {}, true],
    ['it has ended', started, { pid: 0, firstPid: 7 }, true],
    ['another process of it began', { ...started, pid: 8 }, {}, false],
    ['its process is not known', started, { pid: 0 }, false],
    ['an exec', { ...started, part: 'session' }, {}, false]
  ]
  for (const [what, slot, container, complete] of rows) {
    for (const inexact of [false, true]) {
      const named: NamedSlot = {
        ...trackSlot({ ...(known as Slot), ...slot }, 1, 0, { inexact, lostBefore: 0 }),
        container: { ...web, ...container }
      }
      const about = `${what}${inexact ? ', and the recorder may miss calls' : ''}`
      t.equal(withExactness(named).slot.complete, complete && !inexact, about)
    }
  }
  t.end()
})
