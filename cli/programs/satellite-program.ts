import { cleanPins } from '../../native/pins.js'
import { compact, giveBackMemory } from '../../satellite/small-heap.js'
import { quoted } from '../../src/lib/shell-word.js'
import { aborted } from '../lib/aborted.js'
import type { Io } from '../lib/io.js'
import { cleanPinned, type PinOwner, printKept } from './pinned-recorder.js'
import { type NodeOptions, startNode } from './start-node.js'

const settledMs = 15_000

const pinOwner = (pin: string): PinOwner => ({
  name: 'the satellite',
  until: 'the next satellite starts',
  clean: `secco satellite --clean --pin ${quoted(pin)}`
})

/**
 * `secco satellite`: runs the node agent. SIGTERM restarts or upgrades a service, so the pinned recorder goes on for
 * the next satellite. Ctrl-C ends everything.
 */
export async function runSatellite(
  io: Io,
  options: NodeOptions,
  signal: AbortSignal
): Promise<number> {
  const { node, hub, paths } = options
  const satellite = await startNode(options)
  io.stderr(
    `satellite ${node} connects to the hub at ${hub}; local socket ${paths.satelliteSocket}\n`
  )
  const { tracingUnavailable } = satellite.status()
  if (tracingUnavailable !== '')
    io.stderr(`Containers cannot be traced here: ${tracingUnavailable}\n`)
  // By then the satellite has started and has read the running containers.
  const settled = setTimeout(compact, settledMs)
  settled.unref()
  const keepMemory = giveBackMemory()
  await aborted(signal)
  clearTimeout(settled)
  keepMemory()
  const keep = signal.reason === 'SIGTERM'
  await satellite.close({ keep })
  const { pinning } = satellite
  printKept(io, pinning, pinOwner(pinning?.folder ?? ''))
  return 0
}

/** `secco satellite --clean`: detaches and removes what satellites left pinned. */
export function cleanSatellite(io: Io, pin: string): number {
  return cleanPinned(io, pinOwner(pin), `in ${pin}`, () => cleanPins(pin).length)
}
