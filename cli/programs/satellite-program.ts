import { existsSync, readdirSync } from 'node:fs'
import { cleanPins, RecorderInUse } from '../../native/pins.js'
import { compact, giveBackMemory } from '../../satellite/small-heap.js'
import { SeccoError } from '../../src/lib/errors.js'
import { aborted } from '../lib/aborted.js'
import type { Io } from '../lib/io.js'
import { type NodeOptions, startNode } from './start-node.js'

const settledMs = 15_000

/**
 * `secco satellite`: runs the node agent. SIGTERM restarts or upgrades a service, so the pinned recorder goes on for
 * the next satellite. Ctrl-C ends everything.
 */
export async function runSatellite(
  io: Io,
  options: NodeOptions,
  signal: AbortSignal
): Promise<number> {
  const satellite = await startNode(options)
  const { node, hub, paths, pin } = options
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
  const still = pin !== undefined && existsSync(pin) && readdirSync(pin).length > 0
  if (keep && still) {
    io.stderr(
      `Recording goes on (pinned in ${pin}) until the next satellite starts; to end it: secco satellite --clean\n`
    )
  }
  return 0
}

/** `secco satellite --clean`: detaches and removes what satellites left pinned. */
export function cleanSatellite(io: Io, pin: string): number {
  try {
    const removed = cleanPins(pin)
    io.stdout(
      removed.length === 0
        ? `nothing is pinned in ${pin}\n`
        : `detached and removed ${removed.length} pinned recorder(s) in ${pin}\n`
    )
    return 0
  } catch (cause) {
    if (!(cause instanceof RecorderInUse)) throw cause
    throw new SeccoError('RECORDER_IN_USE', cause.message, {
      cause,
      hint: 'stop the satellite first'
    })
  }
}
