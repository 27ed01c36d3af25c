import { join } from 'node:path'
import { test, type Test } from 'tap'
import { RunningContainer, type RevisionRef } from '../../../../src/api/gen/hub.js'
import { canonicalJson } from '../../../../src/lib/canonical.js'
import { digestOf } from '../../../../src/lib/digest.js'
import { createRig, until } from '../rig.js'

const bytesOf = (...names: string[]) =>
  Buffer.from(
    canonicalJson({
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }]
    })
  )
const older = bytesOf('read', 'write')
const ref: RevisionRef = { namespace: 'shop', profile: 'web', digest: digestOf(older) }

/** A node that answers what it is asked for with these bytes. */
async function nodeWith(t: Test, given: { json?: Buffer; holds?: boolean; runs?: boolean }) {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const asked: string[] = []
  const hub = await rig.hub()
  const running = RunningContainer.fromPartial({
    ...{ key: 'c1@1', container: { id: 'c1', name: 'web' }, declared: 'revision' },
    digest: ref.digest
  })
  const containers = given.runs === true ? [running] : []
  const inventory = { generation: 1, first: true, last: true, containers, gone: [] }
  const uplink = await rig.uplink(hub.address.port, 'n1', {
    holding: () => (given.holds === false ? [] : [ref]),
    onWelcome: () => void uplink.send({ $case: 'inventory', value: inventory }),
    onSendRevision: ({ digest }) => {
      asked.push(digest)
      return Promise.resolve(given.json)
    }
  })
  const isConnected = () => hub.node('n1')?.connected === true
  await until(isConnected, (listener) => hub.onChange(listener))
  await until(
    () => hub.inventory.size() === containers.length,
    (listener) => hub.inventory.onChange(listener)
  )
  return { rig, hub, uplink, asked }
}

test('the hub reads a revision that only a node has, and keeps it', async (t) => {
  const { rig, hub, uplink, asked } = await nodeWith(t, { json: older })
  const [first, second] = await Promise.all([hub.bytes(ref.digest), hub.bytes(ref.digest)])
  t.same(first, older)
  t.same(second, older)
  t.equal(asked.length, 1, 'two readers share an answer')
  await uplink.close()
  t.same(await hub.bytes(ref.digest), older, 'the node is not needed any more')
  await hub.close()
  const next = await rig.hub({ revisionsDir: join(rig.dir, 'revisions') })
  t.same(await next.bytes(ref.digest), older, 'nor is this hub')
})

test('a node without the file has it in a container’s configuration', async (t) => {
  const { hub, asked } = await nodeWith(t, { json: older, holds: false, runs: true })
  t.same(await hub.bytes(ref.digest), older)
  t.same(asked, [ref.digest])
})

test('what has another digest, is no profile, or is not there is not taken', async (t) => {
  for (const [what, json] of [
    ['another revision', bytesOf('read')],
    ['nothing', undefined]
  ] as const) {
    const { hub, asked } = await nodeWith(t, json === undefined ? {} : { json })
    t.equal(await hub.bytes(ref.digest), undefined, what)
    t.equal(await hub.bytes(ref.digest), undefined, what)
    t.equal(asked.length, 1, 'it is not asked for at each read')
  }
  const nobody = await nodeWith(t, { json: older, holds: false })
  t.equal(await nobody.hub.bytes(ref.digest), undefined, 'a node that does not hold it')
  t.equal(await nobody.hub.bytes('nonsense'), undefined)
  t.same(nobody.asked, [])
})
