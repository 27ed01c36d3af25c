import { setTimeout as delay } from 'node:timers/promises'
import type { Collected, Hello } from '../../../src/api/gen/hub.js'
import { encode } from '../stream/outbox.js'
import type { Session } from '../stream/session.js'

/** CollectedNode is what one node answered when it was asked for everything that it recorded until then. */
export interface CollectedNode {
  name: string
  /**
   * `sent`: the hub has everything. `waiting`: some observations are still on the node, or wait for their pods to be known.
   * `silent`: it did not answer in time. `old`: its satellite cannot be asked.
   */
  state: 'sent' | 'waiting' | 'silent' | 'old'
  waiting: number
  /** Of its satellite. */
  version: string
}

interface CollectionsOptions {
  /** Resolves when every observation that came was taken. */
  taken: () => Promise<void>
  /** Returns how many observations of a node wait until their pods are known. */
  placing: (node: string) => number
  /** How long a node may take to answer. */
  answerMs?: number
  /** Time between the begins of two collections. */
  everyMs?: number
}

interface Connected {
  session: Session
  collects: boolean
  version: string
  /** Takes the answer of the node, or undefined when its stream has ended. */
  answered: ((waiting: number | undefined) => void) | undefined
}

/**
 * Collections asks the connected nodes for everything that they recorded until now. Callers share the next collection that
 * begins after they came, and there is at most one a second: whoever may read a profile may ask for it.
 */
export class Collections {
  readonly #options: CollectionsOptions
  readonly #nodes = new Map<string, Connected>()
  #running: Promise<unknown> | undefined
  #next: Promise<CollectedNode[]> | undefined
  #beganAt = -Infinity
  #id = 0

  constructor(options: CollectionsOptions) {
    this.#options = options
  }

  joined(session: Session, { collects = false, version }: Hello): void {
    this.#nodes.get(session.node)?.answered?.(undefined)
    this.#nodes.set(session.node, { session, collects, version, answered: undefined })
  }

  left(session: Session): void {
    const node = this.#nodes.get(session.node)
    if (node?.session !== session) return
    this.#nodes.delete(session.node)
    node.answered?.(undefined)
  }

  /** Takes the answer of a node. An answer to an earlier question may lack what came later. */
  collected(session: Session, { id, waiting }: Collected): void {
    const node = this.#nodes.get(session.node)
    if (node?.session === session && id === this.#id) node.answered?.(waiting)
  }

  /** Resolves with what the nodes answered to a question that was asked after this call. */
  collect(): Promise<CollectedNode[]> {
    this.#next ??= this.#begin()
    return this.#next
  }

  async #begin(): Promise<CollectedNode[]> {
    await this.#running
    const { everyMs = 1000 } = this.#options
    const waitMs = this.#beganAt + everyMs - performance.now()
    if (waitMs > 0) await delay(waitMs)
    this.#next = undefined
    this.#beganAt = performance.now()
    const running = this.#twice()
    this.#running = running
    return running
  }

  /** Asks twice: what the hub rejected for now of the first answers is counted in the second ones. */
  async #twice(): Promise<CollectedNode[]> {
    await this.#askAll()
    await this.#options.taken()
    const nodes = await this.#askAll()
    await this.#options.taken()
    return nodes.map((node) => {
      const waiting = node.waiting + this.#options.placing(node.name)
      return node.state === 'sent' && waiting > 0 ? { ...node, waiting, state: 'waiting' } : node
    })
  }

  async #askAll(): Promise<CollectedNode[]> {
    this.#id += 1
    const value = { id: this.#id }
    const message = encode({ $case: 'collect', value })
    return Promise.all([...this.#nodes].map(([name, node]) => this.#ask(name, node, message)))
  }

  async #ask(name: string, node: Connected, message: Buffer): Promise<CollectedNode> {
    const { session, collects, version } = node
    if (!collects) return { name, state: 'old', waiting: 0, version }
    const { answerMs = 5000 } = this.#options
    const waiting = await new Promise<number | undefined>((resolve) => {
      const timer = setTimeout(resolve, answerMs, undefined)
      node.answered = (count) => {
        clearTimeout(timer)
        resolve(count)
      }
      session.outbox.send(message)
    })
    node.answered = undefined
    if (waiting === undefined) return { name, state: 'silent', waiting: 0, version }
    return { name, state: waiting > 0 ? 'waiting' : 'sent', waiting, version }
  }
}
