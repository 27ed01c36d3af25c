import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'tap'
import { packageRoot } from '../../../../native/paths.js'
import { probeTracing } from '../../../../native/recorder.js'
import { startSatellite } from '../../../../satellite/main.js'
import { possibleDenials } from '../../../../satellite/recorder/slots/possible-denials.js'
import { mergeObservations } from '../../../../satellite/uplink/merge-observations.js'
import type { AbiNames, Observation } from '../../../../src/api/gen/hub.js'
import type { LinuxSeccomp } from '../../../../src/api/seccomp-profile.js'
import { createLogger } from '../../../../src/lib/log.js'
import { quiet } from '../../../helpers/quiet.js'
import { makeBundle, makeRootfs, run } from '../../../helpers/runc-bundle.js'
import { until } from '../../../helpers/until.js'
import { createRig, observationOf } from '../../../webhook/hub/rig.js'

const probe = probeTracing()
const skip = probe.available ? false : (probe.reason ?? 'nothing can be traced')

/** Denies getpriority only, which nothing but the test program calls. */
const denying = (action: 'SCMP_ACT_ERRNO' | 'SCMP_ACT_TRAP'): LinuxSeccomp => ({
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names: ['getpriority'], action }]
})

test('denials of an unknown filter are not learned', { skip }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-possible-'))
  const rootfs = await makeRootfs()
  const source = join(packageRoot(), 'test', 'satellite', 'denied.c')
  await run('gcc', ['-O1', '-static', '-o', join(rootfs, 'denied'), source])
  const rig = await createRig()
  const hub = await rig.hub({})
  const offered: Observation[] = []
  const satellite = await startSatellite({
    node: 'n1',
    connect: rig.connector(hub.address.port, 'n1', offered),
    seccompRoot: join(folder, 'seccomp'),
    // The runtime's state is in another folder than the satellite reads.
    runcRoots: [join(folder, 'elsewhere')],
    containerdSocket: join(folder, 'none.sock'),
    logger: createLogger('test', quiet)
  })
  const bundles: string[] = []
  t.teardown(async () => {
    await satellite.close()
    await rig.dispose()
    for (const path of [...bundles, folder, dirname(rootfs)])
      await rm(path, { recursive: true, force: true })
  })
  const runToEnd = async (
    id: string,
    args: string[],
    action: 'SCMP_ACT_ERRNO' | 'SCMP_ACT_TRAP'
  ): Promise<Observation> => {
    const bundle = await makeBundle(rootfs, {
      args: ['/denied', ...args],
      seccomp: denying(action)
    })
    bundles.push(bundle)
    await run('runc', ['--root', join(folder, 'runc'), 'run', '--bundle', bundle, id])
    return await until(
      `the end of ${id}`,
      () => offered.findLast((one) => one.container?.id === id && one.ended),
      { timeoutMs: 60_000 }
    )
  }
  const learned = async (id: string): Promise<string[]> => {
    const profile = await until(`the profile of ${id}`, async () => {
      const found = await rig.store.get('SeccompProfile', { namespace: 'default', name: id })
      return found?.status?.instances?.some(({ ended }) => ended) === true ? found : undefined
    })
    return profile.status?.observed?.x86_64 ?? []
  }

  const first = `secco-possible-${process.pid}-1`
  const end = await runToEnd(first, ['denied', '3', 'allowed', '20'], 'SCMP_ACT_ERRNO')
  t.match(end, { filtered: true, denied: [], container: { runtime: 'unknown' } })
  const unproven = end.unproven.find(({ abi }) => abi === 'x86_64')?.names ?? []
  t.ok(unproven.includes('getpriority'), 'denied by the filter')
  t.ok(unproven.includes('sethostname'), 'EPERM from the kernel: it may have been a denial')
  t.notOk(unproven.includes('close') || unproven.includes('execve'), 'EBADF is no denial')
  const observed = await learned(first)
  t.notOk(observed.includes('getpriority') || observed.includes('sethostname'))
  t.ok(observed.includes('close') && observed.includes('execve') && observed.length > 8)
  await rig.log.seen(/getpriority.*syscalls not learned: nothing shows/)

  const second = `secco-possible-${process.pid}-2`
  const trapped = await runToEnd(second, ['children', '2'], 'SCMP_ACT_TRAP')
  t.ok(
    trapped.unproven.some(({ names }) => names.includes('getpriority')),
    'a signal is a denial'
  )
  t.notOk((await learned(second)).includes('getpriority'))
})

test('one observation that proves a call is enough', (t) => {
  const detail = {
    ...{ index: 0, generation: 0, abi: 'native' as const, nr: 140, count: 2, result: -1 },
    ...{ succeeded: 0, pid: 1, comm: 'x', at: 1n, firstAt: 1n }
  }
  const counts = (count: number) => [
    { abi: 'x86_64', syscalls: [{ name: 'getpriority', count, action: '', detail: undefined }] }
  ]
  const names: AbiNames[] = [{ abi: 'x86_64', names: ['getpriority'] }]
  t.strictSame(possibleDenials(counts(2), [detail], 'x86_64'), names)
  t.strictSame(possibleDenials(counts(3), [detail], 'x86_64'), [], 'one of three was allowed')
  t.strictSame(possibleDenials(counts(2), [], 'x86_64'), [])

  const doubtful = { ...observationOf('x', ['getpriority', 'read']), unproven: names }
  const proven = observationOf('x', ['getpriority'])
  t.strictSame(mergeObservations(doubtful, doubtful).unproven, names)
  t.strictSame(mergeObservations(doubtful, observationOf('x', ['read'])).unproven, names)
  t.strictSame(mergeObservations(doubtful, proven).unproven, [])
  t.strictSame(mergeObservations(proven, doubtful).unproven, [])
  t.end()
})
