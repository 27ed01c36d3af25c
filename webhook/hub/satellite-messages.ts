import {
  Observation,
  type Revision,
  type RevisionStatus,
  type SatelliteMessage,
  type TraceCounts
} from '../../src/api/gen/hub.js'
import { dropOldest } from '../../src/lib/drop-oldest.js'
import type { Logger } from '../../src/lib/log.js'
import { type Bucket, createBucket } from '../../src/lib/pace.js'
import type { Fleet } from './fleet.js'
import type { Nodes } from './nodes/nodes.js'
import type { HubLimits } from './observations/cardinality.js'
import { isNodeReport, type NodeReport } from './observations/node-reports.js'
import { memoryOf } from './observations/memory-of.js'
import { Collections } from './observations/collections.js'
import { type IntakeLoad, ObservationIntake } from './observations/observation-intake.js'
import type { ObservationReceiver } from './observations/observation-receiver.js'
import { limitedStatus } from './stream/limited-status.js'
import type { Rejections } from './stream/rejections.js'
import type { Session } from './stream/session.js'
import { messageSize, observationsOf } from './stream/stream-service.js'

/** Lines of the log about revisions that one node could not make ready: per second, and at once. */
const lines = { perSecond: 1, burst: 200 }
/** Nodes of which lines are counted: one that is forgotten may write as many at once again. */
const mostCounted = 10_000
const longestMessage = 512

type Body = NonNullable<SatelliteMessage['body']>

interface SatelliteMessagesOptions {
  nodes: Nodes
  fleet: Fleet
  observe: ObservationReceiver
  report: (node: string, report: NodeReport) => void
  /** Called with a revision that this hub asked for. */
  sent: (session: Session, revision: Revision) => void
  traced: (session: Session, counts: TraceCounts) => void
  /** Returns how many observations of a node wait until their pods are known. */
  placing: (node: string) => number
  rejections: Rejections
  limits: Pick<HubLimits, 'observationBytes' | 'statusBytes'>
  logger: Logger
  /** Called when a message changed what is known of a node. */
  nodesChanged: () => void
}

/** SatelliteMessages passes each message of a satellite to the part of the hub that it is for; limits come first. */
export class SatelliteMessages {
  readonly #options: SatelliteMessagesOptions
  readonly collections: Collections
  readonly #intake: ObservationIntake
  readonly #lines = new Map<string, Bucket>()

  constructor(options: SatelliteMessagesOptions) {
    this.#options = options
    this.#intake = new ObservationIntake(options.observe)
    const { placing } = options
    this.collections = new Collections({ placing, taken: () => this.settled() })
  }

  /** Returns how many observations wait to be taken, and how often a satellite was slowed down. */
  load(): IntakeLoad {
    return this.#intake.load()
  }

  /** Resolves when every observation that came was taken. */
  settled(): Promise<void> {
    return this.#intake.settled()
  }

  receive(session: Session, body: Body): void {
    const { nodes, limits, rejections } = this.#options
    const { node } = session
    nodes.seen(node, new Date().toISOString())
    const size = messageSize(body.value)
    const observations = observationsOf(body)
    if (observations !== undefined) {
      for (const one of observations) this.#observation(session, one, size)
    } else if (size > limits.statusBytes) {
      const message = `${body.$case} of ${size} bytes`
      rejections.note({ reason: 'status-too-large', message }, { node })
    } else this.#status(session, body)
  }

  /** @param bytes the size of the message that the observation came in */
  #observation(session: Session, observation: Observation, bytes: number): void {
    const { observe, limits } = this.#options
    const limit = limits.observationBytes
    // Other observations can make a message large.
    const own = bytes <= limit ? bytes : Observation.encode(observation).finish().length
    if (own <= limit) {
      this.#intake.offer(session, observation, memoryOf(observation))
      return
    }
    observe.reject(session, observation, {
      reason: 'too-large',
      message: `observation of ${own} bytes`
    })
  }

  #status(session: Session, body: Body): void {
    const { nodes, report, traced, sent, nodesChanged } = this.#options
    if (body.$case === 'nodeStatus') {
      nodes.status(session.node, limitedStatus(body.value))
      nodesChanged()
    } else if (body.$case === 'revisionStatus') this.#revisionStatus(session, body.value)
    else if (body.$case === 'trace') traced(session, body.value)
    else if (body.$case === 'collected') this.collections.collected(session, body.value)
    else if (body.$case === 'sentRevision') sent(session, body.value)
    else if (isNodeReport(body)) report(session.node, body)
  }

  #revisionStatus(session: Session, status: RevisionStatus): void {
    const { nodes, fleet, logger, nodesChanged } = this.#options
    const { node } = session
    if (!nodes.revision(node, status)) return
    const { namespace, profile, digest, ready, code, message } = status
    // A file that was removed because nobody desired it is no problem.
    const level = code === 'NOT_FOUND' ? 'info' : 'warn'
    if (!ready && this.#mayLog(node))
      logger[level]({ node, namespace, profile, digest, code }, message.slice(0, longestMessage))
    fleet.reported(session, status)
    nodesChanged()
  }

  #mayLog(node: string): boolean {
    const own = this.#lines.get(node) ?? createBucket(lines.perSecond, lines.burst)
    this.#lines.set(node, own)
    dropOldest(this.#lines, mostCounted)
    return own.take(performance.now())
  }
}
