import { randomBytes } from 'node:crypto'
import { dropOldest } from '../../src/lib/drop-oldest.js'
import type { Identity, Proof } from './rights.js'
import { keyOf, openProof, type SessionRecord, sealProof } from './session-records.js'

interface SessionTiming {
  /** How long a session may be idle, in ms. */
  idleMs: number
  /** How long a session lasts at most, in ms. */
  lifeMs: number
  /** How long a one-time link can be opened, in ms. */
  linkMs: number
}

const defaultTiming: SessionTiming = {
  idleMs: 12 * 3_600_000,
  lifeMs: 7 * 86_400_000,
  linkMs: 3_600_000
}
/** The oldest sessions and links are dropped beyond these numbers. */
const mostSessions = 1000
const mostLinks = 100
/** Sessions of one person, who could otherwise end those of everybody else. */
const mostOfOne = 50
/** A later use is stored when this part of the idle time has passed: not every click is a write. */
const storedUses = 24

/** Sessions of browsers and the one-time links that open them. Links end with the hub; sessions are stored (KeptSessions). */
export interface Sessions {
  /** Returns a code that opens one session for this identity, once. */
  link(identity: Identity): string
  /** Uses a code. Returns undefined for one that is unknown, used or too old. */
  redeem(code: string): { id: string; identity: Identity } | undefined
  open(identity: Identity): string
  /**
   * Resolves with undefined for a session that is unknown or over.
   * @param isUse whether a person asks; an open page that loads itself is no use of the session. Default: true
   * @throws SeccoError UNAVAILABLE when the API server is needed to know the person again, and does not answer
   */
  find(id: string, isUse?: boolean): Promise<Identity | undefined>
  /** Returns whether `find` would find it; this is no use of the session. */
  isOpen(id: string): boolean
  close(id: string): void
  /** Ends all sessions and links. Returns how many sessions there were. */
  closeAll(): number
}

/** What stores sessions needs of them. */
export interface StoredSessions extends Sessions {
  /** Returns the sessions that a restart can open again. */
  records(): SessionRecord[]
  /** Adds stored sessions, except for those that are known. */
  add(records: readonly SessionRecord[]): void
  /** Forgets all sessions, which another hub has by now. */
  forget(): void
  /** Calls the listener when the records have changed. */
  onChange(listener: () => void): void
}

/** Recalling is how stored sessions come back. */
export interface Recalling {
  /** Resolves when the stored sessions were added, or could not be read. */
  ready(): Promise<void>
  /** Returns the identity that a proof stands for; undefined: it proves nothing any more. */
  recall(proof: Proof): Promise<Identity | undefined>
}

interface Session {
  /** undefined: stored by a hub before; its id opens it. */
  identity: Identity | undefined
  /** SHA-256 of the user's name. */
  owner: string
  /** undefined: a restart ends it. */
  box: string | undefined
  opened: number
  seen: number
  storedSeen: number
}

const secret = () => randomBytes(32).toString('base64url')

/** OpenSessions keeps only a digest of each secret, so that reading the memory of the hub opens no session. */
class OpenSessions implements StoredSessions {
  readonly #now: () => number
  readonly #timing: SessionTiming
  readonly #recalling: Recalling | undefined
  readonly #sessions = new Map<string, Session>()
  readonly #links = new Map<string, { identity: Identity; made: number }>()
  readonly #listeners: (() => void)[] = []

  constructor(now: () => number, timing: SessionTiming, recalling: Recalling | undefined) {
    this.#now = now
    this.#timing = timing
    this.#recalling = recalling
  }

  link(identity: Identity): string {
    const code = secret()
    this.#links.set(keyOf(code), { identity, made: this.#now() })
    dropOldest(this.#links, mostLinks)
    return code
  }

  redeem(code: string): { id: string; identity: Identity } | undefined {
    const key = keyOf(code)
    const found = this.#links.get(key)
    this.#links.delete(key)
    if (found === undefined || this.#now() - found.made > this.#timing.linkMs) return undefined
    return { id: this.open(found.identity), identity: found.identity }
  }

  open(identity: Identity): string {
    const { user, proof } = identity
    const owner = keyOf(user)
    const own = [...this.#sessions].filter(([, one]) => one.owner === owner)
    const [oldest] = own
    if (own.length >= mostOfOne && oldest !== undefined) this.#sessions.delete(oldest[0])
    const id = secret()
    const now = this.#now()
    const box = proof && sealProof(id, proof)
    const times = { opened: now, seen: now, storedSeen: now }
    this.#sessions.set(keyOf(id), { identity, owner, box, ...times })
    dropOldest(this.#sessions, mostSessions)
    this.#changed()
    return id
  }

  async find(id: string, isUse = true): Promise<Identity | undefined> {
    await this.#recalling?.ready()
    const key = keyOf(id)
    const session = this.#sessions.get(key)
    if (session === undefined) return undefined
    if (this.#isOver(session)) {
      this.#drop(key)
      return undefined
    }
    session.identity ??= await this.#recalled(id, session)
    if (session.identity === undefined) {
      this.#drop(key)
      return undefined
    }
    if (isUse) this.#use(session)
    return session.identity
  }

  isOpen(id: string): boolean {
    const session = this.#sessions.get(keyOf(id))
    return session !== undefined && !this.#isOver(session)
  }

  close(id: string): void {
    this.#drop(keyOf(id))
  }

  closeAll(): number {
    const count = [...this.#sessions.values()].filter((one) => !this.#isOver(one)).length
    this.#links.clear()
    this.forget()
    this.#changed()
    return count
  }

  records(): SessionRecord[] {
    return [...this.#sessions].flatMap(([key, session]) => {
      const { owner, box, opened, seen } = session
      if (box === undefined || this.#isOver(session)) return []
      session.storedSeen = seen
      return [{ key, owner, box, opened, seen }]
    })
  }

  add(records: readonly SessionRecord[]): void {
    for (const { key, ...record } of records) {
      const session = { ...record, identity: undefined, storedSeen: record.seen }
      if (!this.#sessions.has(key) && !this.#isOver(session)) this.#sessions.set(key, session)
    }
    dropOldest(this.#sessions, mostSessions)
  }

  forget(): void {
    this.#sessions.clear()
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  async #recalled(id: string, { box }: Session): Promise<Identity | undefined> {
    const proof = box === undefined ? undefined : openProof(id, box)
    return proof && this.#recalling?.recall(proof)
  }

  #use(session: Session): void {
    session.seen = this.#now()
    if (session.seen - session.storedSeen > this.#timing.idleMs / storedUses) this.#changed()
  }

  #drop(key: string): void {
    if (this.#sessions.delete(key)) this.#changed()
  }

  #isOver({ opened, seen }: Session): boolean {
    const now = this.#now()
    return now - seen > this.#timing.idleMs || now - opened > this.#timing.lifeMs
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }
}

/**
 * @param now the clock, in ms
 * @param recalling how sessions of a hub before come back; default: there are none
 */
export function createSessions(
  now: () => number,
  given: Partial<SessionTiming> = {},
  recalling?: Recalling
): StoredSessions {
  return new OpenSessions(now, { ...defaultTiming, ...given }, recalling)
}
