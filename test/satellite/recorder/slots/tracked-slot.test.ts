import { test } from 'tap'
import type { Slot } from '../../../../native/types.js'
import type { Container } from '../../../../satellite/containers/runtime.js'
import {
  isWaiting,
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
    ['it was created only', { complete: true, isOnlyCreated: true }, { status: 'created' }, false],
    ['nobody has heard that it began', { complete: true }, { status: 'created' }, true],
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

test('what is not reported yet', (t) => {
  const rows: [what: string, isOnlyCreated: boolean, status: Container['status'], boolean][] = [
    ['a container that was created', true, 'created', true],
    ['one whose program began just now', false, 'created', false],
    ['a mount namespace of a process that executes nothing', true, 'running', false],
    ['one that ended before its program began', true, 'stopped', false]
  ]
  for (const [what, isOnlyCreated, status, waits] of rows) {
    const slot: Slot = { ...(known as Slot), isOnlyCreated }
    const container: Container = {
      id: 'a',
      runtime: 'runc',
      name: 'web',
      pid: 7,
      status,
      labels: {}
    }
    const named = { ...trackSlot(slot, 1, 0, { inexact: false, lostBefore: 0 }), container }
    t.equal(isWaiting(named), waits, what)
  }
  t.end()
})
