import fc from 'fast-check'
import { test } from 'tap'
import { parseArgumentsRecord, parseSeccompRecord } from '../../satellite/denials/audit-record.js'
import { readCgroupName } from '../../satellite/containers/cgroup-name.js'
import { Any, Container as StoredContainer } from '../../satellite/containers/gen/containerd.js'
import { criRecordOf } from '../../satellite/containers/cri-record.js'
import { parseList, parseRecord, stringsOf } from '../../satellite/containers/json.js'
import { parseOciConfig } from '../../satellite/containers/oci-config.js'
import { parseRuncVersion } from '../../satellite/containers/runc-version.js'
import { HubMessage, SatelliteMessage } from '../../src/api/gen/hub.js'
import { firstFault, hostileText, throwsNothing } from '../helpers/hostile-text.js'

const record =
  'audit(1764325200.123:42): auid=0 uid=0 pid=4711 comm="a b" exe="/a" sig=0 arch=c000003e syscall=39 compat=0 ip=0x1 code=0x7ffc0000'
const call =
  'audit(1764325200.123:42): arch=c000003e syscall=39 success=yes exit=0 a0=1 a1=7f00 a2=0 a3=ffffffffffffffff'
const config = JSON.stringify({
  process: { capabilities: { bounding: ['CAP_SYS_ADMIN'] } },
  annotations: { 'io.kubernetes.cri.sandbox-id': 'a' },
  linux: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [] }, maskedPaths: [] }
})

const cri = JSON.stringify({
  Version: 'v1',
  Metadata: {
    ...{ ID: 'a', SandboxID: 's', ImageRef: 'sha256:0' },
    Config: { metadata: { name: 'app' }, labels: { 'io.kubernetes.pod.name': 'web' } }
  }
})

const parsers: [string, readonly string[], (text: string) => unknown][] = [
  ['an audit record', [record], parseSeccompRecord],
  ["an audit record of a call's arguments", [call], parseArgumentsRecord],
  ['an OCI configuration', [config], parseOciConfig],
  ['labels', [config], (text) => stringsOf(parseRecord(text))],
  ['a list', ['["a=b","c"]'], parseList],
  [
    "CRI's record",
    [cri],
    (text) => {
      const value = Buffer.from(text)
      const key = 'io.containerd.cri.container.metadata'
      const extensions = Object.fromEntries([[key, Any.fromPartial({ value })]])
      return criRecordOf(StoredContainer.fromPartial({ id: 'a', extensions }), 'k8s.io')
    }
  ],
  ["runc's version", ['runc version 1.1.5+ds1\nspec: 1.0.2-dev\n'], parseRuncVersion],
  [
    "a cgroup's name",
    ['cri-containerd-abc.scope', 'docker-abc.scope'],
    (text) => readCgroupName(text, text)
  ]
]

for (const [what, samples, parse] of parsers) {
  test(`any text as ${what}`, (t) => {
    t.equal(firstFault(hostileText(samples), parse, throwsNothing), undefined)
    t.end()
  })
}

test('any bytes as messages', (t) => {
  const hello = SatelliteMessage.encode(
    SatelliteMessage.fromPartial({ body: { $case: 'hello', value: { node: 'a', version: '1' } } })
  ).finish()
  const container = {
    id: 'a',
    labels: Object.fromEntries([
      ['__proto__', 'x'],
      ['app', 'web']
    ])
  }
  const observed = SatelliteMessage.encode(
    SatelliteMessage.fromPartial({
      body: { $case: 'observations', value: { observations: [{ container }] } }
    })
  ).finish()
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .record({
        base: fc.constantFrom(hello, observed),
        from: fc.nat(),
        put: fc.uint8Array({ maxLength: 20 })
      })
      .map(({ base, from, put }) => {
        const at = from % (base.length + 1)
        return Uint8Array.from([...base.subarray(0, at), ...put, ...base.subarray(at + (from % 3))])
      })
  )
  // What gRPC calls them with; an error ends the one call.
  const mayThrow = (error: unknown) => error instanceof Error && !(error instanceof TypeError)
  for (const message of [SatelliteMessage, HubMessage]) {
    t.equal(
      firstFault(bytes, (input) => message.decode(input), mayThrow),
      undefined
    )
  }
  t.end()
})
