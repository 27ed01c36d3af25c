import process from 'node:process'
import { test } from 'tap'
import type { DenialDetail } from '../../../native/types.js'
import { createAuditedCalls } from '../../../satellite/denials/audited-calls.js'
import { mntnsOf } from '../../../satellite/containers/processes.js'
import { openRegistry } from '../../../satellite/containers/registry.js'
import type { Container } from '../../../satellite/containers/runtime.js'
import { startRecorderLoop } from '../../../satellite/recorder/recorder-loop.js'
import type { Observation, RefusedCalls, SyscallCount } from '../../../src/api/gen/hub.js'
import { createLogger } from '../../../src/lib/log.js'
import { quiet } from '../../helpers/quiet.js'
import { until } from '../../helpers/until.js'
import { oneSlot, type Told } from '../one-slot.js'

const ptrace = 101
const container: Container = {
  ...{ id: 'web', runtime: 'runc', name: 'web', pid: process.pid, status: 'running', labels: {} },
  ...{ mntns: mntnsOf(process.pid) ?? 0 },
  seccomp: {
    ...{ defaultAction: 'SCMP_ACT_ERRNO', architectures: ['SCMP_ARCH_X86_64'] },
    syscalls: [
      { names: ['read'], action: 'SCMP_ACT_ALLOW' },
      {
        ...{ names: ['personality'], action: 'SCMP_ACT_LOG' },
        args: [{ index: 0, value: 32, op: 'SCMP_CMP_EQ' }]
      }
    ]
  }
}
const detail: DenialDetail = {
  ...{ index: 0, generation: 1, abi: 'native', nr: ptrace, count: 2, result: -1, succeeded: 0 },
  ...{ pid: process.pid, comm: 'web', at: 1n }
}

/** Looks a minute apart: what comes in between is nobody's look. */
async function watched(told: Told) {
  const logger = createLogger('test', quiet)
  const runtime = {
    name: 'runc',
    list: () => Promise.resolve([container]),
    byId: () => Promise.resolve(container),
    version: () => Promise.resolve('')
  }
  const registry = openRegistry([runtime], logger)
  const audited = createAuditedCalls({ mntnsOf: () => undefined, cgroupIdOf: () => undefined })
  const refused: RefusedCalls[] = []
  const observed: Observation[] = []
  const loop = await startRecorderLoop({
    ...{ recorder: oneSlot(told), registry, audited, node: 'n', bootId: 'b', machine: 'x86_64' },
    ...{ logger, attach: false, intervalMs: 60_000 },
    onObservation: (observation) => void observed.push(observation),
    onRefused: (calls) => refused.push(...calls)
  })
  await loop.attach()
  const stop = async () => {
    await loop.stop()
    registry.close()
  }
  return { audited, refused, observed, stop, again: () => loop.refusedAgain() }
}

const fresh = (): Told => ({
  test: { expected: 1, counted: 1, ok: true },
  ...{ misses: 0, distinct: 1, counts: new Map([[0, 1]]) }
})

test('what is refused between two looks is told before the next', async (t) => {
  const told = fresh()
  const { refused, stop } = await watched(told)
  t.strictSame(refused, [])
  told.counts = new Map([
    [0, 1],
    [ptrace, 2]
  ])
  told.details = [detail]
  told.moved?.()
  await until('the refused call', () => (refused.length > 0 ? true : undefined))
  t.match(refused, [{ container: { id: 'web' }, denied: [{ name: 'ptrace', count: 2 }] }])
  await stop()
})

test('what was refused before the container was met is told by the look that meets it', async (t) => {
  const told = { ...fresh(), counts: new Map([[ptrace, 2]]), details: [detail] }
  const { refused, stop } = await watched(told)
  t.match(refused, [{ denied: [{ name: 'ptrace', count: 2 }] }])
  await stop()
})

test('a hub that was restarted hears of every refused call of what runs', async (t) => {
  const told = { ...fresh(), counts: new Map([[ptrace, 2]]), details: [detail] }
  const { refused, stop, again } = await watched(told)
  const all = [{ container: { id: 'web' }, denied: [{ name: 'ptrace', count: 2 }] }]
  t.match(refused, all)
  refused.length = 0
  again()
  await until('all of them', () => (refused.length > 0 ? true : undefined))
  t.match(refused, all)
  t.equal(refused.length, 1, 'once')
  await stop()
})

test('who asked is known of each call that is counted, also of one that comes while others are told', async (t) => {
  const told = fresh()
  const { refused, observed, stop } = await watched(told)
  const getpgid = 121
  told.counts = new Map([[ptrace, 2]])
  told.details = [detail]
  told.onRead = () => {
    told.counts = new Map([
      [ptrace, 2],
      [getpgid, 1]
    ])
    told.details = [detail, { ...detail, nr: getpgid, count: 1, comm: 'late' }]
  }
  told.moved?.()
  await until('the refused calls', () => (refused.length > 0 ? true : undefined))
  const both = [
    { name: 'getpgid', count: 1, detail: { comm: 'late', pid: process.pid } },
    { name: 'ptrace', count: 2, detail: { comm: 'web' } }
  ]
  const byName = (denied: readonly SyscallCount[] = []) =>
    denied.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  t.match(byName(refused[0]?.denied), both)
  const getsid = 124
  told.onRead = () => {
    told.counts = new Map([[getsid, 1]])
    told.details = [1, 2, 3].map(() => ({ ...detail, nr: getsid, count: 1, comm: 'later' }))
  }
  await stop()
  t.match(observed.at(-1)?.denied, [{ name: 'getsid', detail: { comm: 'later' } }])
})

test('what only the audit log tells of is told with its arguments', async (t) => {
  const { audited, refused, stop } = await watched(fresh())
  const record = (more: string) =>
    `audit(1795549458.373:7): auid=0 uid=0 gid=0 ses=1 pid=${process.pid} ${more} compat=0 ip=0x7f`
  const call = 'arch=c000003e syscall=135'
  audited.record(1326, record(`comm="web" exe="/web" sig=0 ${call} code=0x7ffc0000`))
  // The kernel writes it a moment later.
  setImmediate(() => {
    audited.record(1300, record(`${call} success=yes exit=0 a0=20 a1=0 a2=7f a3=0`))
  })
  await until('the logged call', () => (refused.length > 0 ? true : undefined))
  const [first] = refused
  t.match(first?.denied, [{ name: 'personality', detail: { arguments: '0x20 0x0 0x7f 0x0' } }])
  await stop()
})
