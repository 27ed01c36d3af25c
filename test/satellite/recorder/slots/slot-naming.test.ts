import { test } from 'tap'
import type { Recorder, Slot } from '../../../../native/types.js'
import { type ContainerRegistry, openRegistry } from '../../../../satellite/containers/registry.js'
import type { Container, ContainerRuntime } from '../../../../satellite/containers/runtime.js'
import { SlotNaming } from '../../../../satellite/recorder/slots/slot-naming.js'
import { isNamed, trackSlot } from '../../../../satellite/recorder/slots/tracked-slot.js'
import { collectLog } from '../../../webhook/hub/rig.js'
import { hex, plain } from '../../../helpers/container-facts.js'

const slotOf = (cgroupName: string): Slot =>
  ({
    ...{ index: 0, generation: 0, mntns: 7, cgroupId: 5n, nsId: 1n, pid: 1, part: 'entry' },
    ...{ cgroupName, cgroupParent: '', comm: 'app', filtered: false, ignored: false }
  }) as unknown as Slot

test('a container known only by its cgroup is counted, and gets its name when a runtime reports it', async (t) => {
  for (const [what, cgroupName, runtime] of [
    ['a folder', hex, 'unknown'],
    ['a scope of systemd', `cri-containerd-${hex}.scope`, 'containerd'],
    ['a scope of CRI-O', `crio-${hex}.scope`, 'cri-o']
  ] as const) {
    const known: { container?: Container | undefined } = {}
    const registry = {
      hasPodLabels: true,
      find: () => known.container,
      ask: () => Promise.resolve()
    } as unknown as ContainerRegistry
    const ignored: number[] = []
    const names: number[] = []
    const recorder = {
      name: (index: number) => names.push(index),
      ignore: (index: number) => ignored.push(index)
    } as unknown as Recorder
    const naming = new SlotNaming({ recorder, registry, logger: collectLog().logger })
    const slot = slotOf(cgroupName)
    const one = trackSlot(slot, 0, 0, { inexact: false, lostBefore: 0 })
    t.ok(await naming.name(one, true), what)
    t.match(one.container, { id: hex, name: hex, runtime }, what)
    t.equal(naming.unidentified, 1, what)
    t.same(names, [0], `${what}: the kernel side knows that it is a container`)
    one.sent = 12
    t.ok(isNamed(one) && naming.update(one))
    t.equal(one.sent, 12, `${what}: nothing new yet`)
    const half = { 'io.kubernetes.cri.container-type': 'container' }
    known.container = plain({ id: hex, labels: half })
    t.ok(isNamed(one) && naming.update(one))
    t.equal(one.sent, 12, `${what}: the rest comes later`)
    known.container = plain({ id: hex, name: 'web' })
    t.ok(isNamed(one) && naming.update(one))
    t.match(one.container, { name: 'web' }, what)
    t.equal(one.sent, -1, `${what}: sent again under its name`)

    const next = trackSlot(slot, 0, 0, { inexact: false, lostBefore: 0 })
    t.ok(await naming.name(next, true))
    t.equal(naming.unidentified, 1, `${what}: one that a runtime reported is not counted`)

    known.container = undefined
    const pause = trackSlot(slot, 0, 0, { inexact: false, lostBefore: 0 })
    t.ok(await naming.name(pause, true))
    const labels = { 'io.cri-containerd.kind': 'sandbox' }
    known.container = plain({ id: hex, labels })
    t.same(ignored, [])
    t.notOk(isNamed(pause) && naming.update(pause), `${what}: a pod's sandbox`)
    t.same([pause.ignored, ignored], [true, [0]], what)
  }
})

test('labels of a pod are waited for only if a runtime has them', async (t) => {
  const half = plain({
    id: hex,
    name: 'web',
    labels: { 'io.kubernetes.cri.container-type': 'container' }
  })
  // [a runtime has them, the slot is named at once]
  for (const [hasPodLabels, isNamedAtOnce] of [
    [true, false],
    [false, true]
  ] as const) {
    let asked = 0
    const registry = {
      hasPodLabels,
      find: () => half,
      ask: () => Promise.resolve(void (asked += 1))
    } as unknown as ContainerRegistry
    const recorder = { name: () => true, ignore: () => undefined } as unknown as Recorder
    const naming = new SlotNaming({ recorder, registry, logger: collectLog().logger })
    const slot = slotOf(`cri-containerd-${hex}.scope`)
    const one = trackSlot(slot, 0, performance.now(), { inexact: false, lostBefore: 0 })
    t.equal(await naming.name(one, false), isNamedAtOnce, String(hasPodLabels))
    t.equal(asked, hasPodLabels ? 1 : 0)
    t.equal(isNamed(one), isNamedAtOnce)
  }

  for (const [names, expected] of [
    [['runc', 'containerd', 'docker'], true],
    [['runc', 'docker'], false]
  ] as const) {
    const runtimes = names.map((name) => ({ name }) as unknown as ContainerRuntime)
    const registry = openRegistry(runtimes, collectLog().logger)
    t.equal(registry.hasPodLabels, expected, names.join())
    registry.close()
  }
})
