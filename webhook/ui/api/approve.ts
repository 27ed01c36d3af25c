import { Type } from 'typebox'
import { SeccoError } from '../../../src/lib/errors.js'
import { approveObserved } from '../../../src/seccomp/review/approve.js'
import { decideCalls } from '../../../src/seccomp/review/decide-calls.js'
import { renderProfile } from '../../../src/seccomp/render/render.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { Call } from '../model/context.js'
import { derivedOf } from '../model/derived.js'
import { Reason, type Route, writing } from '../model/route.js'

const Names = Type.Array(Type.String({ pattern: '^[a-z0-9_]{1,64}$' }), { maxItems: 600 })

const Answer = Type.Object({
  namespace: Type.String(),
  name: Type.String(),
  /** Of what was made; the hub renders it with the fleet's runtimes. */
  approvals: Type.Integer()
})

function refOf({ params }: Call) {
  return { namespace: params['namespace'] ?? '', name: params['name'] ?? '' }
}

function answerOf(profile: SeccompProfile) {
  const { namespace = '', name } = profile.metadata
  return { namespace, name, approvals: profile.status?.approvals?.length ?? 0 }
}

/** Digest of what a proposal renders to here: what a person saw is what is approved, or nothing is. */
export function proposalDigest({ ui }: Call, proposal: SeccompProfile): string {
  const { resolve } = derivedOf(ui.sources, ui.now())
  return renderProfile(proposal, { mode: 'enforce', resolve }).digest
}

/** Approval of what was observed, and of single calls. */
export const approveRoutes: readonly Route[] = [
  writing({
    method: 'POST',
    url: '/api/v1/profiles/:namespace/:name/approve',
    operationId: 'approveProfile',
    summary: 'Approves what was observed, or those of its calls that are named',
    needs: { verb: 'approve', resource: 'seccompprofiles' },
    cli: 'secco profile approve NAME --reason WHY',
    pages: ['/review/:namespace/:name', '/profiler'],
    body: Type.Object(
      {
        reason: Reason,
        allow: Type.Optional(Names),
        refuse: Type.Optional(Names),
        expect: Type.Optional(
          Type.String({ description: 'digest that was shown; another one is a conflict' })
        )
      },
      { additionalProperties: false }
    ),
    response: Answer,
    async handle(call, { reason, allow, refuse = [], expect }) {
      const decision = { by: call.identity.user, at: new Date(call.ui.now()).toISOString(), reason }
      const decide = (profile: SeccompProfile) =>
        allow === undefined && refuse.length === 0
          ? approveObserved(profile, decision)
          : decideCalls(profile, { ...decision, allow: allow ?? [], refuse, whole: true })
      const ref = refOf(call)
      if (expect !== undefined && expect !== '') {
        const current = await call.ui.store.get('SeccompProfile', ref)
        if (current !== undefined && proposalDigest(call, decide(current)) !== expect) {
          throw new SeccoError(
            'CONFLICT',
            'what was observed has changed since the page was made',
            {
              hint: 'load the page again, look, and approve what it shows then'
            }
          )
        }
      }
      return answerOf(await call.ui.store.update('SeccompProfile', ref, decide))
    }
  }),
  writing({
    method: 'POST',
    url: '/api/v1/profiles/:namespace/:name/calls',
    operationId: 'decideCalls',
    summary: 'Lets single calls through, or refuses them',
    needs: { verb: 'approve', resource: 'seccompprofiles' },
    cli: 'secco profile call NAME --allow CALL --refuse CALL --reason WHY',
    pages: ['/workloads/:namespace/:name', '/denials'],
    body: Type.Object(
      { reason: Reason, allow: Type.Optional(Names), refuse: Type.Optional(Names) },
      { additionalProperties: false }
    ),
    response: Answer,
    async handle(call, { reason, allow = [], refuse = [] }) {
      const decision = { by: call.identity.user, at: new Date(call.ui.now()).toISOString(), reason }
      const after = await call.ui.store.update('SeccompProfile', refOf(call), (profile) =>
        decideCalls(profile, { ...decision, allow, refuse })
      )
      return answerOf(after)
    }
  })
]
