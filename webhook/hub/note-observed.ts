import { nodeOf } from '../../src/api/instance-id.js'
import type { Observation } from '../../src/api/gen/hub.js'
import type { DenialRows } from './denials/denial-rows.js'
import { clockAt } from './history/heard-times.js'
import { endOf } from './history/observed-history.js'
import type { Discovery } from './observations/discovery.js'
import type { ObservationFinding } from './observations/read-observation.js'

interface Records {
  discovery: Pick<Discovery, 'note'>
  denialRows: Pick<DenialRows, 'end'>
  denialSaver: { changed: () => void }
}

/** Notes what the store does not keep of an observation: its numbers, and the end of the container for its denials. */
export function noteObserved(
  { discovery, denialRows, denialSaver }: Records,
  observation: Observation,
  finding: ObservationFinding
): void {
  discovery.note(observation, finding)
  if (!finding.ended || finding.part !== 'entry') return
  const { ended } = endOf(finding, observation.endedAt, clockAt(new Date().toISOString()))
  if (ended === undefined) return
  const { id: instance } = finding
  const container = observation.container?.id ?? ''
  denialRows.end({ node: nodeOf(instance), container, instance }, ended)
  denialSaver.changed()
}
