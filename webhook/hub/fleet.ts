import { revisionPath } from '../../src/api/names.js'
import { status } from '@grpc/grpc-js'
import type { RevisionOrigin, RevisionRef, RevisionStatus } from '../../src/api/gen/hub.js'
import { dropOldest } from '../../src/lib/drop-oldest.js'
import type { Logger } from '../../src/lib/log.js'
import type { Nodes } from './nodes/nodes.js'
import { encode } from './stream/outbox.js'
import type { Revisions } from './revisions/revisions.js'
import type { Session } from './stream/session.js'

interface FleetOptions {
  nodes: Nodes
  revisions: Revisions
  logger: Logger
  /** Bytes that could not be read are not read again before this time has passed. */
  unreadableMs?: number
}

/** Streams that one turn of the event loop serves: admissions run on the same loop. */
const slice = 250
/** Attempts to send the same bytes to the same session. */
const mostAttempts = 3

/** Revisions that are kept encoded: those of a rollout, while the nodes ask for them. */
const mostEncoded = 64

interface Encoded {
  origin: RevisionOrigin | undefined
  message: Promise<Buffer | undefined>
}

/** Fleet holds the sessions of connected satellites and sends them the revisions that they should have. */
export class Fleet {
  readonly #nodes: Nodes
  readonly #revisions: Revisions
  readonly #logger: Logger
  readonly #unreadableMs: number
  readonly #sessions = new Map<string, Session>()
  /** How often each revision was sent, by session and path. */
  readonly #sent = new WeakMap<Session, Map<string, number>>()
  /** When reading failed, by digest: thousands of nodes want the same bytes. */
  readonly #unreadable = new Map<string, number>()
  /** Revisions as they are sent, by path. */
  readonly #encoded = new Map<string, Encoded>()
  #round = 0
  /** Asks again for bytes that could not be read. */
  #again: NodeJS.Timeout | undefined

  constructor({ nodes, revisions, logger, unreadableMs = 5000 }: FleetOptions) {
    this.#nodes = nodes
    this.#revisions = revisions
    this.#logger = logger
    this.#unreadableMs = unreadableMs
  }

  join(session: Session): void {
    const before = this.#sessions.get(session.node)
    this.#sessions.set(session.node, session)
    // A satellite that lost its connection often reconnects before the hub notices the loss.
    before?.end(status.ABORTED, 'replaced by a newer connection of this node')
    this.#serve(session, this.#desiredMessage())
  }

  /** Returns false when another session has replaced this one. */
  leave(session: Session): boolean {
    if (this.#sessions.get(session.node) !== session) return false
    this.#sessions.delete(session.node)
    return true
  }

  /** Sends a message to a node, if it is connected. */
  send(node: string, message: Buffer): void {
    this.#sessions.get(node)?.outbox.send(message)
  }

  /** Sends every satellite the list of desired revisions, and the bytes that it lacks. */
  distribute(): void {
    this.#round += 1
    const own = this.#round
    const desired = this.#desiredMessage()
    const all = [...this.#sessions.values()]
    const turn = (from: number) => {
      // A newer list makes the rest of this round pointless.
      if (own !== this.#round) return
      for (const session of all.slice(from, from + slice)) {
        if (this.#sessions.get(session.node) === session) this.#serve(session, desired)
      }
      if (from + slice < all.length) setImmediate(turn, from + slice)
    }
    turn(0)
  }

  /** Resends a revision when a node reports that it has lost or could not verify it. */
  reported(session: Session, { namespace, profile, digest, ready, code }: RevisionStatus): void {
    const path = revisionPath(namespace, profile, digest)
    const attempts = this.#sent.get(session)
    if (ready && attempts?.has(path) === true) attempts.set(path, 1)
    // A node retries problems of its disk and kernel by itself; only the hub can send bytes.
    if (ready || (code !== 'DIGEST_MISMATCH' && code !== 'NOT_FOUND')) return
    const ref = this.#revisions.desired().get(path)
    // Nobody desires a revision that the node has lost: it is sent when somebody desires it again.
    if (ref === undefined) attempts?.delete(path)
    const count = attempts?.get(path) ?? 0
    if (ref === undefined || count >= mostAttempts) return
    attempts?.set(path, count + 1)
    void this.#resend(session, ref)
  }

  end(code: status, details: string): void {
    clearTimeout(this.#again)
    this.#again = undefined
    for (const session of [...this.#sessions.values()]) session.end(code, details)
  }

  #desiredMessage(): Buffer {
    const refs = [...this.#revisions.desired().values()]
    return encode({ $case: 'desired', value: { revisions: refs } })
  }

  #serve(session: Session, desired: Buffer): void {
    this.#forgetUndesired(session)
    session.outbox.send(desired)
    this.#feed(session)
  }

  /** Sends a session the bytes that it lacks, one revision after the other. */
  #feed(session: Session): void {
    session.outbox.feed(() => this.#nextFor(session))
  }

  /** Forgets what was sent of revisions that nobody desires now: the node removes them. */
  #forgetUndesired(session: Session): void {
    const attempts = this.#sent.get(session)
    for (const path of attempts?.keys() ?? []) {
      if (!this.#revisions.desired().has(path)) attempts?.delete(path)
    }
  }

  /** Returns the next revision that a session lacks and was not sent. */
  async #nextFor(session: Session): Promise<Buffer | undefined> {
    const attempts = this.#sent.get(session) ?? new Map<string, number>()
    this.#sent.set(session, attempts)
    const node = this.#nodes.get(session.node)
    for (const [path, ref] of this.#revisions.desired()) {
      if (attempts.has(path) || node?.holding.has(path) === true) continue
      if (this.#revisions.unavailable().has(path) || this.#isUnreadable(ref.digest)) continue
      attempts.set(path, 1)
      const message = await this.#revisionMessage(ref)
      if (message !== undefined && this.#revisions.desired().has(path)) return message
      attempts.delete(path)
    }
    return undefined
  }

  async #resend(session: Session, ref: RevisionRef): Promise<void> {
    const message = await this.#revisionMessage(ref)
    if (message !== undefined) session.outbox.send(message)
  }

  /** Returns a revision as it is sent; the bytes are read and encoded once for all nodes that lack it. */
  #revisionMessage(ref: RevisionRef): Promise<Buffer | undefined> {
    const path = revisionPath(ref.namespace, ref.profile, ref.digest)
    const origin = this.#revisions.origin(ref)
    const known = this.#encoded.get(path)
    if (known !== undefined && known.origin === origin) return known.message
    const message = this.#encode(ref, origin)
    this.#encoded.set(path, { origin, message })
    dropOldest(this.#encoded, mostEncoded)
    const forget = (): void => {
      if (this.#encoded.get(path)?.message === message) this.#encoded.delete(path)
    }
    void message.then((bytes) => bytes ?? forget(), forget)
    return message
  }

  /** Returns undefined when the bytes cannot be read now; they are asked for again. */
  async #encode(ref: RevisionRef, origin: RevisionOrigin | undefined): Promise<Buffer | undefined> {
    const json = await this.#revisions.bytes(ref.digest).catch((error: unknown) => {
      this.#logger.error({ err: error, ...ref }, 'bytes of a revision cannot be read')
      return undefined
    })
    if (json !== undefined) {
      this.#unreadable.delete(ref.digest)
      return encode({ $case: 'revision', value: { ...ref, json, origin } })
    }
    if (!this.#unreadable.has(ref.digest)) {
      this.#logger.error({ code: 'STORE_CORRUPT', ...ref }, 'bytes of a revision are missing')
    }
    this.#unreadable.set(ref.digest, performance.now())
    this.#again ??= setTimeout(() => {
      this.#again = undefined
      for (const session of this.#sessions.values()) this.#feed(session)
    }, this.#unreadableMs + 1).unref()
    return undefined
  }

  #isUnreadable(digest: string): boolean {
    const failedAt = this.#unreadable.get(digest) ?? Number.NEGATIVE_INFINITY
    return performance.now() - failedAt < this.#unreadableMs
  }
}
