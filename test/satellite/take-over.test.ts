import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { cleanPins } from '../../native/pins.js'
import { openRecorder, probeTracing } from '../../native/recorder.js'
import { openRegistry } from '../../satellite/containers/registry.js'
import { satelliteMetrics } from '../../satellite/metrics.js'
import { startRecorderLoop } from '../../satellite/recorder-loop.js'
import { NodeStatus } from '../../src/api/gen/hub.js'
import { createLogger } from '../../src/log.js'
import { quiet } from '../helpers/quiet.js'

const probe = probeTracing()
const skip = probe.available ? false : `nothing can be traced here: ${probe.reason ?? ''}`

test("another release's pins that cannot be read are a loss", { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'secco-take-over-'))
  const mount = join(folder, 'bpf')
  const pin = join(mount, 'secco')
  mkdirSync(mount)
  execFileSync('mount', ['-t', 'bpf', 'bpf', mount])
  t.teardown(() => {
    cleanPins(pin)
    execFileSync('umount', [mount])
    rmSync(folder, { recursive: true })
  })
  for (const layout of ['v0-strange', 'v2-newer']) mkdirSync(join(pin, layout), { recursive: true })
  const said: string[] = []
  const logger = createLogger('test', { write: (line: string) => void said.push(line) })
  const registry = openRegistry([], createLogger('test', quiet))
  const loop = await startRecorderLoop({
    ...{ recorder: openRecorder({ pin, slots: 64 }), registry, logger },
    ...{ node: 'n', bootId: 'b', machine: 'x86_64', selfTest: false, intervalMs: 1000 },
    missed: () => 1,
    onObservation: () => undefined
  })
  t.equal(loop.losses().missed, 3, 'one for each, and those of whoever attaches')
  t.equal(readdirSync(pin).length, 1, 'they are gone')
  t.equal(said.filter((line) => line.includes('cannot be read')).length, 2)
  const metrics = satelliteMetrics({
    status: () => NodeStatus.fromPartial({ losses: loop.losses() }),
    ...{ connected: () => true, waiting: () => 0, held: () => 0 }
  })
  t.match(await metrics.metrics(), /secco_satellite_losses_total\{kind="missed"\} 3/)
  await loop.stop()
  registry.close()
  t.equal(loop.losses().missed, 3)
})
