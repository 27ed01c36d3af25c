import { status } from '@grpc/grpc-js'
import type { RevisionRef, RevisionStatus } from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/lib/log.js'
import { revisionPath } from '../../src/rules/profile-state.js'
import type { Nodes } from './nodes/nodes.js'
import { encode } from './stream/outbox.js'
import type { Revisions } from './revisions/revisions-types.js'
import type { Session } from './stream/session.js'

/** The satellites that are connected, and what they are sent. */
export interface Fleet {
  join(session: Session): void
  /** False when another session has taken its place already. */
  leave(session: Session): boolean
  /** Sends everybody what is desired now, and the bytes that they lack. */
  distribute(): void
  /** A node said what became of a revision. */
  reported(session: Session, status: RevisionStatus): void
  end(code: status, details: string): void
}

/** Streams that one turn of the event loop serves: admissions run on the same loop. */
const slice = 250
/** Attempts to send the same bytes to the same session. */
const mostAttempts = 3

export function createFleet({
  nodes,
  revisions,
  logger,
  unreadableMs = 5000
}: {
  nodes: Nodes
  revisions: Revisions
  logger: Logger
  /** Bytes that could not be read are not tried again before. */
  unreadableMs?: number
}): Fleet {
  const sessions = new Map<string, Session>()
  /** By session: path → how often it was sent. */
  const sent = new WeakMap<Session, Map<string, number>>()
  /** By digest, when: thousands of nodes want the same bytes. */
  const unreadable = new Map<string, number>()
  const isUnreadable = (digest: string): boolean =>
    performance.now() - (unreadable.get(digest) ?? Number.NEGATIVE_INFINITY) < unreadableMs
  let round = 0

  function desiredMessage(): Buffer {
    const refs = [...revisions.desired().values()]
    return encode({ $case: 'desired', value: { revisions: refs } })
  }

  /** The next revision that a session lacks and was not sent. */
  async function nextFor(session: Session): Promise<Buffer | undefined> {
    const attempts = sent.get(session) ?? new Map<string, number>()
    sent.set(session, attempts)
    const node = nodes.get(session.node)
    for (const [path, ref] of revisions.desired()) {
      if (attempts.has(path) || node?.holding.has(path) === true) continue
      if (revisions.unavailable().has(path) || isUnreadable(ref.digest)) continue
      attempts.set(path, 1)
      const message = await revisionMessage(ref)
      if (message === undefined) {
        attempts.delete(path)
        continue
      }
      if (revisions.desired().has(path)) return message
      attempts.delete(path)
    }
    return undefined
  }

  async function revisionMessage(ref: RevisionRef): Promise<Buffer | undefined> {
    const json = await revisions.bytes(ref.digest)
    const origin = revisions.origin(ref)
    if (json !== undefined) {
      unreadable.delete(ref.digest)
      return encode({ $case: 'revision', value: { ...ref, json, origin } })
    }
    if (!unreadable.has(ref.digest)) {
      logger.error({ code: 'STORE_CORRUPT', ...ref }, 'the bytes of a revision are not there')
    }
    unreadable.set(ref.digest, performance.now())
    return undefined
  }

  /** What is wanted again later is sent again: the node has removed it. */
  function forgetUndesired(session: Session): void {
    const attempts = sent.get(session)
    for (const path of attempts?.keys() ?? []) {
      if (!revisions.desired().has(path)) attempts?.delete(path)
    }
  }

  function serve(session: Session, desired: Buffer): void {
    forgetUndesired(session)
    session.outbox.send(desired)
    session.outbox.feed(() => nextFor(session))
  }

  return {
    join(session) {
      const before = sessions.get(session.node)
      sessions.set(session.node, session)
      // A satellite that lost its connection is often quicker than our noticing of it.
      before?.end(status.ABORTED, 'replaced by a newer connection of this node')
      serve(session, desiredMessage())
    },
    leave(session) {
      if (sessions.get(session.node) !== session) return false
      sessions.delete(session.node)
      return true
    },
    distribute() {
      round += 1
      const mine = round
      const desired = desiredMessage()
      const all = [...sessions.values()]
      const turn = (from: number) => {
        // A newer list makes the rest of this round pointless.
        if (mine !== round) return
        for (const session of all.slice(from, from + slice)) {
          if (sessions.get(session.node) === session) serve(session, desired)
        }
        if (from + slice < all.length) setImmediate(turn, from + slice)
      }
      turn(0)
    },
    reported(session, { namespace, profile, digest, ready, code }) {
      const path = revisionPath(namespace, profile, digest)
      const attempts = sent.get(session)
      if (ready && attempts?.has(path) === true) attempts.set(path, 1)
      // Its own disk and kernel a node retries by itself; bytes it can only get from here.
      if (ready || (code !== 'DIGEST_MISMATCH' && code !== 'NOT_FOUND')) return
      const ref = revisions.desired().get(path)
      // Gone there and wanted by nobody: whenever it is wanted again, it is sent again.
      if (ref === undefined) attempts?.delete(path)
      const count = attempts?.get(path) ?? 0
      if (ref === undefined || count >= mostAttempts) return
      attempts?.set(path, count + 1)
      revisionMessage(ref).then(
        (message) => {
          if (message !== undefined) session.outbox.send(message)
        },
        (error: unknown) => logger.error({ err: error, ...ref }, 'a revision could not be sent')
      )
    },
    end(code, details) {
      for (const session of [...sessions.values()]) session.end(code, details)
    }
  }
}
