import { Type } from 'typebox'
import { SeccoError } from '../../../src/lib/errors.js'
import { approveObserved } from '../../../src/seccomp/review/approve.js'
import { changedWithoutUndecided, leftOut } from '../../../src/seccomp/review/denied-calls.js'
import { checkSeen } from '../../../src/seccomp/review/seen.js'
import { decideCalls } from '../../../src/seccomp/review/decide-calls.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { Call } from '../model/context.js'
import { derivedOf } from '../model/derived.js'
import { Force, Reason, refOf, type Route, writing } from '../model/route.js'
import { profileCheck } from '../model/start-check.js'

/** A syscall, or one with arguments in the syntax of `secco denials allow`. */
const Calls = Type.Array(Type.String({ pattern: '^[a-z0-9_]{1,64}(:[a-z0-9_=,]{1,200})?$' }), {
  maxItems: 600
})
const Names = Type.Array(Type.String({ pattern: '^[a-z0-9_]{1,64}$' }), { maxItems: 600 })

const Answer = Type.Object({
  namespace: Type.String(),
  name: Type.String(),
  /** Number of approvals; the hub renders the profile with the runtimes of the fleet. */
  approvals: Type.Integer(),
  /** Calls that were observed, and that a filter denied or audit logged: they are approved by name alone. */
  left: Type.Array(Type.String())
})

function answerOf(call: Call, profile: SeccompProfile) {
  const { namespace = '', name } = profile.metadata
  const left = leftOut(profile, undecidedOf(call, profile)).map((one) => one.call)
  return { namespace, name, approvals: profile.status?.approvals?.length ?? 0, left }
}

const undecidedOf = ({ ui }: Call, profile: SeccompProfile) =>
  derivedOf(ui.sources, ui.now()).undecided(profile)

/** Returns the digest of a proposal's rendering. A person approves exactly the digest that the page showed. */
function proposalDigest({ ui }: Call, proposal: SeccompProfile): string {
  return derivedOf(ui.sources, ui.now()).digest(proposal)
}

const forcedApproval = (key: string): string =>
  `run \`secco profile approve ${key} --force --reason WHY\``

function evidenceOf({ ui }: Call, profile: SeccompProfile) {
  return derivedOf(ui.sources, ui.now()).completeness(profile).evidence
}

/** Endpoints that approve what was observed, or single calls. */
export const approveRoutes: readonly Route[] = [
  writing({
    method: 'POST',
    url: '/api/v1/profiles/:namespace/:name/approve',
    operationId: 'approveProfile',
    summary:
      'Approves what was observed without what was denied or logged, or the named syscalls of it',
    needs: { verb: 'approve', resource: 'seccompprofiles' },
    cli: 'secco profile approve NAME --reason WHY',
    pages: ['/review/:namespace/:name', '/profiler'],
    body: Type.Object(
      {
        reason: Reason,
        allow: Type.Optional(Calls),
        deny: Type.Optional(Names),
        force: Force,
        expect: Type.Optional(
          Type.String({ description: 'digest that was shown; another one is a conflict' })
        ),
        seen: Type.Optional(
          Type.String({
            maxLength: 1024,
            description:
              'what was shown, as `secco profile show NAME -o json` prints it; when it changed, nothing is approved. ' +
              'The page always sends it; without it, what is stored now is approved'
          })
        )
      },
      { additionalProperties: false }
    ),
    response: Answer,
    async handle(call, { reason, allow, deny = [], force, expect, seen }) {
      const decision = { by: call.identity.user, at: new Date(call.ui.now()).toISOString(), reason }
      const check = await profileCheck(call.ui, {
        ...{ force, nevertheless: forcedApproval }
      })
      const decide = (profile: SeccompProfile) =>
        allow === undefined && deny.length === 0
          ? changedWithoutUndecided(profile, undecidedOf(call, profile), (view) =>
              approveObserved(view, decision)
            )
          : decideCalls(profile, { ...decision, allow: allow ?? [], deny, whole: true })
      // The digest of what is written: observations may arrive until then.
      const decideShown = (profile: SeccompProfile) => {
        if (seen !== undefined) checkSeen(profile, seen, evidenceOf(call, profile))
        const after = decide(profile)
        check(profile, after)
        if (expect === undefined || expect === '' || proposalDigest(call, after) === expect)
          return after
        throw new SeccoError('CONFLICT', 'the observations changed since the page was loaded', {
          hint: 'load the page again and approve what it shows then'
        })
      }
      return answerOf(call, await call.ui.store.update('SeccompProfile', refOf(call), decideShown))
    }
  }),
  writing({
    method: 'POST',
    url: '/api/v1/profiles/:namespace/:name/calls',
    operationId: 'decideCalls',
    summary: 'Allows or denies single syscalls',
    needs: { verb: 'approve', resource: 'seccompprofiles' },
    cli: 'secco profile call NAME --allow CALL --deny CALL --reason WHY',
    pages: ['/workloads/:namespace/:name', '/denials'],
    body: Type.Object(
      {
        ...{ reason: Reason, allow: Type.Optional(Calls), deny: Type.Optional(Names) },
        force: Force
      },
      { additionalProperties: false }
    ),
    response: Answer,
    async handle(call, { reason, allow = [], deny = [], force }) {
      const decision = { by: call.identity.user, at: new Date(call.ui.now()).toISOString(), reason }
      const check = await profileCheck(call.ui, { force })
      const after = await call.ui.store.update('SeccompProfile', refOf(call), (profile) => {
        const decided = decideCalls(profile, { ...decision, allow, deny })
        check(profile, decided)
        return decided
      })
      return answerOf(call, after)
    }
  })
]
