import { test } from 'tap'
import {
  containerFromName,
  findContainer,
  identityOf
} from '../../../satellite/containers/identify.js'
import { hex, slot, plain } from '../../helpers/container-facts.js'

test('a slot belongs to one container', (t) => {
  const web = plain({})
  t.equal(findContainer(slot({}), [web]), web)
  t.equal(findContainer(slot({ cgroupName: 'odd', mntns: 9 }), [web]), web, 'by cgroup id alone')
  const before = plain({ cgroupId: 50n, mntns: 6 })
  const v1 = plain({ cgroupId: 1n })
  t.equal(findContainer(slot({}), [before]), undefined, 'an earlier one with that id')
  t.equal(
    findContainer(slot({ cgroupId: 101n, cgroupName: 'new' }), [web]),
    undefined,
    'mount namespace numbers are reused: the other cgroup tells'
  )
  t.equal(
    findContainer(slot({ cgroupId: 1n, cgroupName: '' }), [v1]),
    v1,
    'version 1: by mount namespace'
  )
  const [first, second] = [11, 12].map((firstPid) => {
    const gone = { ...web, id: `v1-${firstPid}`, pid: 0, firstPid }
    Reflect.deleteProperty(gone, 'cgroupId')
    return gone
  })
  if (first === undefined || second === undefined) throw new Error('no containers')
  const onV1 = { cgroupId: 1n, cgroupName: '' }
  t.equal(findContainer(slot({ ...onV1, pid: 11 }), [first, second]), first, 'v1, after the end')
  t.equal(findContainer(slot({ ...onV1, pid: 12 }), [first, second]), second, 'v1, same mntns')
  t.equal(findContainer(slot({ ...onV1, pid: 13 }), [first, second]), undefined)
  t.equal(findContainer(slot({ ...onV1, pid: 11, mntns: 9 }), [first]), undefined)
  const root = { cgroupId: 1n, cgroupName: '' }
  t.equal(
    findContainer(slot({ ...root, pid: web.pid, part: 'entry' }), [web]),
    web,
    'and by the process that it began with'
  )
  t.equal(
    findContainer(slot({ ...root, pid: web.pid + 1, part: 'entry' }), [web]),
    undefined,
    'a mount namespace number alone may have a new owner'
  )
  t.equal(
    findContainer(slot({ ...root, part: 'entry' }), [{ ...v1, pid: 0 }]),
    undefined,
    'a number of a container that has ended may have a new owner'
  )
  t.equal(
    findContainer(slot({ cgroupId: 7n, cgroupName: 'inner', cgroupParent: 'web' }), [web]),
    web,
    'a cgroup of its own inside'
  )
  const named = containerFromName(slot({ cgroupName: `docker-${hex}.scope` }))
  t.match(named, { id: hex, name: hex, runtime: 'docker', pid: 0 })
  t.match(containerFromName(slot({})), { id: 'web', runtime: 'unknown' })
  t.strictSame(identityOf(slot({ cgroupName: 'x.service' }), undefined), { kind: 'other' })
  const pause = plain({ labels: { 'io.cri-containerd.kind': 'sandbox' } })
  t.strictSame(identityOf(slot({}), pause), { kind: 'other' })
  t.end()
})
