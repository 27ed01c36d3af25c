import { test } from 'tap'
import { imageDigestOf } from '../../../satellite/containers/image-labels.js'
import { AuditedCalls } from '../../../satellite/denials/audited-calls.js'
import { mergeObservations } from '../../../satellite/uplink/merge-observations.js'
import { Observation } from '../../../src/api/gen/hub.js'

test('the first time of a denial in the audit log', (t) => {
  const noProcess = { mntnsOf: () => undefined, cgroupIdOf: () => undefined }
  const audited = new AuditedCalls(noProcess)
  const slot = { ...{ index: 0, generation: 1, mntns: 5, cgroupId: 9n, part: 'entry' as const } }
  audited.addProcesses(slot, [7])
  const facts = 'auid=0 uid=0 gid=0 ses=1 pid=7 comm="app" exe="/app" sig=0 arch=c000003e'
  for (const second of ['1000.000', '1007.500']) {
    const call = 'syscall=124 compat=0 ip=0x1 code=0x7ffc0000'
    audited.record(1326, `audit(${second}:${second.slice(0, 4)}): ${facts} ${call}`)
  }
  const [counted] = audited.join(slot, [], () => ({ kind: 'conditional' }))
  t.match(counted, { name: 'getsid', count: 2 })
  t.match(counted?.detail, { firstAt: '1970-01-01T00:16:40.000Z', at: '1970-01-01T00:16:47.500Z' })
  t.end()
})

test('a restart of the satellite does not make the first time later', (t) => {
  const of = (count: number, firstAt: string | undefined) =>
    Observation.fromPartial({
      id: 'n/b/1',
      denied: [{ name: 'getsid', count, action: 'A', detail: { abi: 'x86_64', firstAt } }]
    })
  for (const [what, older, newer, first, count] of [
    ['more in the newer', of(2, '10:00'), of(5, '11:00'), '10:00', 5],
    ['more in the older', of(9, '11:00'), of(5, '10:00'), '10:00', 9],
    ['an older release', of(2, undefined), of(5, '11:00'), '11:00', 5],
    ['none', of(2, undefined), of(5, undefined), undefined, 5]
  ] as const) {
    const [denied] = mergeObservations(older, newer).denied
    t.equal(denied?.detail?.firstAt, first, what)
    t.equal(denied?.count, count, what)
  }
  t.end()
})

test('of as many calls the later note counts, whichever comes first', (t) => {
  const of = (at: string, comm: string) =>
    Observation.fromPartial({
      id: 'n/b/1',
      denied: [{ name: 'getsid', count: 3, action: 'A', detail: { abi: 'x86_64', at, comm } }]
    })
  const table: [what: string, one: Observation, other: Observation][] = [
    ['two notes', of('11:00', 'late'), of('10:00', 'early')],
    ['a count without a note', of('11:00', 'late'), of('', '')]
  ]
  for (const [what, one, other] of table)
    for (const merged of [mergeObservations(one, other), mergeObservations(other, one)])
      t.match(merged.denied, [{ count: 3, detail: { at: '11:00', comm: 'late' } }], what)
  t.end()
})

test('the digest of an image, from what runtimes call its id', (t) => {
  const hex = 'a1'.repeat(32)
  for (const id of [hex, `sha256:${hex}`])
    t.same(imageDigestOf(id), { imageDigest: `sha256:${hex}` })
  for (const id of ['', 'nginx:1.25', `sha512:${hex}`, undefined, 7]) t.same(imageDigestOf(id), {})
  t.end()
})
