import { setTimeout as delay } from 'node:timers/promises'
import { cleanPins, RecorderInUse } from '../../native/pins.js'
import { openRecorder } from '../../native/recorder.js'
import type { Recorder } from '../../native/types.js'
import type { Capability } from '../../src/api/gen/hub.js'
import { SeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import type { RecordMode } from './record-mode.js'
import type { SatelliteOptions } from '../satellite-types.js'

/** A predecessor that was killed lets go within this time. */
const patienceMs = 3000
const retryMs = 50

export interface OpenedRecorder {
  recorder?: Recorder
  /** Why there is none. */
  reason: string
  /** Whether recording survives this process; none where that was not asked for. */
  capabilities: Capability[]
}

function pinCapability({ pinning }: Recorder, asked: boolean): Capability[] {
  if (!asked) return []
  const message =
    pinning.problem ?? 'recording goes on while the satellite is restarted or upgraded'
  return [{ name: 'pin', works: pinning.problem === undefined, message }]
}

async function patiently<T>(work: () => T): Promise<T> {
  const until = performance.now() + patienceMs
  for (;;) {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof RecorderInUse)) throw error
      if (performance.now() > until) {
        throw new SeccoError('RECORDER_IN_USE', error.message, { cause: error })
      }
      await delay(retryMs)
    }
  }
}

/**
 * Opens the recorder as a satellite does; where nothing can be traced it says why instead. With
 * `off`, what an earlier satellite left pinned is detached.
 * @throws SeccoError RECORDER_IN_USE
 */
export async function openForSatellite(
  record: RecordMode,
  options: Pick<SatelliteOptions, 'pin' | 'slots' | 'btf'>,
  logger: Logger
): Promise<OpenedRecorder> {
  const { pin, slots, btf } = options
  try {
    if (record === 'off') {
      const removed = pin === undefined ? [] : await patiently(() => cleanPins(pin))
      if (removed.length > 0) logger.info({ pin, removed }, 'detached what was pinned')
      return { reason: 'recording is switched off', capabilities: [] }
    }
    const recorder = await patiently(() => openRecorder({ pin, slots, btf }))
    const { pinning } = recorder
    if (pinning.problem !== undefined) logger.warn({ pin }, pinning.problem)
    if (pinning.adopted) logger.info({ pin }, 'adopted what was recorded meanwhile')
    return { recorder, reason: '', capabilities: pinCapability(recorder, pin !== undefined) }
  } catch (error) {
    if (error instanceof SeccoError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    return { reason, capabilities: [] }
  }
}
