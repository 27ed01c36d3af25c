import { rootNamespace } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../../src/api/seccomp-rule.js'
import { cutText } from '../../../src/lib/cut-text.js'
import type { Kind } from '../../../src/api/objects.js'
import type { HistoryRecorder } from '../../hub/history/history-recorder.js'
import type { MissedDeletion } from '../../hub/history/missed-deletions.js'
import type { HubCluster } from '../../hub/nodes/hub-cluster.js'
import type { ObjectCache } from '../../snapshot/object-cache.js'
import type { AuditEntry, AuditTrail } from './audit-trail.js'
import { areTogether, decisionsBeside, togetherMs } from './decisions.js'

/** The user of an action that nobody put a name to: the API server's audit log may have it. */
const nobody = 'not known'

const labelOf = ({ metadata }: SeccompProfile | SeccompRule): string =>
  `${metadata.namespace ?? rootNamespace}/${metadata.name}`

const isSameObject = (one: SeccompProfile | SeccompRule, other: SeccompProfile | SeccompRule) =>
  one.kind === other.kind &&
  labelOf(one) === labelOf(other) &&
  one.metadata.creationTimestamp === other.metadata.creationTimestamp

/** The newest decisions of a deleted profile that the trail keeps: it is one for everybody. */
const mostDecisions = 5

/** Deletions that a hub on standby keeps until it is the active one: the newest, of some terms of the lease. */
const mostKept = 1000
const keptMs = 10 * 60_000
/** Approvals that are looked at then: the trail may have the newest ones, as actions of the pages. */
const mostApprovals = 2 * mostDecisions
const longestText = 1000

type Approval = NonNullable<NonNullable<SeccompProfile['status']>['approvals']>[number]

function cutApproval({ by, at, reason, revision, digest }: Approval): Approval {
  const cut = (text: string) => cutText(text, longestText)
  return {
    ...{ by: cut(by), at: cut(at), revision: cut(revision) },
    ...(reason !== undefined && { reason: cut(reason) }),
    ...(digest !== undefined && { digest: cut(digest) })
  }
}

/** Returns what lines about an object need: whoever writes profiles chooses how large they are. */
export function outlineOf(object: SeccompProfile | SeccompRule): SeccompProfile | SeccompRule {
  const { apiVersion, kind } = object
  const { namespace, name, creationTimestamp } = object.metadata
  const metadata = {
    ...(namespace !== undefined && { namespace }),
    ...{ name, ...(creationTimestamp !== undefined && { creationTimestamp }) }
  }
  if (kind === 'SeccompRule') return { apiVersion, kind, metadata, spec: { mode: 'learn' } }
  const approvals = (object.status?.approvals ?? []).slice(-mostApprovals)
  return { apiVersion, kind, metadata, spec: {}, status: { approvals: approvals.map(cutApproval) } }
}

/** ActiveRole is which of several hubs notes deletions: the active one. */
export type ActiveRole = Pick<HubCluster, 'isActive' | 'lastSign' | 'vacantSince' | 'onChange'>

interface DeletionOptions {
  objects: Pick<ObjectCache, 'profiles' | 'rules' | 'onDeleted'>
  audit: AuditTrail
  now: () => number
  /** Default: this hub is the only one. */
  role?: ActiveRole
  /** What was deleted while no hub ran; see HistoryRecorder. */
  onMissed?: HistoryRecorder['onMissed']
  /** Time until an action of pages or API is in the trail, and until an object that was only away is back. */
  waitMs?: number
}

interface Deletion {
  object: SeccompProfile | SeccompRule
  at: string
}

const actionOf = (kind: Kind): string =>
  kind === 'SeccompProfile' ? 'deleteProfile' : 'deleteRule'

/** Returns whether an entry says that the same was done to the same object. */
const isDone = (one: AuditEntry, { action, object }: AuditEntry): boolean =>
  one.action === action && one.object === object && one.status < 400 && one.dryRun !== true

/** DeletionNotes writes into the trail what was deleted, and the decisions that a deleted profile kept. */
class DeletionNotes {
  readonly #options: DeletionOptions
  readonly #waiting = new Map<NodeJS.Timeout, () => void>()
  /** What this hub saw on standby. */
  #kept: Deletion[] = []

  constructor(options: DeletionOptions) {
    this.#options = options
  }

  deleted(deletion: Deletion): void {
    if (this.#options.role?.isActive() === false) {
      const { object, at } = deletion
      const begin = Date.parse(at) - keptMs
      this.#kept = this.#kept.slice(1 - mostKept).filter((one) => Date.parse(one.at) >= begin)
      this.#kept.push({ object: outlineOf(object), at })
      return
    }
    this.#noteDecisions(deletion)
    const timer = setTimeout(() => {
      this.#waiting.delete(timer)
      this.#note(deletion)
    }, this.#options.waitMs ?? togetherMs)
    timer.unref()
    this.#waiting.set(timer, () => this.#note(deletion))
  }

  /** Notes what nobody noted: the active hub before this one may have ended before its own wait did. */
  tookOver(): void {
    const { role } = this.#options
    const since = role?.vacantSince() ?? ''
    const slackMs = role?.lastSign() === undefined ? 0 : togetherMs
    const from = since === '' ? 0 : Date.parse(since) - slackMs
    const kept = this.#kept.filter(({ at }) => Date.parse(at) >= from)
    this.#kept = []
    for (const one of kept) this.deleted(one)
  }

  /** The hub before may have ended between its line in the trail and the one in the history. */
  missed({ kind, object, from, at, when }: MissedDeletion): void {
    const { audit } = this.#options
    const detail = `deleted ${when}; by whom is not known`
    const entry = { at, user: nobody, action: actionOf(kind), object, status: 200, detail }
    const begin = from === '' ? 0 : Date.parse(from)
    const isWithin = (time: string) => Date.parse(time) >= begin && time <= at
    if (!audit.list().some((one) => isDone(one, entry) && isWithin(one.at))) audit.note(entry)
  }

  /** Notes at once what waits. */
  close(): void {
    for (const [timer, noteNow] of this.#waiting) {
      clearTimeout(timer)
      noteNow()
    }
    this.#waiting.clear()
  }

  /** At once: they were in the trail as long as the profile kept them. */
  #noteDecisions({ object }: Deletion): void {
    const { audit } = this.#options
    if (object.kind !== 'SeccompProfile') return
    for (const decision of decisionsBeside(audit.list(), [object]).slice(-mostDecisions))
      audit.note(decision)
  }

  #note({ object, at }: Deletion): void {
    const { objects, audit } = this.#options
    const present = object.kind === 'SeccompProfile' ? objects.profiles() : objects.rules()
    if (present.some((one) => isSameObject(one, object))) return
    const action = actionOf(object.kind)
    const entry: AuditEntry = {
      ...{ at, user: nobody, action, object: labelOf(object), status: 200 },
      detail: 'deleted; by whom is not known'
    }
    const isKnown = audit.list().some((one) => isDone(one, entry) && areTogether(one, entry))
    if (!isKnown) audit.note(entry)
  }
}

/**
 * Notes each deletion in the trail that is no action of pages or API, and the decisions that the deleted profile kept, which
 * nothing else would have any more. Of several hubs the active one does. Returns how to stop; what waits is noted then.
 */
export function noteDeletions(options: DeletionOptions): () => void {
  const { objects, now, role, onMissed } = options
  const notes = new DeletionNotes(options)
  objects.onDeleted((object) => notes.deleted({ object, at: new Date(now()).toISOString() }))
  const stops = [
    role?.onChange((what) => {
      if (what === 'active') notes.tookOver()
    }),
    onMissed?.((missed) => notes.missed(missed))
  ]
  return () => {
    for (const stop of stops) stop?.()
    notes.close()
  }
}
