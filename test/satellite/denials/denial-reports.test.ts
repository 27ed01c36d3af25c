import process from 'node:process'
import { test } from 'tap'
import type { DenialDetail } from '../../../native/types.js'
import { AuditedCalls } from '../../../satellite/denials/audited-calls.js'
import { mntnsOf } from '../../../satellite/containers/processes.js'
import { openRegistry } from '../../../satellite/containers/registry.js'
import type { Container } from '../../../satellite/containers/runtime.js'
import { startRecorderLoop } from '../../../satellite/recorder/recorder-loop.js'
import type { Observation, DeniedCalls, SyscallCount } from '../../../src/api/gen/hub.js'
import { createLogger } from '../../../src/lib/log.js'
import { quiet } from '../../helpers/quiet.js'
import { until } from '../../helpers/until.js'
import { oneSlot, type KernelState } from '../one-slot.js'
import { matchLists } from '../../helpers/match-lists.js'

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
  ...{ pid: process.pid, comm: 'web', at: 1n, firstAt: 1n }
}

/** Scans a minute apart: what is reported in between comes from no scan. */
async function watched(state: KernelState) {
  const logger = createLogger('test', quiet)
  const runtime = {
    name: 'runc',
    list: () => Promise.resolve([container]),
    byId: () => Promise.resolve(container),
    version: () => Promise.resolve('')
  }
  const registry = openRegistry([runtime], logger)
  const audited = new AuditedCalls({ mntnsOf: () => undefined, cgroupIdOf: () => undefined })
  const denials: DeniedCalls[] = []
  const observed: Observation[] = []
  const loop = await startRecorderLoop({
    ...{ recorder: oneSlot(state), registry, audited, node: 'n', bootId: 'b', machine: 'x86_64' },
    ...{ logger, attach: false, intervalMs: 60_000 },
    onObservation: (observation) => void observed.push(observation),
    onDenials: (calls) => denials.push(...calls)
  })
  await loop.attach()
  const stop = async () => {
    await loop.stop()
    registry.close()
  }
  return { audited, denials, observed, stop, again: () => loop.resendDenials() }
}

const fresh = (): KernelState => ({
  test: { expected: 1, counted: 1, ok: true },
  ...{ misses: 0, distinct: 1, counts: new Map([[0, 1]]) }
})

test('a denial between two scans is reported before the next one', async (t) => {
  const state = fresh()
  const { denials, stop } = await watched(state)
  t.strictSame(denials, [])
  state.counts = new Map([
    [0, 1],
    [ptrace, 2]
  ])
  state.details = [detail]
  state.moved?.()
  await until('the denial', () => (denials.length > 0 ? true : undefined))
  matchLists(t, denials, [{ container: { id: 'web' }, denied: [{ name: 'ptrace', count: 2 }] }])
  await stop()
})

test('a denial from before the container was seen is reported by the scan that sees it', async (t) => {
  const state = { ...fresh(), counts: new Map([[ptrace, 2]]), details: [detail] }
  const { denials, stop } = await watched(state)
  matchLists(t, denials, [{ denied: [{ name: 'ptrace', count: 2 }] }])
  await stop()
})

test('a restarted hub gets every denial of running containers', async (t) => {
  const state = { ...fresh(), counts: new Map([[ptrace, 2]]), details: [detail] }
  const { denials, stop, again } = await watched(state)
  const all = [{ container: { id: 'web' }, denied: [{ name: 'ptrace', count: 2 }] }]
  matchLists(t, denials, all)
  denials.length = 0
  again()
  await until('all of them', () => (denials.length > 0 ? true : undefined))
  matchLists(t, denials, all)
  t.equal(denials.length, 1, 'once')
  await stop()
})

test('the process of each counted denial is known, also of one during a report', async (t) => {
  const state = fresh()
  const { denials, observed, stop } = await watched(state)
  const getpgid = 121
  state.counts = new Map([[ptrace, 2]])
  state.details = [detail]
  state.onRead = () => {
    state.counts = new Map([
      [ptrace, 2],
      [getpgid, 1]
    ])
    state.details = [detail, { ...detail, nr: getpgid, count: 1, comm: 'late' }]
  }
  state.moved?.()
  await until('the denials', () => (denials.length > 0 ? true : undefined))
  const both = [
    { name: 'getpgid', count: 1, detail: { comm: 'late', pid: process.pid } },
    { name: 'ptrace', count: 2, detail: { comm: 'web' } }
  ]
  const byName = (denied: readonly SyscallCount[] = []) =>
    denied.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  matchLists(t, byName(denials[0]?.denied), both)
  const getsid = 124
  state.onRead = () => {
    state.counts = new Map([[getsid, 1]])
    state.details = [1, 2, 3].map(() => ({ ...detail, nr: getsid, count: 1, comm: 'later' }))
  }
  await stop()
  matchLists(t, observed.at(-1)?.denied, [{ name: 'getsid', detail: { comm: 'later' } }])
})

test('a call that only the audit log has is reported with its arguments', async (t) => {
  const { audited, denials, stop } = await watched(fresh())
  const record = (more: string) =>
    `audit(1795549458.373:7): auid=0 uid=0 gid=0 ses=1 pid=${process.pid} ${more} compat=0 ip=0x7f`
  const call = 'arch=c000003e syscall=135'
  audited.record(1326, record(`comm="web" exe="/web" sig=0 ${call} code=0x7ffc0000`))
  // The kernel writes it a moment later.
  setImmediate(() => {
    audited.record(1300, record(`${call} success=yes exit=0 a0=20 a1=0 a2=7f a3=0`))
  })
  await until('the logged call', () => (denials.length > 0 ? true : undefined))
  const [first] = denials
  matchLists(t, first?.denied, [
    { name: 'personality', detail: { arguments: '0x20 0x0 0x7f 0x0' } }
  ])
  await stop()
})
