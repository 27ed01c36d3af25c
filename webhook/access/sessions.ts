import { createHash, randomBytes } from 'node:crypto'
import { dropOldest } from '../../src/lib/drop-oldest.js'
import type { Identity } from './rights.js'

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

/** Sessions of browsers and the one-time links that open them. They are in memory, so a restart ends them. */
export interface Sessions {
  /** Returns a code that opens one session for this identity, once. */
  link(identity: Identity): string
  /** Uses a code. Returns undefined for one that is unknown, used or too old. */
  redeem(code: string): { id: string; identity: Identity } | undefined
  open(identity: Identity): string
  /**
   * Returns undefined for a session that is unknown or over.
   * @param isUse whether a person asks; an open page that loads itself is no use of the session. Default: true
   */
  find(id: string, isUse?: boolean): Identity | undefined
  /** Returns whether `find` would find it; this is no use of the session. */
  isOpen(id: string): boolean
  close(id: string): void
}

interface Session {
  identity: Identity
  opened: number
  seen: number
}

/** Only a digest is kept, so that reading the memory of the hub opens no session. */
const keyOf = (secret: string) => createHash('sha256').update(secret).digest('base64url')
const secret = () => randomBytes(32).toString('base64url')

/** @param now the clock, in ms */
export function createSessions(now: () => number, given: Partial<SessionTiming> = {}): Sessions {
  const timing = { ...defaultTiming, ...given }
  const sessions = new Map<string, Session>()
  const links = new Map<string, { identity: Identity; made: number }>()
  const isOver = ({ opened, seen }: Session): boolean =>
    now() - seen > timing.idleMs || now() - opened > timing.lifeMs
  const open = (identity: Identity): string => {
    const own = [...sessions].filter(([, one]) => one.identity.user === identity.user)
    const [oldest] = own
    if (own.length >= mostOfOne && oldest !== undefined) sessions.delete(oldest[0])
    const id = secret()
    sessions.set(keyOf(id), { identity, opened: now(), seen: now() })
    dropOldest(sessions, mostSessions)
    return id
  }
  return {
    link(identity) {
      const code = secret()
      links.set(keyOf(code), { identity, made: now() })
      dropOldest(links, mostLinks)
      return code
    },
    redeem(code) {
      const key = keyOf(code)
      const found = links.get(key)
      links.delete(key)
      if (found === undefined || now() - found.made > timing.linkMs) return undefined
      return { id: open(found.identity), identity: found.identity }
    },
    open,
    find(id, isUse = true) {
      const key = keyOf(id)
      const session = sessions.get(key)
      if (session === undefined) return undefined
      if (isOver(session)) {
        sessions.delete(key)
        return undefined
      }
      if (isUse) session.seen = now()
      return session.identity
    },
    isOpen(id) {
      const session = sessions.get(keyOf(id))
      return session !== undefined && !isOver(session)
    },
    close: (id) => void sessions.delete(keyOf(id))
  }
}
