import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { rootNamespace } from '../../../src/api/names.js'
import { SeccoError } from '../../../src/lib/errors.js'
import {
  type Block,
  emptyOverlay,
  needed,
  parseBlock,
  withBlock
} from '../../../src/seccomp/render/block.js'
import { affected } from '../../../src/seccomp/render/block-impact.js'
import { emergencyLabel, emergencyName } from '../../../src/seccomp/render/emergency.js'
import { rulesOf } from '../../../src/seccomp/policy/normal-form.js'
import { unblockedEquivalents } from '../../../src/seccomp/render/unblocked-equivalents.js'
import { revisionOfText } from './blast-radius.js'
import { createBlockProgress } from './block-progress.js'
import { proposedRevision } from './proposed-revision.js'
import { radiusOf } from './radius.js'
import { distinctRules, questionOf } from './radius-question.js'
import { type ConfinementCall, type ConfinementRoute, textOf } from '../containers/route.js'
import type { Confinement } from '../containers/confinement.js'
import { bodies, bodyOf } from '../ladder/ladder-bodies.js'

async function answer(confinement: Confinement, call: ConfinementCall) {
  const { profile, seccomp, proposal, deny, ...where } = questionOf(call)
  if (profile === undefined && seccomp === undefined && deny.length === 0) {
    throw new SeccoError('INVALID_ARGUMENT', 'simulate: neither a profile nor deny is given', {
      hint: 'run secco simulate shop/web, or secco simulate --deny socket:domain=AF_ALG'
    })
  }
  const revision = async (key: string) =>
    proposal === undefined
      ? revisionOfText(confinement, key)
      : proposedRevision(confinement, key, proposal)
  const trial = seccomp ?? (profile === undefined ? undefined : await revision(profile))
  // Without a selector a profile is simulated for its own containers.
  const own = where.selector === undefined && where.namespace === undefined ? profile : undefined
  return radiusOf(confinement, {
    ...where,
    sees: call.sees,
    ...(trial === undefined ? {} : { seccomp: trial }),
    ...(own === undefined ? {} : { profile: own.replace(/@.*$/, '') }),
    ...(deny.length === 0 ? {} : { deny: distinctRules(deny) })
  })
}

function mustSpareNeeded(what: string, block: Block): void {
  const names = needed(block)
  if (names.length === 0) return
  const message = `${what}: every container needs ${names.join(', ')} to start, run or end`
  throw new SeccoError('INVALID_ARGUMENT', message, {
    hint: 'block only some of its arguments; with --force pods do not start any more'
  })
}

const listContainers = { verb: 'list', resource: 'containers' } as const

export function radiusRoutes(confinement: Confinement): ConfinementRoute[] {
  const { now, profiles } = confinement.sources
  const overlayRef = { namespace: rootNamespace, name: emergencyName }
  const progress = createBlockProgress(confinement)

  /** Returns who uses a syscall, who could still make it if it were blocked, and what does the same. */
  async function impactOf(what: string) {
    const block = parseBlock(what)
    const rules = rulesOf({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: block.rules })
    return {
      rules: rules.map(({ name }) => name),
      equivalents: unblockedEquivalents(rules, confinement.profile(emergencyLabel)),
      users: await radiusOf(confinement, { deny: block.rules }),
      ...(await progress(rules))
    }
  }

  return [
    ...(['GET', 'POST'] as const).map(
      (method): ConfinementRoute => ({
        ...{ method, url: '/api/v1/simulate', cli: 'secco simulate' },
        needs: listContainers,
        namespaced: true,
        summary:
          'The syscalls that a profile would deny to running containers, and how often they were made',
        handle: (call) => answer(confinement, call)
      })
    ),
    {
      ...{ method: 'GET', url: '/api/v1/block', cli: 'secco block' },
      ...{ needs: { verb: 'list', resource: 'seccompprofiles' }, also: listContainers },
      summary:
        'The syscalls that are blocked everywhere, or would be with ?what=WHAT, and the containers that can still make them',
      async handle({ query }) {
        const overlay = confinement.profile(emergencyLabel)
        const rules = overlay?.spec.seccomp === undefined ? [] : rulesOf(overlay.spec.seccomp)
        const what = textOf(query['what'])
        if (what !== undefined) return impactOf(what)
        return {
          blocked: rules.map(({ name, args }) => ({ name, args: args ?? [] })),
          equivalents: unblockedEquivalents(rules, overlay),
          decisions: overlay?.status?.approvals ?? [],
          ...(await progress(rules))
        }
      }
    },
    {
      ...{ method: 'POST', url: '/api/v1/block', cli: 'secco block' },
      ...{ needs: { verb: 'approve', resource: 'seccompprofiles' }, also: listContainers },
      summary: 'Blocks a syscall in every profile, after listing the containers that use it',
      async handle(call) {
        const given = bodyOf(bodies.block, call)
        const { what, remove = false, force = false, dryRun = false } = given
        const block = parseBlock(what)
        if (!remove && !force) mustSpareNeeded(what, block)
        const why = given.reason === undefined ? '' : `: ${given.reason.slice(0, 500)}`
        const decision = {
          ...{ by: call.actor, at: new Date(now()).toISOString() },
          reason: `${block.reason}${why}`
        }
        const edit = (overlay: SeccompProfile) => withBlock(overlay, block, decision, remove)
        const existing = confinement.profile(emergencyLabel)
        const hit = affected(profiles(), existing, edit(existing ?? emptyOverlay()))
        // As it was before: the same as the question without the change.
        const impact = await impactOf(what)
        if (!dryRun) {
          if (existing === undefined) await call.store.apply('SeccompProfile', emptyOverlay())
          await call.store.update('SeccompProfile', overlayRef, edit)
        }
        const instead = remove ? { equivalents: [] } : {}
        const stated = given.reason === undefined ? {} : { reason: given.reason }
        return { what, ...stated, ...hit, ...impact, ...instead, dryRun }
      }
    }
  ]
}
