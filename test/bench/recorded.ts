import { machine } from 'node:os'
import { openRecorder } from '../../native/recorder.js'
import { openRegistry } from '../../satellite/containers/registry.js'
import { runcRuntime } from '../../satellite/containers/runc.js'
import { startRecorderLoop } from '../../satellite/recorder/recorder-loop.js'
import type { RecorderLoop } from '../../satellite/recorder/recorder-loop.js'
import type { Losses, Observation } from '../../src/api/gen/hub.js'
import { createLogger } from '../../src/lib/log.js'
import { abisOfMachine } from '../../src/syscalls/abi.js'
import { quiet } from '../helpers/quiet.js'
import { until } from '../helpers/until.js'

/** The satellite's own recorder, registry and loop in this process, reading one `runc --root`. */
export interface Recorded {
  loop: RecorderLoop
  losses(): Losses
  /** Everything that was observed of a container by now. */
  of(id: string): Observation[]
  /** Waits until the satellite says that the container ended, and forgets it. */
  ended(id: string): Promise<Observation[]>
  close(): Promise<void>
}

/** @param own ids of the containers to be recorded: others may run on this machine. */
export async function startRecorded(
  root: string,
  own: (id: string) => boolean,
  slots?: number
): Promise<Recorded> {
  const [abi] = abisOfMachine(machine())
  if (abi === undefined) throw new Error(`no syscall table for ${machine()}`)
  const logger = createLogger('bench', quiet)
  const registry = openRegistry([runcRuntime([root])], logger)
  const seen = new Map<string, Map<string, Observation>>()
  const loop = await startRecorderLoop({
    recorder: openRecorder(slots === undefined ? {} : { slots }),
    registry,
    node: 'bench',
    bootId: 'boot',
    machine: abi,
    logger,
    only: ({ id }) => own(id),
    selfTest: false,
    onObservation: (observation) => {
      const id = observation.container?.id ?? ''
      const all = seen.get(id) ?? new Map<string, Observation>()
      all.set(observation.id, observation)
      seen.set(id, all)
    }
  })
  const of = (id: string): Observation[] => [...(seen.get(id)?.values() ?? [])]
  return {
    loop,
    losses: () => loop.losses(),
    of,
    ended: async (id) => {
      const all = await until(`the end of ${id}`, () => {
        const now = of(id)
        return now.length > 0 && now.every((one) => one.ended) ? now : undefined
      })
      seen.delete(id)
      return all
    },
    close: async () => {
      await loop.stop()
      registry.close()
    }
  }
}

/** ABI and name → exact calls, over all parts of a container; keys as in strace-log.ts. */
export function callsIn(observations: readonly Observation[]): Map<string, number> {
  const calls = new Map<string, number>()
  for (const { abi, syscalls } of observations.flatMap(({ abis }) => abis)) {
    for (const { name, count } of syscalls) {
      calls.set(`${abi}:${name}`, (calls.get(`${abi}:${name}`) ?? 0) + count)
    }
  }
  return calls
}
