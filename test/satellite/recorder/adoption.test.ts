import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { launchCommand } from '../../../native/launcher.js'
import { cleanPins } from '../../../native/pins.js'
import { openRecorder, probeTracing } from '../../../native/recorder.js'
import { openRegistry } from '../../../satellite/containers/registry.js'
import { startSatellite } from '../../../satellite/main.js'
import { satelliteMetrics } from '../../../satellite/metrics.js'
import { startRecorderLoop } from '../../../satellite/recorder/recorder-loop.js'
import { NodeStatus } from '../../../src/api/gen/hub.js'
import { createLogger } from '../../../src/lib/log.js'
import { quiet } from '../../helpers/quiet.js'

const probe = probeTracing()
const skip = probe.available ? false : `nothing can be traced here: ${probe.reason ?? ''}`

const write = 1

/** A new pin folder, and the folder that contains it. */
function pinFolder(t: Test): { folder: string; pin: string } {
  const folder = mkdtempSync(join(tmpdir(), 'secco-adoption-'))
  const mount = join(folder, 'bpf')
  const pin = join(mount, 'secco')
  mkdirSync(mount)
  execFileSync('mount', ['-t', 'bpf', 'bpf', mount])
  t.teardown(() => {
    cleanPins(pin)
    execFileSync('umount', [mount])
    rmSync(folder, { recursive: true })
  })
  return { folder, pin }
}

test("another release's pins that cannot be read are a loss", { skip }, async (t) => {
  const { pin } = pinFolder(t)
  for (const layout of ['v0-strange', 'v2-newer']) mkdirSync(join(pin, layout), { recursive: true })
  const lines: string[] = []
  const logger = createLogger('test', { write: (line: string) => void lines.push(line) })
  const registry = openRegistry([], createLogger('test', quiet))
  const loop = await startRecorderLoop({
    ...{ recorder: openRecorder({ pin, slots: 64 }), registry, logger },
    ...{ node: 'n', bootId: 'b', machine: 'x86_64', selfTest: false, intervalMs: 1000 },
    missed: () => 1,
    onObservation: () => undefined
  })
  t.equal(loop.losses().missed, 3, 'one for each, and those that the caller counted')
  t.equal(readdirSync(pin).length, 1, 'they are gone')
  t.equal(lines.filter((line) => line.includes('cannot be read')).length, 2)
  const metrics = satelliteMetrics({
    status: () => NodeStatus.fromPartial({ losses: loop.losses() }),
    ...{ connected: () => true, waiting: () => 0, held: () => 0 }
  })
  t.match(await metrics.metrics(), /secco_satellite_losses_total\{kind="missed"\} 3/)
  await loop.stop()
  registry.close()
  t.equal(loop.losses().missed, 3)
})

test('what another release recorded in its own layout is a loss', { skip }, async (t) => {
  const { folder, pin } = pinFolder(t)
  const old = openRecorder({ pin, slots: 256 })
  old.attach()
  const cat = await launchCommand(['cat'], { filter: true, stdio: 'pipe' })
  const { stdin, stdout } = cat.process
  if (stdin === null || stdout === null) throw new Error('no pipes')
  cat.go()
  const echo = async (): Promise<void> => {
    stdin.write('1')
    await once(stdout, 'data')
  }
  await echo()
  const recorded = old.slots().filter(({ ignored }) => !ignored)
  t.ok(recorded.some(({ pid }) => pid === cat.pid))
  old.stop({ keep: true })
  mkdirSync(join(pin, 'v0-strange'))

  const satellite = await startSatellite({
    ...{ node: 'n', logger: createLogger('test', quiet), pin, slots: 512 },
    seccompRoot: join(folder, 'seccomp'),
    runcRoots: [join(folder, 'runc')],
    containerdSocket: join(folder, 'none.sock'),
    connect: () => ({
      offer: () => undefined,
      report: () => undefined,
      statusChanged: () => undefined,
      connected: false,
      durable: () => Promise.resolve(),
      flush: () => Promise.resolve(),
      close: () => Promise.resolve()
    })
  })
  const missed = satellite.status().losses?.missed ?? 0
  t.ok(missed > recorded.length, `${missed}: each container, and pins that cannot be read`)
  await echo()
  await satellite.close({ keep: true })

  const recorder = openRecorder({ pin, slots: 512 })
  t.teardown(() => recorder.stop())
  t.ok(recorder.pinning.adopted)
  const slot = recorder.slots().find(({ pid }) => pid === cat.pid)
  t.match(slot, { complete: false }, 'its start is not known')
  t.ok(recorder.read(slot?.index ?? -1, slot?.generation ?? -1)?.native.has(write))
  t.equal(readdirSync(pin).length, 1)
  stdin.end()
  await cat.ended
})
