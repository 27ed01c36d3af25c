import { seccompProblem } from '../../../src/api/validate-seccomp.js'
import type { Hello, Revision, RevisionRef } from '../../../src/api/gen/hub.js'
import { digestOf } from '../../../src/lib/digest.js'
import type { Logger } from '../../../src/lib/log.js'
import type { FleetInventory } from '../nodes/inventory.js'
import type { Nodes } from '../nodes/nodes.js'
import { encode } from '../stream/outbox.js'
import type { Session } from '../stream/session.js'
import type { RevisionFiles } from './revision-files.js'

interface HeldRevisionsOptions {
  nodes: Pick<Nodes, 'get'>
  inventory: Pick<FleetInventory, 'all'>
  files: Pick<RevisionFiles, 'read' | 'keep'>
  logger: Logger
  /** How long a node may take to answer. */
  answerMs?: number
}

interface Question {
  node: string
  answered: (json: Uint8Array | undefined) => void
}

/** Nodes that are asked for one revision, one after the other. */
const mostAsked = 3
const mostRemembered = 10_000
/** Bytes that no node gave are asked for again after this time. */
const againMs = 60_000
/** While no node is known to have them: a node that connects reports its containers soon. */
const unheldMs = 2000

/**
 * HeldRevisions reads the bytes of revisions that this hub does not have from the nodes that hold them: containers run
 * under revisions that were rendered by an earlier hub, or whose bytes this hub has removed. A node can only give what
 * has the digest that is asked for.
 */
export class HeldRevisions {
  readonly #options: HeldRevisionsOptions
  readonly #sessions = new Map<string, Session>()
  readonly #questions = new Map<string, Question>()
  readonly #running = new Map<string, Promise<Buffer | undefined>>()
  /** Until when nobody is asked again, by digest: no node had the bytes. */
  readonly #absent = new Map<string, number>()

  constructor(options: HeldRevisionsOptions) {
    this.#options = options
  }

  joined(session: Session, { sendsRevisions }: Hello): void {
    if (!sendsRevisions) return
    this.#sessions.set(session.node, session)
    this.#absent.clear()
  }

  left(session: Session): void {
    if (this.#sessions.get(session.node) !== session) return
    this.#sessions.delete(session.node)
    for (const question of this.#questions.values()) {
      if (question.node === session.node) question.answered(undefined)
    }
  }

  /** Takes an answer; only the node that was asked can give one. */
  answered(session: Session, { digest, json }: Revision): void {
    const question = this.#questions.get(digest)
    if (question?.node === session.node) question.answered(json.length === 0 ? undefined : json)
  }

  /** Returns the bytes of a revision: this hub's, or else those of a node that holds it. */
  async read(digest: string): Promise<Buffer | undefined> {
    const own = await this.#options.files.read(digest)
    if (own !== undefined || !/^sha256:[0-9a-f]{64}$/.test(digest)) return own
    if (performance.now() < (this.#absent.get(digest) ?? 0)) return undefined
    const running =
      this.#running.get(digest) ??
      this.#askNodes(digest).finally(() => this.#running.delete(digest))
    this.#running.set(digest, running)
    return running
  }

  async #askNodes(digest: string): Promise<Buffer | undefined> {
    const { files, logger } = this.#options
    const holders = this.#holders(digest)
    for (const [node, ref] of holders) {
      const json = await this.#ask(node, ref)
      if (json === undefined || !isRevision(json, digest)) continue
      await files.keep(digest, json.toString('utf8')).catch((err: unknown) => {
        logger.warn({ err, digest }, 'revision from a node not kept')
      })
      return json
    }
    if (this.#absent.size >= mostRemembered) this.#absent.clear()
    this.#absent.set(digest, performance.now() + (holders.length === 0 ? unheldMs : againMs))
    return undefined
  }

  /** Returns nodes with the revision's file, or with a container that runs under it. */
  #holders(digest: string): [string, RevisionRef][] {
    const found = new Map<string, RevisionRef>()
    const unnamed = { namespace: '', profile: '', digest }
    const file = `/${digest.slice('sha256:'.length)}.json`
    for (const node of this.#sessions.keys()) {
      if (found.size >= mostAsked) break
      const path = [...(this.#options.nodes.get(node)?.holding ?? [])].find((one) =>
        one.endsWith(file)
      )
      const [, namespace = '', profile = ''] = path?.split('/') ?? []
      if (path !== undefined) found.set(node, { namespace, profile, digest })
    }
    for (const running of this.#options.inventory.all()) {
      if (found.size >= mostAsked) break
      if (running.digest !== digest || !this.#sessions.has(running.node)) continue
      if (!found.has(running.node)) found.set(running.node, unnamed)
    }
    return [...found]
  }

  async #ask(node: string, ref: RevisionRef): Promise<Buffer | undefined> {
    const { answerMs = 5000 } = this.#options
    const json = await new Promise<Uint8Array | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), answerMs)
      const answered = (bytes: Uint8Array | undefined) => {
        clearTimeout(timer)
        resolve(bytes)
      }
      this.#questions.set(ref.digest, { node, answered })
      this.#sessions.get(node)?.outbox.send(encode({ $case: 'sendRevision', value: ref }))
    })
    this.#questions.delete(ref.digest)
    return json === undefined ? undefined : Buffer.from(json)
  }
}

/** Whether the bytes are what was asked for, and a profile. */
function isRevision(json: Buffer, digest: string): boolean {
  if (digestOf(json) !== digest) return false
  try {
    return seccompProblem(JSON.parse(json.toString('utf8'))) === undefined
  } catch {
    return false
  }
}
