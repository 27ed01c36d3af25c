import type { NodeStatus, Observation } from '../../../src/api/gen/hub.js'
import { dropOldest } from '../../../src/lib/drop-oldest.js'
import type { Logger } from '../../../src/lib/log.js'
import { profileKey } from '../../../src/rules/profile-state.js'
import type { Cardinality } from './cardinality.js'
import type { Denials } from '../denials/denials.js'
import type { KnownProfile } from '../../../src/rules/profile-label.js'
import type { KnownPod } from '../nodes/hub-cluster.js'
import type { KnownRuns } from './known-runs.js'
import type { ObservationWriter } from './observation-writer.js'
import { type ObservationFinding, readObservation } from './read-observation.js'
import { encode } from '../stream/outbox.js'
import { memoryOf } from './memory-of.js'
import type { Placement, PodCheck } from './pod-check.js'
import type { Rejections, Rejection } from '../stream/rejections.js'
import type { Session } from '../stream/session.js'
import { type Target, targetOf } from '../nodes/workload.js'

interface ObservationReceiverOptions {
  writer: ObservationWriter
  denials: Denials
  rejections: Rejections
  runs: KnownRuns
  cardinality: Cardinality
  /** In a cluster: finds the profile of an observation from what the API server knows. */
  podCheck?: PodCheck
  /** Returns what is known of a pod; undefined: the observation describes its pod itself. */
  podOf: (uid: string) => KnownPod | undefined
  /** Returns a profile by its `profileKey`; undefined when there is none. */
  profileOf: (key: string) => KnownProfile | undefined
  status: (node: string) => NodeStatus | undefined
  /** Called with every observation that was accepted, for the numbers that the store does not keep. */
  noted: (observation: Observation, finding: ObservationFinding) => void
  /** Adds an observation to the history of its workload; resolves when the store has it. */
  recorded: (node: string, observation: Observation, finding: ObservationFinding) => Promise<void>
  /** Resolves after an attempt to write the denials that were noted until now. */
  denialsSaved: () => Promise<void>
  logger: Logger
}

/** ObservationReceiver acks an observation when it is durable, or rejects it with a reason. */
export interface ObservationReceiver {
  (session: Session, observation: Observation): void
  reject(session: Session, observation: Observation, rejection: Rejection): void
}

/** Runs of containers whose omissions are remembered. */
const mostRemembered = 4096

/** Omissions logs what accepted observations do not teach, once for each run of a container. The observations are kept. */
class Omissions {
  readonly #logger: Logger
  /** What was logged last, by run and line. */
  readonly #logged = new Map<string, string>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Logs the omissions of an observation that differ from those of the observation before. */
  note({ id, unreadable, unproven }: ObservationFinding): void {
    if (this.#isNews(`unreadable ${id}`, unreadable))
      this.#logger.warn(
        { id, unreadable: unreadable.slice(0, 5) },
        'observation accepted without parts'
      )
    if (!this.#isNews(`unproven ${id}`, unproven)) return
    const words =
      'syscalls not learned: nothing shows that the filter of the container allowed them'
    this.#logger.info({ id, syscalls: unproven.slice(0, 5) }, words)
  }

  /** A run's observations come every second, and each has all that was recorded until then. */
  #isNews(key: string, omitted: readonly string[]): boolean {
    if (omitted.length === 0) {
      this.#logged.delete(key)
      return false
    }
    const text = omitted.join('\n').slice(0, 1024)
    if (this.#logged.get(key) === text) return false
    this.#logged.delete(key)
    this.#logged.set(key, text)
    dropOldest(this.#logged, mostRemembered)
    return true
  }
}

/** Returns where the last calls of a container belong whose pod is gone. Nobody makes a profile again that is gone too. */
function ofGonePod(
  { runs, profileOf }: Pick<ObservationReceiverOptions, 'runs' | 'profileOf'>,
  { id, container }: Observation,
  node: string
): Target | undefined {
  const target = container && runs.ofGone(node, id, container)
  const { namespace = '', name = '' } = target?.ref ?? {}
  return profileOf(profileKey(namespace, name)) === undefined ? undefined : target
}

export function createObservationReceiver(
  options: ObservationReceiverOptions
): ObservationReceiver {
  const { writer, denials, rejections, runs, cardinality, podCheck } = options
  const omissions = new Omissions(options.logger)

  function reject(session: Session, { id, sequence }: Observation, rejection: Rejection): void {
    const { reason, message, retryAfter = 0 } = rejection
    rejections.note(rejection, { node: session.node, id })
    const value = { id, sequence, reason, message: message.slice(0, 512) }
    session.outbox.send(
      encode({ $case: 'observationRejected', value: { ...value, retryAfterSeconds: retryAfter } })
    )
  }

  function accept(session: Session, observation: Observation, given: Target | undefined): void {
    const { node } = session
    const { id, sequence, container } = observation
    const target =
      given ??
      (container && targetOf(container, options.podOf(container.podUid), options.profileOf))
    const finding = readObservation(observation, node, options.status(node), target)
    if (typeof finding === 'string') {
      reject(session, observation, { reason: 'unreadable', message: finding })
      return
    }
    const { ref } = finding.target
    const profile = profileKey(ref.namespace, ref.name)
    const rejection = cardinality.admit(node, profile, finding.id, performance.now())
    if (rejection !== undefined) {
      reject(session, observation, rejection)
      return
    }
    omissions.note(finding)
    if (container !== undefined && finding.target.isSession !== true)
      runs.note(node, id, { target: finding.target, container })
    denials.note(finding.denials)
    const saved = finding.denials.length === 0 ? undefined : options.denialsSaved()
    options.noted(observation, finding)
    const recorded = options.recorded(node, observation, finding)
    writer.offer(
      node,
      finding,
      () => {
        // A satellite resends what is not acked: no other message has the last denials of a container that ended.
        void Promise.all([saved, recorded]).then(() => session.ack({ id, sequence }))
      },
      (message) => reject(session, observation, { reason: 'profile-full', message })
    )
  }

  function observe(session: Session, observation: Observation): void {
    const { container } = observation
    const run = runs.of(session.node, observation.id, container)
    if (run !== undefined) {
      accept(session, { ...observation, container: run.container }, run.target)
      return
    }
    if (podCheck === undefined || container === undefined) {
      accept(session, observation, undefined)
      return
    }
    const { node } = session
    const place = (answer: Placement): void => {
      const isGone = 'reason' in answer && answer.reason === 'pod-unknown'
      const placed = (isGone ? ofGonePod(options, observation, node) : undefined) ?? answer
      if ('reason' in placed) reject(session, observation, placed)
      else accept(session, observation, placed)
    }
    // At once where it can be: whoever takes observations in turns counts the time.
    const known = podCheck.known(node, container)
    if (known !== undefined) place(known)
    else void podCheck.wait(node, container, memoryOf(observation)).then(place)
  }

  return Object.assign(observe, { reject })
}
