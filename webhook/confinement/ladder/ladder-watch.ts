import type { Ladder } from '../../../src/api/ladder.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import {
  completeCanary,
  judgeCanary,
  promoteLadder,
  rollbackLadder
} from '../../../src/confinement/ladder.js'
import { durationMs } from '../../../src/lib/duration.js'
import { isRisky, startRiskNow } from '../../../src/seccomp/review/start-risk.js'
import type { Confinement } from '../containers/confinement.js'
import { isUnproven, recordedSince, wouldDeny } from './audit-conditions.js'
import { createAuditTimes } from './audit-times.js'
import {
  type CanaryState,
  canaryState,
  denialsKnownSince,
  denialsOf,
  keyOfProfile
} from './canary-figures.js'
import { ProfileSteps } from './profile-steps.js'

const scanEveryMs = 5000
/** Denials are collected this long before a scan. */
const settleMs = 250

/** The time in audit of a profile that a policy is to enforce. */
interface AuditWait {
  digest: string
  /** When the profile came to audit, in milliseconds. */
  since: number
  /** How long it has to be without denials. */
  waitMs: number
  enforceAfter: string
  /** It was rolled back before: then people decide. */
  wasRolledBack: boolean
}

/** PolicyRounds decides, profile by profile, what a ladder's policy does now. */
class PolicyRounds {
  readonly #steps: ProfileSteps
  readonly #auditTimes = createAuditTimes(() => this.#confinement.sources.now())

  readonly #confinement: Confinement

  constructor(confinement: Confinement) {
    this.#confinement = confinement
    this.#steps = new ProfileSteps(confinement)
  }

  async judge(profile: SeccompProfile): Promise<void> {
    await this.#endConditions(profile)
    const { ladder } = profile.spec
    if (ladder === undefined) return
    const state = canaryState(this.#confinement, profile)
    if (ladder.canary !== undefined && state !== undefined) {
      await this.#judgeCanary(profile, ladder.canary, state)
    } else {
      await this.#judgeAudit(profile, ladder)
    }
  }

  endRound(): void {
    this.#auditTimes.endScan()
  }

  /** Ends conditions about a trial that the profile is no longer in. */
  async #endConditions(profile: SeccompProfile): Promise<void> {
    const { ladder } = profile.spec
    const isInAudit = ladder?.mode === 'audit'
    // Without enforceAfter nobody waits for a quiet audit, and nobody looks again whether it is.
    const isWaiting = isInAudit && ladder.enforceAfter !== undefined
    if (!isWaiting && wouldDeny(profile)) await this.#steps.noteAudit(profile, undefined)
    const isOnTrial = ladder?.canary !== undefined || isWaiting
    if (!isOnTrial && isUnproven(profile)) await this.#steps.noteUnproven(profile, undefined)
  }

  async #judgeCanary(
    profile: SeccompProfile,
    canary: NonNullable<Ladder['canary']>,
    { figures, unrecorded }: CanaryState
  ): Promise<void> {
    const { verdict, reason } = judgeCanary(canary, figures)
    // Where no canary runs, or its nodes are away, nothing is known either way.
    if (unrecorded !== undefined || figures.recorded > 0) {
      await this.#steps.noteUnproven(profile, unrecorded)
    }
    if (verdict === 'return') {
      await this.#steps.move(profile, 'canary rolled back', reason, (current) =>
        rollbackLadder(current, this.#steps.decision(profile, reason), 'return')
      )
    } else if (verdict === 'complete' && !isUnproven(profile)) {
      await this.#steps.move(profile, 'canary complete', reason, (current) =>
        completeCanary(current, this.#steps.decision(profile, reason))
      )
    }
  }

  async #judgeAudit(profile: SeccompProfile, ladder: Ladder): Promise<void> {
    const wait = this.#auditWait(profile, ladder)
    if (wait === undefined) return
    const { digest, since } = wait
    const { count, newest, node } = denialsOf(this.#confinement, profile, digest, since)
    await this.#steps.noteAudit(profile, count === 0 ? undefined : { node, newest })
    const { recording } = this.#confinement
    const key = keyOfProfile(profile)
    const unrecorded = recording.unrecorded(key, digest)
    const known = denialsKnownSince(this.#confinement, profile)
    const from = Math.max(since, recordedSince(profile), known)
    const cleanSince = recording.auditSince(key, digest, from)
    if (unrecorded !== undefined || cleanSince !== undefined) {
      await this.#steps.noteUnproven(profile, unrecorded)
    }
    if (count > 0 || wouldDeny(profile) || wait.wasRolledBack) return
    if (unrecorded !== undefined || isUnproven(profile)) return
    if (cleanSince === undefined) return
    if (this.#confinement.sources.now() - cleanSince < wait.waitMs) return
    // A container that starts under it can die: only a person enforces that.
    if (isRisky(startRiskNow(this.#confinement, profile))) return
    await this.#enforce(profile, wait.enforceAfter)
  }

  #auditWait(profile: SeccompProfile, ladder: Ladder): AuditWait | undefined {
    const { enforceAfter, mode } = ladder
    const waitMs = enforceAfter === undefined ? undefined : durationMs(enforceAfter)
    if (enforceAfter === undefined || waitMs === undefined) return undefined
    if (mode !== 'audit' || profile.spec.seccomp === undefined) return undefined
    const key = keyOfProfile(profile)
    const digest = this.#confinement.sources.hub.profiles().get(key)?.audit?.digest ?? ''
    const last = profile.status?.history?.findLast(({ to }) => to.startsWith('audit'))
    return {
      ...{ digest, waitMs, enforceAfter },
      since: last === undefined ? this.#auditTimes.since(key, digest) : Date.parse(last.at),
      wasRolledBack: last?.action === 'return' || last?.action === 'rollback'
    }
  }

  async #enforce(profile: SeccompProfile, enforceAfter: string): Promise<void> {
    const reason = `${enforceAfter} in audit without a syscall that enforce would deny`
    await this.#steps.move(profile, 'enforced by policy', reason, (current) =>
      promoteLadder(current, {
        ...this.#steps.decision(profile, reason),
        ...{ mode: 'enforce', current: 'audit' }
      })
    )
  }
}

/** Returns whether anything is to be decided of a profile, or a condition of an earlier trial to be ended. */
const hasTrial = (profile: SeccompProfile): boolean =>
  profile.spec.ladder !== undefined || wouldDeny(profile) || isUnproven(profile)

/**
 * LadderWatch ends canaries and enforces by policy. A canary with denials or restarts is rolled back, one without
 * becomes complete; spec.ladder.enforceAfter enforces after a time in audit without denials.
 */
export class LadderWatch {
  readonly #rounds: PolicyRounds
  readonly #timer: NodeJS.Timeout
  readonly #stop: () => void
  #running: Promise<void> = Promise.resolve()
  #soon: NodeJS.Timeout | undefined
  #closed = false

  readonly #confinement: Confinement
  readonly #profiles: () => readonly SeccompProfile[]

  constructor(confinement: Confinement, profiles: () => readonly SeccompProfile[]) {
    this.#confinement = confinement
    this.#profiles = profiles
    this.#rounds = new PolicyRounds(confinement)
    this.#timer = setInterval(() => void this.scan(), scanEveryMs)
    this.#timer.unref()
    this.#stop = confinement.sources.hub.denialRows.onNews(({ expected }) => {
      if (!expected) this.#scanSoon()
    })
  }

  scan(): Promise<void> {
    this.#running = this.#running.then(() => this.#round())
    return this.#running
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    clearTimeout(this.#soon)
    this.#stop()
    await this.#running
  }

  async #round(): Promise<void> {
    this.#confinement.recording.scan()
    const due = this.#profiles().filter(hasTrial)
    for (const profile of due) if (!this.#closed) await this.#rounds.judge(profile)
    this.#rounds.endRound()
  }

  #scanSoon(): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined
      if (this.#profiles().some(hasTrial)) void this.scan()
    }, settleMs)
  }
}
