import { test } from 'tap'
import type { Recorder, Slot } from '../../../../native/types.js'
import type { ContainerRegistry } from '../../../../satellite/containers/registry.js'
import type { Container } from '../../../../satellite/containers/runtime.js'
import { createSlotNaming } from '../../../../satellite/recorder/slots/slot-naming.js'
import { isNamed, track } from '../../../../satellite/recorder/slots/tracked.js'
import { collectLog } from '../../../webhook/hub/rig.js'
import { hex, plain } from '../../../helpers/container-facts.js'

test('a container that only its cgroup names is counted, and named better as soon as that is known', async (t) => {
  for (const [what, cgroupName, runtime] of [
    ['a folder', hex, 'unknown'],
    ['a scope of systemd', `cri-containerd-${hex}.scope`, 'containerd'],
    ['a scope of CRI-O', `crio-${hex}.scope`, 'cri-o']
  ] as const) {
    const told: { container?: Container | undefined } = {}
    const registry = {
      find: () => told.container,
      ask: () => Promise.resolve()
    } as unknown as ContainerRegistry
    const ignored: number[] = []
    const recorder = {
      ignore: (index: number) => ignored.push(index)
    } as unknown as Recorder
    const naming = createSlotNaming({ recorder, registry, logger: collectLog().logger })
    const slot = {
      ...{ index: 0, generation: 0, mntns: 7, cgroupId: 5n, nsId: 1n, pid: 1, part: 'entry' },
      ...{ cgroupName, cgroupParent: '', comm: 'app', filtered: false, ignored: false }
    } as unknown as Slot
    const one = track(slot, 0, 0, { inexact: false, lostBefore: 0 })
    t.ok(await naming.name(one, true), what)
    t.match(one.container, { id: hex, name: hex, runtime }, what)
    t.equal(naming.unidentified(), 1, what)
    one.sent = 12
    t.ok(isNamed(one) && naming.learnMore(one))
    t.equal(one.sent, 12, `${what}: nothing is known yet`)
    const half = { 'io.kubernetes.cri.container-type': 'container' }
    told.container = plain({ id: hex, labels: half })
    t.ok(isNamed(one) && naming.learnMore(one))
    t.equal(one.sent, 12, `${what}: the rest of it comes later`)
    told.container = plain({ id: hex, name: 'web' })
    t.ok(isNamed(one) && naming.learnMore(one))
    t.match(one.container, { name: 'web' }, what)
    t.equal(one.sent, -1, `${what}: told again under its name`)

    const next = track(slot, 0, 0, { inexact: false, lostBefore: 0 })
    t.ok(await naming.name(next, true))
    t.equal(naming.unidentified(), 1, `${what}: one whose runtime told is none`)

    told.container = undefined
    const pause = track(slot, 0, 0, { inexact: false, lostBefore: 0 })
    t.ok(await naming.name(pause, true))
    const labels = { 'io.cri-containerd.kind': 'sandbox' }
    told.container = plain({ id: hex, labels })
    t.same(ignored, [])
    t.notOk(isNamed(pause) && naming.learnMore(pause), `${what}: a pod's sandbox`)
    t.same([pause.ignored, ignored], [true, [0]], what)
  }
})
