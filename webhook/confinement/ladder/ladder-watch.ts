import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import {
  completeCanary,
  judgeCanary,
  promoteLadder,
  rollbackLadder
} from '../../../src/confinement/ladder.js'
import { toSeccoError } from '../../../src/lib/errors.js'
import { durationMs } from '../../../src/lib/duration.js'
import { policyName } from '../../../src/seccomp/review/promotion.js'
import {
  isUnproven,
  unprovenNode,
  watchedSince,
  withAudit,
  withUnproven,
  wouldRefuse
} from './audit-quiet.js'
import type { DeafNode } from './hearing.js'
import {
  denialsKnownSince,
  denialsOf,
  evidenceText,
  figuresOf,
  keyOfProfile,
  ladderView
} from './ladder-view.js'
import { createMetInAudit } from './met-in-audit.js'
import type { Truth } from '../truth.js'

/** Ends canaries: back when denials or restarts rise, on when it was quiet; and enforces by policy. */
export interface LadderWatch {
  look(): Promise<void>
  close(): Promise<void>
}

const lookEveryMs = 5000

export function startLadderWatch(
  truth: Truth,
  profiles: () => readonly SeccompProfile[]
): LadderWatch {
  const { sources } = truth
  const { logger, store, hub } = sources
  let running: Promise<void> = Promise.resolve()
  let closed = false
  let soon: NodeJS.Timeout | undefined

  async function change(
    profile: SeccompProfile,
    what: string,
    reason: string,
    edit: (profile: SeccompProfile) => SeccompProfile
  ): Promise<void> {
    const { namespace = '', name } = profile.metadata
    const wanted = JSON.stringify(profile.spec.ladder)
    try {
      // Somebody moved it meanwhile: their word stands.
      await store.update('SeccompProfile', { namespace, name }, (current) =>
        JSON.stringify(current.spec.ladder) === wanted ? edit(current) : current
      )
      logger.warn({ namespace, profile: name, reason }, what)
    } catch (error) {
      const { code, message } = toSeccoError(error)
      if (code !== 'NOT_FOUND')
        logger.error({ code, namespace, profile: name }, `ladder: ${message}`)
    }
  }

  /** Says on the object what the other replicas, or people, have to know. */
  async function note(
    profile: SeccompProfile,
    edit: (one: SeccompProfile) => SeccompProfile
  ): Promise<void> {
    if (edit(profile) === profile) return
    const { namespace = '', name } = profile.metadata
    try {
      await store.update('SeccompProfile', { namespace, name }, edit)
    } catch (error) {
      const { code, message } = toSeccoError(error)
      if (code !== 'NOT_FOUND')
        logger.error({ code, namespace, profile: name }, `condition not noted: ${message}`)
    }
  }
  const noteAudit = (
    profile: SeccompProfile,
    known: { node: string; newest: string } | undefined,
    at: string
  ) => note(profile, (one) => withAudit(one, known, at, sources.isElsewhere))

  const noteUnproven = (profile: SeccompProfile, known: DeafNode | undefined, at: string) =>
    note(profile, (one) => withUnproven(one, known, at, sources.isElsewhere))

  /** Nobody watched until now, here or on a node that is nobody's: whoever watches it now waits anew. */
  function isUnprovenHere(profile: SeccompProfile): boolean {
    if (!isUnproven(profile)) return false
    const node = unprovenNode(profile)
    // Another hub's word of a node is old for a moment when it came here.
    return !sources.isElsewhere(node) || hub.node(node)?.connected === true
  }

  const met = createMetInAudit(() => sources.now())

  async function lookAt(profile: SeccompProfile): Promise<void> {
    const { ladder } = profile.spec
    const at = new Date(sources.now()).toISOString()
    if (ladder?.mode !== 'audit' && wouldRefuse(profile)) await noteAudit(profile, undefined, at)
    const waits =
      ladder?.canary !== undefined ||
      (ladder?.mode === 'audit' && ladder.enforceAfter !== undefined)
    if (!waits && isUnproven(profile)) await noteUnproven(profile, undefined, at)
    if (ladder === undefined) return
    const trial = figuresOf(truth, profile)
    const decision = (reason: string) => ({
      ...{ by: policyName, at, reason },
      evidence: evidenceText(ladderView(truth, profile))
    })
    if (ladder.canary !== undefined && trial !== undefined) {
      const { verdict, reason } = judgeCanary(ladder.canary, trial.figures)
      // Where nothing runs, or its nodes are away, nobody watches now either.
      if (trial.unheard !== undefined || trial.figures.heard > 0) {
        await noteUnproven(profile, trial.unheard, at)
      }
      if (verdict === 'return') {
        await change(profile, 'canary taken back', reason, (current) =>
          rollbackLadder(current, decision(reason), 'return')
        )
      } else if (verdict === 'complete' && !isUnprovenHere(profile)) {
        await change(profile, 'canary complete', reason, (current) =>
          completeCanary(current, decision(reason))
        )
      }
      return
    }
    const wait = ladder.enforceAfter === undefined ? undefined : durationMs(ladder.enforceAfter)
    if (wait === undefined || ladder.mode !== 'audit' || profile.spec.seccomp === undefined) return
    const last = profile.status?.history?.findLast(({ to }) => to.startsWith('audit'))
    const audit = hub.profiles().get(keyOfProfile(profile))?.audit?.digest ?? ''
    const since = last === undefined ? met.since(keyOfProfile(profile), audit) : Date.parse(last.at)
    const { count, newest, node } = denialsOf(truth, profile, audit, since)
    const known = count === 0 ? undefined : { node, newest }
    await noteAudit(profile, known, at)
    const unheard = truth.hearing.unheard(keyOfProfile(profile), audit)
    const from = Math.max(since, watchedSince(profile), denialsKnownSince(truth))
    const quietSince = truth.hearing.inAudit(keyOfProfile(profile), audit, from)
    if (unheard !== undefined || quietSince !== undefined) {
      await noteUnproven(profile, unheard, at)
    }
    // What was taken back before is for people.
    const wasTakenBack = last?.action === 'return' || last?.action === 'rollback'
    if (count > 0 || wouldRefuse(profile) || wasTakenBack) return
    // Quiet where nobody watched is no quiet.
    if (unheard !== undefined || isUnprovenHere(profile)) return
    if (quietSince === undefined || sources.now() - quietSince < wait) return
    const reason = `${ladder.enforceAfter ?? ''} in audit without a call that enforce would refuse`
    await change(profile, 'enforced by policy', reason, (current) =>
      promoteLadder(current, { ...decision(reason), mode: 'enforce', current: 'audit' })
    )
  }

  function look(): Promise<void> {
    running = running.then(async () => {
      truth.hearing.look()
      for (const profile of profiles()) if (!closed) await lookAt(profile)
      met.settle()
    })
    return running
  }

  const timer = setInterval(() => void look(), lookEveryMs)
  timer.unref()
  const leave = hub.denialRows.onNews(({ expected }) => {
    if (expected) return
    soon ??= setTimeout(() => {
      soon = undefined
      void look()
    }, 250)
  })
  return {
    look,
    async close() {
      closed = true
      clearInterval(timer)
      clearTimeout(soon)
      leave()
      await running
    }
  }
}
