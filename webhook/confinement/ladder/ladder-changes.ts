import { refOfKey } from '../../../src/rules/profile-state.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import {
  promoteLadder,
  rollbackLadder,
  withMute,
  withStep
} from '../../../src/confinement/ladder.js'
import { pinOf } from '../../../src/confinement/pin.js'
import { startRiskNow } from '../../../src/seccomp/review/start-risk.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { isKnownSyscall } from '../../../src/syscalls/syscall-table.js'
import { quoted } from '../../../src/lib/shell-word.js'
import { mustBeApproved } from '../../../src/seccomp/policy/approval.js'
import { emergencyLabel, isBlocked } from '../../../src/seccomp/render/emergency.js'
import {
  isBeyondRuntimeDefault,
  parseAllow,
  withAllowed
} from '../../../src/seccomp/review/allow.js'
import { diffSeccomp } from '../../../src/seccomp/review/diff.js'
import type { Confinement } from '../containers/confinement.js'
import { containerRef, givenProfile } from '../containers/restart-command.js'
import type { ConfinementCall } from '../containers/route.js'
import type { DenialRow } from '../../hub/denials/denial-row.js'
import { isOpen } from '../../views/denial-view.js'
import { denialsOfDeleted, denialsOfProfile } from '../denials/denial-views.js'
import { assignmentOf } from './assignment.js'
import { containersOf } from './canary-figures.js'
import { bodies, bodyOf } from './ladder-bodies.js'
import { patchCommand } from './allow-patch.js'
import { currentMode, evidenceText, ladderView } from './ladder-view.js'
import { mustNotTighten, stepCheck } from './step-check.js'
import { digestNow, nextDigest, renderedNow } from './rendered-digest.js'

type Wanted = readonly ReturnType<typeof parseAllow>[]

/** LadderChanges makes the changes of people: steps of a ladder, and syscalls that are allowed or muted. */
export class LadderChanges {
  readonly #confinement: Confinement

  constructor(confinement: Confinement) {
    this.#confinement = confinement
  }

  /** Moves a workload to a higher mode, or shows what that would be (dryRun). */
  async promote(call: ConfinementCall) {
    const { profile: key, dryRun, reason = '', ...options } = bodyOf(bodies.promote, call)
    if (dryRun !== true) mustHaveReason(reason)
    const before = await this.#mustHave(key)
    const current = this.#modeBefore(key, before, options.mode)
    const ground = ladderView(this.#confinement, before)
    const evidence = evidenceText(ground)
    const step = (profile: SeccompProfile) => {
      // What does not render is promoted nowhere.
      renderedNow(this.#confinement, profile)
      const at = this.#now()
      return promoteLadder(profile, { ...options, reason, by: call.actor, at, current, evidence })
    }
    const check = await stepCheck(this.#confinement, step(before), options.force)
    const edit = (profile: SeccompProfile) => {
      const promoted = step(profile)
      // Who promotes to enforce decides about its start again, also where it is enforced already.
      check.step(
        options.mode === 'enforce' ? undefined : profile,
        promoted,
        (key) => `run \`secco promote ${quoted(key)} enforce --force --reason WHY\``
      )
      return promoted
    }
    const after = edit(before)
    // A dry run shows how it is, and apart from that the step that would be taken.
    if (dryRun === true) {
      const { ladder } = after.spec
      const step = after.status?.history?.at(-1)
      const would = {
        ...{ action: step?.action ?? '', from: step?.from ?? '', to: step?.to ?? '' },
        ...(ladder?.canary === undefined ? {} : { others: ladder.canary.from })
      }
      return {
        ...ground,
        would,
        assignment: assignmentOf(this.#confinement, after, call.sees),
        changed: false
      }
    }
    const written = await call.store.update('SeccompProfile', refOfKey(key), edit)
    const view = ladderView(this.#confinement, written)
    const assignment = assignmentOf(this.#confinement, written, call.sees)
    return { ...view, evidence: ground.evidence, assignment, changed: true }
  }

  async rollback(call: ConfinementCall) {
    const { profile: key, reason, force } = bodyOf(bodies.rollback, call)
    const before = await this.#mustHave(key)
    const step = (profile: SeccompProfile) =>
      rollbackLadder(profile, { by: call.actor, at: this.#now(), reason })
    const { evidence } = ladderView(this.#confinement, before)
    const check = await stepCheck(this.#confinement, step(before), force)
    const written = await call.store.update('SeccompProfile', refOfKey(key), (profile) => {
      mustNotTighten(profile, check.rules)
      const back = step(profile)
      check.step(
        profile,
        back,
        (label) => `run \`secco rollback ${quoted(label)} --force --reason WHY\``
      )
      return back
    })
    const lastStep = (profile: SeccompProfile) => profile.status?.history?.at(-1)?.at ?? ''
    if (lastStep(written) === lastStep(before)) {
      throw new SeccoError('INVALID_ARGUMENT', `${key}: there is nothing to go back to`, {
        hint: `see what happened to it: secco history ${quoted(before.spec.workload?.name ?? key)} -n ${quoted(refOfKey(key).namespace)}`
      })
    }
    const assignment = assignmentOf(this.#confinement, written, call.sees)
    return { ...ladderView(this.#confinement, written), evidence, assignment, changed: true }
  }

  /** Returns what a profile would allow in addition; with `yes` it allows it. */
  async allow(call: ConfinementCall) {
    const { profile: key, syscall, syscalls = [], reason = '', yes } = bodyOf(bodies.allow, call)
    const wanted = wantedOf([...(syscall === undefined ? [] : [syscall]), ...syscalls])
    const before = await this.#mustHave(key)
    mustBeApproved(before, 'one syscall alone would start no container')
    mustNotBeBlocked(key, wanted, this.#confinement.profile(emergencyLabel))
    const by = { by: call.actor, at: this.#now(), reason: reason === '' ? 'denied' : reason }
    const edit = (profile: SeccompProfile) => withAllowedStep(profile, wanted, by)
    const after = edit(before)
    const [old, next] = [
      renderedNow(this.#confinement, before),
      renderedNow(this.#confinement, after)
    ]
    const applied = yes === true && after !== before
    // Nodes get a rendering for the whole fleet: only the hub knows its digest.
    const revisionBefore = digestNow(this.#confinement, key) ?? old.digest
    if (applied) await call.store.update('SeccompProfile', refOfKey(key), edit)
    const isSame = old.digest === next.digest
    const pin = pinOf(after, () => startRiskNow(this.#confinement, after))
    const delivered =
      applied && !isSame ? await nextDigest(this.#confinement, key, revisionBefore) : undefined
    return {
      diff: {
        added: changedNames(old.seccomp, next.seccomp),
        beyondRuntimeDefault: wanted.filter(isBeyondRuntimeDefault).flatMap(({ names }) => names),
        revisionBefore,
        revisionAfter: isSame ? revisionBefore : (delivered ?? next.digest)
      },
      // Of what changes nothing there is nothing to write, and on one machine nothing for kubectl to write to.
      ...(applied || after === before || !this.#confinement.sources.inCluster
        ? {}
        : { patch: patchCommand(after, before, { ...by, ...lastReason(after) }) }),
      ...{
        applied,
        ...(pin === undefined ? {} : { pin }),
        restart: containersOf(this.#confinement, key)
          .filter(({ namespace }) => call.sees(namespace))
          .map((view) => containerRef(view, givenProfile(this.#confinement, after)))
      }
    }
  }

  async mute(call: ConfinementCall) {
    const { profile: key, reason, remove = false, ...mute } = bodyOf(bodies.mute, call)
    await this.#mustHave(key)
    if (!remove && !isKnownSyscall(mute.syscall)) {
      throw new SeccoError('INVALID_ARGUMENT', `${mute.syscall}: is in no syscall table`)
    }
    if (!remove) mustReach(this.#confinement, key, mute)
    const decision = { by: call.actor, at: this.#now(), reason }
    const mutes = remove || mute.comm !== undefined ? [mute] : this.#mutesOf(key, mute.syscall)
    const written = await call.store.update('SeccompProfile', refOfKey(key), (profile) =>
      mutes.reduce((now, one) => withMute(now, one, decision, remove), profile)
    )
    return { muted: written.spec.mute ?? [] }
  }

  /**
   * Returns a mute for each process that was denied the syscall: another one that makes it later raises an alarm. Before
   * any denial, and where it is not known which processes were denied it, it is for every process.
   */
  #mutesOf(key: string, syscall: string): { syscall: string; comm?: string }[] {
    const rows = denialsOfProfile(this.#confinement, key).filter((row) => row.syscall === syscall)
    const callers = [...new Set(rows.map(({ comm }) => comm))].sort()
    const areKnown = callers.length > 0 && !callers.includes('')
    return areKnown ? callers.map((comm) => ({ syscall, comm })) : [{ syscall }]
  }

  #now(): string {
    return new Date(this.#confinement.sources.now()).toISOString()
  }

  /** Returns the profile as it is stored: what this process follows may be older than what a person wrote a moment ago. */
  async #mustHave(key: string): Promise<SeccompProfile> {
    const profile = await this.#confinement.sources.store.get('SeccompProfile', refOfKey(key))
    if (profile !== undefined) return profile
    throw new SeccoError('NOT_FOUND', `SeccompProfile ${key} does not exist`, {
      hint: `list them with \`secco get profiles -n ${quoted(refOfKey(key).namespace)}\``
    })
  }

  /** Returns the mode of a workload without a ladder. */
  #modeBefore(key: string, profile: SeccompProfile, wanted: 'audit' | 'enforce') {
    const own = containersOf(this.#confinement, key)
    // Without containers, a revision before the newest one shows that the profile was in use already.
    const wasServed = profile.status?.previousRevision !== undefined
    return own.length === 0 && wasServed ? wanted : currentMode(this.#confinement, own)
  }
}

/**
 * Rejects a mute in a profile where only a deleted profile of its name denied the call: it would quiet none of these denials.
 * @throws SeccoError CONFLICT
 */
function mustReach(
  confinement: Confinement,
  key: string,
  { syscall, comm }: { syscall: string; comm?: string | undefined }
): void {
  const isMeant = (row: DenialRow) => row.syscall === syscall && (comm ?? row.comm) === row.comm
  if (denialsOfProfile(confinement, key).some(isMeant)) return
  const open = denialsOfDeleted(confinement, key).find((view) => isMeant(view) && isOpen(view))
  if (open === undefined) return
  throw new SeccoError(
    'CONFLICT',
    `${syscall}: was denied under a deleted profile of the name ${key}, which a mute in the profile of now does not reach`,
    { hint: open.hint }
  )
}

/** Returns the reason of the newest approval, which also says what was allowed. */
function lastReason({ status }: SeccompProfile): { reason?: string } {
  const reason = status?.approvals?.at(-1)?.reason
  return reason === undefined ? {} : { reason }
}

/** @throws SeccoError INVALID_ARGUMENT */
function mustHaveReason(reason: string): void {
  if (reason.trim() !== '') return
  throw new SeccoError('INVALID_ARGUMENT', 'reason: must not be empty', {
    field: 'reason',
    hint: 'write why, for the history of the workload; a dry run needs no reason'
  })
}

/** @throws SeccoError INVALID_ARGUMENT */
function wantedOf(texts: readonly string[]): Wanted {
  if (texts.length > 0) return [...new Set(texts)].map(parseAllow)
  throw new SeccoError('INVALID_ARGUMENT', 'syscalls: name at least one syscall', {
    field: 'syscalls',
    hint: 'write SYSCALL or SYSCALL:ARG=VALUE'
  })
}

/** What an emergency blocks is in no rendering, whatever a profile allows. */
function mustNotBeBlocked(key: string, wanted: Wanted, overlay: SeccompProfile | undefined): void {
  const blocked = wanted.flatMap(({ names }) => names).find((name) => isBlocked(name, overlay))
  if (blocked === undefined) return
  throw new SeccoError(
    'CONFLICT',
    `${blocked}: is blocked in an emergency, and allowing it in ${key} would change nothing`,
    {
      hint: `remove the block for all profiles first: secco block ${blocked} --remove --reason WHY`
    }
  )
}

/** Allows the syscalls and records that in the profile's history; the same object when nothing changes. */
function withAllowedStep(
  profile: SeccompProfile,
  wanted: Wanted,
  by: { by: string; at: string; reason: string }
): SeccompProfile {
  const after = withAllowed(profile, wanted, by)
  if (after === profile) return profile
  const to = `${wanted.flatMap(({ names }) => names).join(', ')} allowed`.slice(0, 1000)
  return withStep(after, { ...by, action: 'allow', from: 'denied', to })
}

/** Returns the names of syscalls that a change allows or whose rule it changes (ENOSYS, conditions). */
function changedNames(...[old, next]: Parameters<typeof diffSeccomp>): string[] {
  const { added, changed } = diffSeccomp(old, next)
  return [...added, ...changed.map(({ name }) => name)].sort()
}
