import type { LinuxSeccomp, SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { rootNamespace } from '../../../src/api/names.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { emptyOverlay, needed, parseBlock, withBlock } from '../../../src/seccomp/render/block.js'
import { affected } from '../../../src/seccomp/render/block-impact.js'
import { emergencyName } from '../../../src/seccomp/render/emergency.js'
import { rulesOf } from '../../../src/seccomp/policy/normal-form.js'
import { blastRadius, revisionOfText } from './blast-radius.js'
import { createBlockProgress } from './block-progress.js'
import { listOf, type ConfinementCall, type ConfinementRoute, textOf } from '../containers/route.js'
import type { Confinement } from '../containers/confinement.js'

interface Question {
  profile?: string
  seccomp?: LinuxSeccomp
  deny: string[]
  namespace?: string
  selector?: string
  limit?: number
}

function questionOf({ query, body }: ConfinementCall): Question {
  const given = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  const text = (key: string): string | undefined => {
    const value = given[key] ?? textOf(query[key])
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  const listed = given['deny']
  const deny = Array.isArray(listed) ? listed.map(String) : listOf(query['deny'])
  const { seccomp } = given
  const limit = Number(given['limit'] ?? textOf(query['limit']) ?? 1000)
  const [profile, namespace, selector] = [text('profile'), text('namespace'), text('selector')]
  return {
    deny,
    limit: Number.isInteger(limit) && limit >= 0 ? Math.min(limit, 100_000) : 1000,
    ...(profile === undefined ? {} : { profile }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(selector === undefined ? {} : { selector }),
    ...(typeof seccomp === 'object' && seccomp !== null ? { seccomp: seccomp as LinuxSeccomp } : {})
  }
}

async function answer(confinement: Confinement, call: ConfinementCall) {
  const { profile, seccomp, deny, ...where } = questionOf(call)
  if (profile === undefined && seccomp === undefined && deny.length === 0) {
    throw new SeccoError('INVALID_ARGUMENT', 'simulate: neither a profile nor deny is given', {
      hint: 'run secco simulate shop/web, or secco simulate --deny socket:domain=AF_ALG'
    })
  }
  const trial =
    seccomp ?? (profile === undefined ? undefined : await revisionOfText(confinement, profile))
  // Without a selector a profile is simulated for its own containers.
  const own = where.selector === undefined && where.namespace === undefined ? profile : undefined
  return blastRadius(confinement, {
    ...where,
    sees: call.sees,
    ...(trial === undefined ? {} : { seccomp: trial }),
    ...(own === undefined ? {} : { profile: own.replace(/@.*$/, '') }),
    ...(deny.length === 0 ? {} : { deny: deny.flatMap((text) => parseBlock(text).rules) })
  })
}

export function radiusRoutes(confinement: Confinement): ConfinementRoute[] {
  const { now, profiles } = confinement.sources
  const overlayRef = { namespace: rootNamespace, name: emergencyName }
  const progress = createBlockProgress(confinement)

  return [
    ...(['GET', 'POST'] as const).map(
      (method): ConfinementRoute => ({
        ...{ method, url: '/api/v1/simulate', cli: 'secco simulate' },
        needs: { verb: 'list', resource: 'containers' },
        namespaced: true,
        summary:
          'The syscalls that a profile would deny to running containers, and how often they were made',
        handle: (call) => answer(confinement, call)
      })
    ),
    {
      ...{ method: 'GET', url: '/api/v1/block', cli: 'secco block' },
      needs: { verb: 'list', resource: 'seccompprofiles' },
      summary:
        'The syscalls that are blocked everywhere, and the containers that can still make them',
      async handle() {
        const overlay = confinement.profile(`${rootNamespace}/${emergencyName}`)
        const rules = overlay?.spec.seccomp === undefined ? [] : rulesOf(overlay.spec.seccomp)
        return {
          blocked: rules.map(({ name, args }) => ({ name, args: args ?? [] })),
          decisions: overlay?.status?.approvals ?? [],
          ...(await progress(rules))
        }
      }
    },
    {
      ...{ method: 'POST', url: '/api/v1/block', cli: 'secco block' },
      needs: { verb: 'approve', resource: 'seccompprofiles' },
      summary: 'Blocks a syscall in every profile, after listing the containers that use it',
      async handle(call) {
        const given = (call.body ?? {}) as Record<string, unknown>
        const what = typeof given['what'] === 'string' ? given['what'] : ''
        const is = (key: string): boolean => given[key] === true
        const block = parseBlock(what)
        const names = needed(block)
        if (names.length > 0 && !is('remove') && !is('force')) {
          throw new SeccoError(
            'INVALID_ARGUMENT',
            `${what}: every container needs ${names.join(', ')} to start, run or end`,
            { hint: 'block only some of its arguments; with --force pods do not start any more' }
          )
        }
        const why = typeof given['reason'] === 'string' ? `: ${given['reason'].slice(0, 500)}` : ''
        const decision = {
          ...{ by: call.actor, at: new Date(now()).toISOString() },
          reason: `${block.reason}${why}`
        }
        const edit = (overlay: SeccompProfile) => withBlock(overlay, block, decision, is('remove'))
        const existing = confinement.profile(`${rootNamespace}/${emergencyName}`)
        const hit = affected(profiles(), existing, edit(existing ?? emptyOverlay()))
        const users = blastRadius(confinement, { deny: block.rules })
        const rules = rulesOf({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: block.rules })
        if (!is('dryRun')) {
          if (existing === undefined) await call.store.apply('SeccompProfile', emptyOverlay())
          await call.store.update('SeccompProfile', overlayRef, edit)
        }
        return {
          ...{ what, rules: rules.map(({ name }) => name), users, profiles: hit },
          ...(await progress(rules)),
          dryRun: is('dryRun')
        }
      }
    }
  ]
}
