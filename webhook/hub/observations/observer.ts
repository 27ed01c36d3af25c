import type { NodeStatus, Observation, SatelliteMessage } from '../../../src/api/gen/hub.js'
import type { Logger } from '../../../src/lib/log.js'
import { profileKey } from '../../../src/rules/profile-state.js'
import type { Cardinality } from './cardinality.js'
import type { Denials } from '../denials/denials.js'
import type { KnownPod } from '../nodes/hub-cluster.js'
import type { Intake } from './intake.js'
import { type Finding, readObservation } from './observations.js'
import { encode } from '../stream/outbox.js'
import type { PodCheck } from './pod-check.js'
import type { Refusals, Refused } from '../stream/refusals.js'
import type { Session } from '../stream/session.js'
import { type Target, targetOf } from '../nodes/workload.js'

export interface ObserverOptions {
  intake: Intake
  denials: Denials
  refusals: Refusals
  cardinality: Cardinality
  /** In a cluster: whose an observation is, by the API server's word. */
  podCheck?: PodCheck
  /** What is known of a pod otherwise; undefined: the observation's own words. */
  podOf: (uid: string) => KnownPod | undefined
  status: (node: string) => NodeStatus | undefined
  /** Told of everything that was taken in, with the numbers that the store does not keep. */
  noted: (observation: Observation, finding: Finding) => void
  /** Resolves when the denials that were noted until now are written, or could not be. */
  denialsSaved: () => Promise<void>
  logger: Logger
}

/** Takes in what satellites observed: acked when it is durable, refused with the reason, never silent. */
export interface Observer {
  (session: Session, observation: Observation): void
  refuse(session: Session, observation: Observation, refused: Refused): void
}

/** Those that a message brings; undefined: it is about something else. */
export function observationsOf(
  body: NonNullable<SatelliteMessage['body']>
): readonly Observation[] | undefined {
  if (body.$case === 'observations') return body.value.observations
  return body.$case === 'observation' ? [body.value] : undefined
}

export function createObserver(options: ObserverOptions): Observer {
  const { intake, denials, refusals, cardinality, podCheck, logger } = options

  function refuse(session: Session, { id, sequence }: Observation, refused: Refused): void {
    const { reason, message, retryAfter = 0 } = refused
    refusals.note(refused, { node: session.node, id })
    const value = { id, sequence, reason, message: message.slice(0, 512) }
    session.outbox.send(
      encode({ $case: 'observationRefused', value: { ...value, retryAfterSeconds: retryAfter } })
    )
  }

  function take(session: Session, observation: Observation, given: Target | undefined): void {
    const { node } = session
    const { id, sequence, container } = observation
    const target = given ?? (container && targetOf(container, options.podOf(container.podUid)))
    const finding = readObservation(observation, node, options.status(node), target)
    if (typeof finding === 'string') {
      refuse(session, observation, { reason: 'unreadable', message: finding })
      return
    }
    const { ref } = finding.target
    const profile = profileKey(ref.namespace, ref.name)
    const refused = cardinality.admit(node, profile, finding.id, Date.now())
    if (refused !== undefined) {
      refuse(session, observation, refused)
      return
    }
    if (finding.dropped.length > 0) {
      const dropped = finding.dropped.slice(0, 5)
      logger.warn({ node, id, dropped }, 'parts of an observation dropped')
    }
    denials.note(finding.denials)
    const saved = options.denialsSaved()
    options.noted(observation, finding)
    intake.offer(
      node,
      finding,
      () => {
        const ack = () => session.ack({ id, sequence })
        // A satellite repeats what is not acked: the last denials of a container that has ended are in no other message.
        if (finding.denials.length === 0) ack()
        else void saved.then(ack)
      },
      (message) => refuse(session, observation, { reason: 'profile-full', message })
    )
  }

  function observe(session: Session, observation: Observation): void {
    const { container } = observation
    if (podCheck === undefined || container === undefined) {
      take(session, observation, undefined)
      return
    }
    void podCheck.check(session.node, container).then((answer) => {
      if ('reason' in answer) refuse(session, observation, answer)
      else take(session, observation, answer)
    })
  }

  return Object.assign(observe, { refuse })
}
